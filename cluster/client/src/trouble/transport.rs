//! Errors from below HTTP's answers, as troubles.

use std::error::Error;

use kube::client::AuthError;

use super::{Asked, Trouble};

pub(super) fn read(error: &kube::Error, asked: &Asked<'_>) -> Trouble {
    let server = asked.server.to_owned();
    let chain = chain(error);
    if let Some(auth) = chain.iter().find_map(|error| error.downcast_ref::<AuthError>()) {
        return Trouble::Credentials { reason: credentials(auth) };
    }
    match error {
        kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => {
            let reason = chain.last().map_or_else(|| error.to_string(), ToString::to_string);
            return Trouble::Garbage { what: asked.object(), reason };
        }
        kube::Error::RustlsTls(_) | kube::Error::TlsRequired => {
            return Trouble::Tls { server, reason: deepest(&chain) };
        }
        kube::Error::ProxyProtocolUnsupported { proxy_url } => {
            return Trouble::Access {
                reason: format!("the proxy `{proxy_url}` speaks a protocol that is not supported"),
                cure: "use one of `http`, `https` or `socks5`".to_owned(),
            };
        }
        kube::Error::BuildRequest(_) | kube::Error::HttpError(_) => {
            return Trouble::Unusable {
                what: asked.object(),
                reason: format!("{}; correct its name", deepest(&chain)),
            };
        }
        _ => {}
    }
    let reason = deepest(&chain);
    if reason.contains("InvalidContentType") {
        let reason = "it does not speak TLS: write `http://`, or another port".to_owned();
        return Trouble::Tls { server, reason };
    }
    let is_tls = |text: &str| {
        ["certificate", "fatal alert", "InvalidCertificate", "peer is incompatible", "corrupt message"]
            .iter()
            .any(|sign| text.contains(sign))
    };
    if is_tls(&reason) {
        return Trouble::Tls { server, reason };
    }
    Trouble::Unreachable { server, reason }
}

/// An error, what caused it, what caused that, and so on.
fn chain<'e>(error: &'e (dyn Error + 'static)) -> Vec<&'e (dyn Error + 'static)> {
    let (mut chain, mut error) = (vec![error], error);
    while let Some(source) = error.source() {
        chain.push(source);
        error = source;
    }
    chain
}

/// The error that caused all others, as it would be said in a sentence.
fn deepest(chain: &[&(dyn Error + 'static)]) -> String {
    let text = chain.last().map(ToString::to_string).unwrap_or_default();
    let text = text.split(" (os error").next().unwrap_or_default().trim_end_matches('.');
    let mut characters = text.chars();
    match characters.next() {
        Some(first) if characters.clone().next().is_some_and(char::is_lowercase) => {
            first.to_lowercase().chain(characters).collect()
        }
        _ => text.to_owned(),
    }
}

fn credentials(error: &AuthError) -> String {
    match error {
        AuthError::AuthExecStart(error) => {
            format!("the program that the kubeconfig names for them cannot be run ({error})")
        }
        AuthError::AuthExecRun { cmd, out } => {
            let said = String::from_utf8_lossy(&out.stderr);
            let said = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it says nothing").trim();
            let end = out.status.code().map_or("a signal".to_owned(), |code| format!("code {code}"));
            format!("`{cmd}` ended with {end}: {said}")
        }
        AuthError::ReadTokenFile(error, path) => {
            format!("the token file `{}` cannot be read ({error})", path.display())
        }
        other => other.to_string(),
    }
}
