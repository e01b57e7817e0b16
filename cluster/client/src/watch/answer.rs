//! What a server answers to who lists and watches.

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{Event, Key};
use crate::Trouble;

/// A page of a list.
pub(super) struct Page<T> {
    /// The version of the list.
    pub(super) version: String,
    /// What to ask for the next page with, unless this is the last.
    pub(super) token: Option<String>,
    pub(super) objects: Vec<(Key, T)>,
}

/// An event, and the version after it.
pub(super) struct Line<T> {
    pub(super) version: String,
    pub(super) event: Event<T>,
}

#[derive(Deserialize)]
struct RawPage<'a> {
    metadata: RawPageMetadata<'a>,
    #[serde(borrow)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPageMetadata<'a> {
    #[serde(borrow)]
    resource_version: Cow<'a, str>,
    #[serde(rename = "continue")]
    token: Option<String>,
}

#[derive(Deserialize)]
struct RawLine<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    object: &'a RawValue,
}

#[derive(Deserialize)]
struct Object {
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    namespace: Option<String>,
    name: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
}

#[derive(Deserialize)]
struct Status {
    #[serde(default)]
    code: u16,
    #[serde(default)]
    message: String,
    details: Option<Details>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    retry_after_seconds: Option<u64>,
}

impl<T: DeserializeOwned> Page<T> {
    pub(super) fn read(text: &str, what: &str) -> Result<Self, Trouble> {
        let garbage = |error: serde_json::Error| garbage(what, &error);
        let RawPage { metadata, items } = serde_json::from_str(text).map_err(garbage)?;
        let items = items.unwrap_or_default().into_iter();
        let objects = items.map(|item| {
            let (key, _) = described(item, what)?;
            Ok((key, serde_json::from_str(item.get()).map_err(garbage)?))
        });
        Ok(Self {
            version: metadata.resource_version.into_owned(),
            token: metadata.token.filter(|token| !token.is_empty()),
            objects: objects.collect::<Result<_, Trouble>>()?,
        })
    }
}

impl<T: DeserializeOwned> Line<T> {
    pub(super) fn read(line: &[u8], what: &str) -> Result<Self, Trouble> {
        let garbage = |error: serde_json::Error| garbage(what, &error);
        let RawLine { kind, object } = serde_json::from_slice(line).map_err(garbage)?;
        if kind == "ERROR" {
            let status: Status = serde_json::from_str(object.get()).map_err(garbage)?;
            return Err(status.into_trouble());
        }
        if kind == "BOOKMARK" {
            let bookmark: Object = serde_json::from_str(object.get()).map_err(garbage)?;
            let version = bookmark.metadata.resource_version.unwrap_or_default();
            return match version.is_empty() {
                true => Err(senseless(what, "a bookmark names no version")),
                false => Ok(Self { version, event: Event::Alive }),
            };
        }
        let (key, version) = described(object, what)?;
        let event = match &*kind {
            "ADDED" | "MODIFIED" => Event::Put(key, serde_json::from_str(object.get()).map_err(garbage)?),
            "DELETED" => Event::Gone(key),
            other => return Err(senseless(what, &format!("there is no event of the type `{other}`"))),
        };
        Ok(Self { version, event })
    }
}

impl Status {
    fn into_trouble(self) -> Trouble {
        match self.code {
            410 => Trouble::Expired,
            429 => {
                let after = self.details.and_then(|details| details.retry_after_seconds);
                Trouble::Overloaded { after: after.map(Duration::from_secs) }
            }
            code => Trouble::Failing { code, reason: self.message },
        }
    }
}

/// Which object it is, and its version.
fn described(object: &RawValue, what: &str) -> Result<(Key, String), Trouble> {
    let Object { metadata } = serde_json::from_str(object.get()).map_err(|error| garbage(what, &error))?;
    let Metadata { namespace, name: Some(name), uid: Some(uid), resource_version: Some(version) } = metadata
    else {
        return Err(senseless(what, "an object has no name, no UID or no version"));
    };
    Ok((Key { namespace: namespace.filter(|namespace| !namespace.is_empty()), name, uid }, version))
}

fn garbage(what: &str, error: &serde_json::Error) -> Trouble {
    senseless(what, &error.to_string())
}

fn senseless(what: &str, reason: &str) -> Trouble {
    Trouble::Garbage { what: what.to_owned(), reason: reason.to_owned() }
}

/// A value in the query of an address (RFC 3986, 2.3: what is unreserved stays as it is).
pub(super) fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte))
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Named {
        spec: Option<Value>,
    }

    fn line(text: &str) -> Result<(String, Event<Named>), Trouble> {
        Line::read(text.as_bytes(), "pods").map(|Line { version, event }| (version, event))
    }

    #[test]
    fn an_event_tells_an_object_and_the_version_after_it() {
        let text = r#"{"type":"ADDED","object":{"kind":"Pod","metadata":{"namespace":"a","name":"b","uid":"c","resourceVersion":"7"},"spec":1}}"#;
        let key = Key { namespace: Some("a".to_owned()), name: "b".to_owned(), uid: "c".to_owned() };
        assert_eq!(line(text), Ok(("7".to_owned(), Event::Put(key.clone(), Named { spec: Some(1.into()) }))));
        assert_eq!(line(&text.replace("ADDED", "DELETED")), Ok(("7".to_owned(), Event::Gone(key))));
        let bookmark = r#"{"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"12"}}}"#;
        assert_eq!(line(bookmark), Ok(("12".to_owned(), Event::Alive)));
    }

    #[test]
    fn what_makes_no_sense_is_no_event() {
        for text in [
            "",
            "{",
            "<html>",
            "null",
            r#"{"type":"ADDED"}"#,
            r#"{"type":"ADDED","object":{"metadata":{"name":"b"}}}"#,
            r#"{"type":"WHATEVER","object":{"metadata":{"name":"b","uid":"c","resourceVersion":"7"}}}"#,
            r#"{"type":"BOOKMARK","object":{"metadata":{}}}"#,
        ] {
            assert!(matches!(line(text), Err(Trouble::Garbage { .. })), "{text}: {:?}", line(text));
        }
    }

    #[test]
    fn an_error_says_whether_to_list_again() {
        let error =
            |code| format!(r#"{{"type":"ERROR","object":{{"kind":"Status","code":{code},"message":"m"}}}}"#);
        assert_eq!(line(&error(410)), Err(Trouble::Expired));
        assert_eq!(line(&error(500)), Err(Trouble::Failing { code: 500, reason: "m".to_owned() }));
        assert_eq!(line(&error(429)), Err(Trouble::Overloaded { after: None }));
    }

    #[test]
    fn a_page_says_whether_another_one_follows() {
        let page = |token: &str| {
            let text = format!(
                r#"{{"kind":"PodList","metadata":{{"resourceVersion":"5","continue":"{token}"}},"items":[{{"metadata":{{"name":"b","uid":"c","resourceVersion":"1"}}}}]}}"#
            );
            Page::<Named>::read(&text, "pods").unwrap()
        };
        assert_eq!(page("x").token.as_deref(), Some("x"));
        assert_eq!((page("").token, page("").version, page("").objects.len()), (None, "5".to_owned(), 1));
        assert!(Page::<Named>::read(r#"{"items":[]}"#, "pods").is_err());
        let none =
            Page::<Named>::read(r#"{"metadata":{"resourceVersion":"5"},"items":null}"#, "pods").unwrap();
        assert!(none.objects.is_empty());
    }

    #[test]
    fn a_selector_survives_being_written_in_an_address() {
        assert_eq!(escaped("a!=b,c in (d)"), "a%21%3Db%2Cc%20in%20%28d%29");
    }
}
