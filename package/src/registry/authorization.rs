//! How one tells a registry who asks (<https://distribution.github.io/distribution/spec/auth/token/>).

use http_auth::{ChallengeRef, parse_challenges};
use reqwest::header::{CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Method, Url};
use serde::Deserialize;

use super::answer::{Answer, MOST_DOCUMENT};
use super::trouble::said;
use super::{Credentials, Registry, Trouble};

/// What a server of tokens answers.
#[derive(Deserialize)]
struct Tokens {
    #[serde(alias = "access_token")]
    token: Option<String>,
}

impl Registry {
    /// What a registry asks for, as the value of the header `Authorization`.
    pub(super) async fn authorize(&self, answer: &Answer) -> Result<HeaderValue, Trouble> {
        let values = answer.headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let challenges: Vec<ChallengeRef<'_>> =
            values.flat_map(|value| parse_challenges(value).unwrap_or_default()).collect();
        let of =
            |scheme: &str| challenges.iter().find(|challenge| challenge.scheme.eq_ignore_ascii_case(scheme));
        if let Some(challenge) = of("Bearer") {
            return self.token(challenge).await;
        }
        match (of("Basic"), &self.access.credentials) {
            (Some(_), Credentials::Basic { username, password }) => self.basic(username, password),
            (Some(_), _) => Err(self.refused(answer)),
            (None, _) => Err(self.garbage("it wants to know who asks, but does not say how".to_owned())),
        }
    }

    /// That nobody may do this without saying who it is, or not as who one said to be.
    pub(super) fn refused(&self, answer: &Answer) -> Trouble {
        let registry = self.reference.registry();
        let (what, cure) = match &self.access.credentials {
            Credentials::Anonymous => (
                "wants to know who asks",
                format!("log in with `docker login {registry}`, or give `--username` and `--password-stdin`"),
            ),
            Credentials::Basic { username, .. } => (
                "does not accept the password",
                format!(
                    "check the one of `{username}`, and log in again with `docker login {registry}` if it is kept there"
                ),
            ),
            Credentials::Identity(_) => (
                "does not accept the token that is kept for it",
                format!("log in again with `docker login {registry}`"),
            ),
        };
        let said = format!("{what}: {}", said(answer.status, &answer.body));
        Trouble::Unauthorized { registry: registry.to_owned(), said, cure }
    }

    fn basic(&self, username: &str, password: &str) -> Result<HeaderValue, Trouble> {
        let request = self.http.get(self.base.clone()).basic_auth(username, Some(password)).build();
        let header =
            request.ok().and_then(|request| request.headers().get(reqwest::header::AUTHORIZATION).cloned());
        header
            .ok_or_else(|| self.garbage("its user's name or password cannot be sent in a header".to_owned()))
    }

    /// Fetches a token.
    async fn token(&self, challenge: &ChallengeRef<'_>) -> Result<HeaderValue, Trouble> {
        let parameter = |name: &str| {
            let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.to_unescaped())
        };
        let realm = parameter("realm").unwrap_or_default();
        let mut url = Url::parse(&realm)
            .map_err(|_| self.garbage(format!("it sends for tokens to `{realm}`, which is no address")))?;
        // A password goes where the registry says, but not where everybody reads along unless that was allowed.
        if url.scheme() != "https" && self.base.scheme() == "https" {
            return Err(self.garbage(format!("it sends for tokens to `{realm}`, by plain HTTP")));
        }
        let mut pairs = Vec::new();
        pairs.extend(parameter("service").map(|service| ("service", service)));
        let repository = self.reference.repository();
        let own = format!("repository:{repository}:pull,push");
        let mounted = self.access.mount_from.as_ref().map(|from| format!("repository:{from}:pull"));
        let request = match &self.access.credentials {
            // Docker's way for what `docker login` got in exchange for a password.
            Credentials::Identity(token) => {
                let scope = [Some(own), mounted].into_iter().flatten().collect::<Vec<_>>().join(" ");
                pairs.push(("grant_type", "refresh_token".to_owned()));
                pairs.push(("client_id", "bookend".to_owned()));
                pairs.push(("refresh_token", token.clone()));
                pairs.push(("scope", scope));
                let form = {
                    let mut form = url.clone();
                    form.set_query(None);
                    form.query_pairs_mut().extend_pairs(&pairs);
                    form.query().unwrap_or_default().to_owned()
                };
                let kind = "application/x-www-form-urlencoded";
                self.http.request(Method::POST, url).header(CONTENT_TYPE, kind).body(form)
            }
            credentials => {
                // Who may only read gets a token to read, and is told so by the registry if that is not enough.
                pairs.push(("scope", own));
                pairs.extend(mounted.map(|scope| ("scope", scope)));
                url.query_pairs_mut().extend_pairs(&pairs);
                let request = self.http.get(url);
                match credentials {
                    Credentials::Basic { username, password } => request.basic_auth(username, Some(password)),
                    Credentials::Anonymous | Credentials::Identity(_) => request,
                }
            }
        };
        let told = |error: &reqwest::Error| Trouble::of_transport(self.reference.registry(), error);
        let response = request.send().await.map_err(|error| told(&error))?;
        let answer = Answer::read(response, MOST_DOCUMENT, self.reference.registry(), told).await?;
        if answer.is_transient() {
            let (registry, said) = (self.reference.registry().to_owned(), said(answer.status, &answer.body));
            return Err(Trouble::Failed { registry, said, after: None });
        }
        if !answer.status.is_success() {
            return Err(self.refused(&answer));
        }
        let tokens: Tokens = serde_json::from_slice(&answer.body)
            .map_err(|_| self.garbage("what it sends for tokens to gives none".to_owned()))?;
        let token = tokens.token.filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| self.garbage("what it sends for tokens to gives none".to_owned()))?;
        HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| self.garbage("its token cannot be sent in a header".to_owned()))
    }
}
