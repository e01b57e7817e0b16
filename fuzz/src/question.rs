//! Requests as text, and the connection they come over.
//!
//! The first line is a method, an authority and a target, separated by spaces; `-` is none. Every further line is a header,
//! `name: value`, or the claims of a verified token, `= {"sub": "alice"}`.

use bookend_engine::{
    Connection, Endpoint, Head, HeaderLine, HttpMatch, Identity, Inventory, Labels, Location, Protocol,
    Request, Tokens, Truth, WorkloadIdentity,
};
use serde_json::Value;

use crate::first_line;

/// A request, in parts that can be changed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Question {
    pub(crate) method: Option<Vec<u8>>,
    pub(crate) authority: Option<Vec<u8>>,
    pub(crate) target: Option<Vec<u8>>,
    /// `None` where they are not known.
    pub(crate) headers: Option<Vec<(Vec<u8>, Vec<u8>)>>,
    pub(crate) tokens: Tokens,
}

impl Question {
    pub(crate) fn read(text: &[u8]) -> Self {
        let (head, lines) = first_line(text);
        let mut words =
            head.splitn(3, |byte| *byte == b' ').map(|word| (word != b"-").then(|| word.to_vec()));
        let mut word = || words.next().flatten();
        let (method, authority, target) = (word(), word(), word());
        let (mut headers, mut claims) = (Vec::new(), Vec::new());
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            if let Some(json) = line.strip_prefix(b"= ") {
                claims.extend(serde_json::from_slice::<Value>(json).ok().filter(Value::is_object));
            } else if let Some(colon) = line.windows(2).position(|two| two == b": ") {
                headers.push((line[..colon].to_vec(), line[colon + 2..].to_vec()));
            }
        }
        Self { method, authority, target, headers: Some(headers), tokens: Tokens::Verified(claims) }
    }

    /// Calls `judge` with the connection and the request.
    pub(crate) fn put<T>(&self, judge: impl FnOnce(&Connection<'_>, &Request<'_>) -> T) -> T {
        let (web, shop) = (workload("web"), workload("shop"));
        let inventory = Inventory::default();
        let end = |workload| {
            let identity = Identity::Workload(workload);
            let principal = inventory.principal_of(&identity);
            Endpoint { identity, location: Location::Unknown, principal }
        };
        let connection =
            Connection { source: end(&web), destination: end(&shop), protocol: Protocol::Tcp, port: 8080 };
        let headers: Option<Vec<HeaderLine<'_>>> = self
            .headers
            .as_ref()
            .map(|lines| lines.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect());
        let request = Request::new(Head {
            method: self.method.as_deref(),
            authority: self.authority.as_deref(),
            path: self.target.as_deref(),
            headers: headers.as_deref(),
            tokens: self.tokens.clone(),
            ..Head::default()
        });
        judge(&connection, &request)
    }

    pub(crate) fn holds(&self, http: &HttpMatch) -> Truth {
        self.put(|connection, request| http.holds(connection, request))
    }

    /// What is not asked for makes no difference: the filter does not even read it.
    pub(crate) fn needs_no_more(&self, http: &HttpMatch) {
        let (needs, truth) = (http.needs(), self.holds(http));
        // Where the request ends concerns every condition (S65), so headers that leave it open are always needed.
        if !needs.headers && self.put(|_, request| request.is_bounded()) {
            let blind = Self { headers: None, ..self.clone() };
            assert_eq!(blind.holds(http), truth, "headers make a difference that nobody asked for");
        }
        if !needs.tokens {
            let blind = Self { tokens: Tokens::Unknown, ..self.clone() };
            assert_eq!(blind.holds(http), truth, "tokens make a difference that nobody asked for");
        }
    }
}

fn workload(app: &str) -> WorkloadIdentity {
    WorkloadIdentity {
        namespace: "default".into(),
        service_account: app.into(),
        labels: Labels::from([("app".into(), app.into())]),
        proxied: true,
        jwt: true,
        ..WorkloadIdentity::default()
    }
}

/// Conditions from JSON in which parts that say nothing may be left out.
pub(crate) fn conditions(json: &[u8]) -> Option<HttpMatch> {
    let Value::Object(mut written) = serde_json::from_slice(json).ok()? else { return None };
    let Value::Object(whole) = serde_json::to_value(HttpMatch::default()).ok()? else { return None };
    for (part, nothing) in whole {
        written.entry(part).or_insert(nothing);
    }
    let conditions: HttpMatch = serde_json::from_value(Value::Object(written)).ok()?;
    let json = serde_json::to_vec(&conditions).expect("it was just read");
    assert_eq!(serde_json::from_slice::<HttpMatch>(&json).expect("it was just written"), conditions);
    Some(conditions)
}
