//! What a path and its query ask for.

use std::collections::BTreeMap;

/// The parameters of a query; the last of a name counts.
pub(crate) type Query = BTreeMap<String, String>;

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// What the server says about itself: `/version`, `/healthz`, `/api`, …
    About(String),
    /// Objects.
    Objects(Place),
}

/// Objects of a kind, or one of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) plural: String,
    /// Empty for kinds without, and for all.
    pub(crate) namespace: String,
    /// Empty for all.
    pub(crate) name: String,
    pub(crate) subresource: String,
}

/// Reads the path of a request.
pub(crate) fn target(path: &str) -> Target {
    let steps: Vec<_> = path.split('/').filter(|step| !step.is_empty()).map(decoded).collect();
    let steps: Vec<_> = steps.iter().map(String::as_str).collect();
    let (group, version, rest) = match steps.as_slice() {
        ["api", version, rest @ ..] if !rest.is_empty() => ("", *version, rest),
        ["apis", group, version, rest @ ..] if !rest.is_empty() => (*group, *version, rest),
        _ => return Target::About(path.to_owned()),
    };
    let mut place = Place { group: group.to_owned(), version: version.to_owned(), ..Place::default() };
    let rest = match rest {
        // `namespaces/x/status` is of the namespace itself.
        ["namespaces", _, "status" | "finalize"] => rest,
        ["namespaces", namespace, inner @ ..] if !inner.is_empty() => {
            place.namespace = (*namespace).to_owned();
            inner
        }
        _ => rest,
    };
    let [plural, rest @ ..] = rest else { return Target::About(path.to_owned()) };
    place.plural = (*plural).to_owned();
    match rest {
        [] => {}
        [name] => place.name = (*name).to_owned(),
        [name, subresource @ ..] => {
            place.name = (*name).to_owned();
            place.subresource = subresource.join("/");
        }
    }
    Target::Objects(place)
}

/// Reads a query.
pub(crate) fn query(text: &str) -> Query {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(&name.replace('+', " ")), decoded(&value.replace('+', " ")))
        })
        .collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        match (byte, digit(ahead.next()), digit(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
                rest = ahead;
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &str) -> (String, String, String, String) {
        match target(path) {
            Target::Objects(place) => (place.plural, place.namespace, place.name, place.subresource),
            Target::About(path) => panic!("{path} is no place"),
        }
    }

    #[test]
    fn paths_lead_to_objects() {
        let is =
            |a: &str, b: &str, c: &str, d: &str| (a.to_owned(), b.to_owned(), c.to_owned(), d.to_owned());
        assert_eq!(place("/api/v1/namespaces"), is("namespaces", "", "", ""));
        assert_eq!(place("/api/v1/namespaces/a"), is("namespaces", "", "a", ""));
        assert_eq!(place("/api/v1/namespaces/a/status"), is("namespaces", "", "a", "status"));
        assert_eq!(place("/api/v1/namespaces/a/pods/b/log"), is("pods", "a", "b", "log"));
        assert_eq!(place("/apis/bookend.dev/v1alpha1/policies"), is("policies", "", "", ""));
        assert!(matches!(target("/apis/apps/v1"), Target::About(_)));
    }

    #[test]
    fn queries_are_decoded() {
        let query = query("labelSelector=a%3Db%2Cc&watch=true");
        assert_eq!(query.get("labelSelector").map(String::as_str), Some("a=b,c"));
        assert_eq!(query.get("watch").map(String::as_str), Some("true"));
    }
}
