//! What a server answers to who lists and watches.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{Event, Key, Unread};
use crate::Trouble;

/// The most characters that are told of what is wrong with an object.
const MAX_REASON: usize = 200;

/// A page of a list, whose objects are read one after the other, as they are asked for.
pub(super) struct Page {
    /// The version of the list.
    pub(super) version: String,
    /// What to ask for the next page with, unless this is the last.
    pub(super) token: Option<String>,
    text: String,
    /// Which they are, and where in the text each stands.
    objects: VecDeque<(Described, Range<usize>)>,
}

/// Which object it is, and what the server keeps of it besides.
struct Described {
    key: Key,
    version: String,
    generation: i64,
    created: String,
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
    generation: Option<i64>,
    creation_timestamp: Option<String>,
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

impl Page {
    pub(super) fn read(bytes: Vec<u8>, what: &str) -> Result<Self, Trouble> {
        let text = text(bytes);
        let RawPage { metadata, items } =
            serde_json::from_str(&text).map_err(|error| garbage(what, &error))?;
        let start = text.as_ptr().addr();
        let mut objects = VecDeque::new();
        for item in items.unwrap_or_default() {
            let first = item.get().as_ptr().addr() - start;
            objects.push_back((described(item, what)?, first..first + item.get().len()));
        }
        let (version, token) = (metadata.resource_version.into_owned(), metadata.token);
        Ok(Self { version, token: token.filter(|token| !token.is_empty()), objects, text })
    }

    /// The next of its objects.
    pub(super) fn next<T: DeserializeOwned>(&mut self) -> Option<Event<T>> {
        let (described, place) = self.objects.pop_front()?;
        Some(described.put(self.text.get(place).unwrap_or_default()))
    }
}

impl Described {
    /// An object as it is now. One that is no `T` is there all the same, and keeps nobody from being told of the others.
    fn put<T: DeserializeOwned>(self, text: &str) -> Event<T> {
        match serde_json::from_str(text) {
            Ok(object) => Event::Put(self.key, object),
            Err(error) => {
                let Self { key, generation, created, .. } = self;
                let reason = error.to_string().chars().take(MAX_REASON).collect();
                Event::Unread(key, Unread { reason, generation, created })
            }
        }
    }
}

/// What a server wrote as text. What is no UTF-8 is what a server that reads it takes it for (encoding/json in Go): U+FFFD.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

impl<T: DeserializeOwned> Line<T> {
    pub(super) fn read(line: Vec<u8>, what: &str) -> Result<Self, Trouble> {
        let garbage = |error: serde_json::Error| garbage(what, &error);
        let line = text(line);
        let RawLine { kind, object } = serde_json::from_str(&line).map_err(garbage)?;
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
        let mut described = described(object, what)?;
        let version = std::mem::take(&mut described.version);
        let event = match &*kind {
            "ADDED" | "MODIFIED" => described.put(object.get()),
            "DELETED" => Event::Gone(described.key),
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

/// Which object it is.
fn described(object: &RawValue, what: &str) -> Result<Described, Trouble> {
    let Object { metadata } = serde_json::from_str(object.get()).map_err(|error| garbage(what, &error))?;
    let Metadata { namespace, name, uid, resource_version, generation, creation_timestamp } = metadata;
    let (Some(name), Some(uid), Some(version)) = (name, uid, resource_version) else {
        return Err(senseless(what, "an object has no name, no UID or no version"));
    };
    Ok(Described {
        key: Key { namespace: namespace.filter(|namespace| !namespace.is_empty()), name, uid },
        version,
        generation: generation.unwrap_or_default(),
        created: creation_timestamp.unwrap_or_default(),
    })
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
        Line::read(text.as_bytes().to_vec(), "pods").map(|Line { version, event }| (version, event))
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
            Page::read(text.into_bytes(), "pods").unwrap()
        };
        assert_eq!(page("x").token.as_deref(), Some("x"));
        assert_eq!((page("").token, page("").version, page("").objects.len()), (None, "5".to_owned(), 1));
        assert!(Page::read(br#"{"items":[]}"#.to_vec(), "pods").is_err());
        let none =
            Page::read(br#"{"metadata":{"resourceVersion":"5"},"items":null}"#.to_vec(), "pods").unwrap();
        assert!(none.objects.is_empty());
    }

    fn object(name: &str, spec: &[u8]) -> Vec<u8> {
        let described = format!(
            r#"{{"metadata":{{"name":"{name}","uid":"u","resourceVersion":"1","generation":3,"creationTimestamp":"t"}},"spec":"#
        );
        [described.as_bytes(), spec, b"}"].concat()
    }

    #[test]
    fn an_object_that_cannot_be_read_is_told_as_such_and_keeps_no_other_from_being_told() {
        let deep = [&[b'['; 200][..], &[b']'; 200][..]].concat();
        for strange in [deep.as_slice(), b"1e999", br#""\ud800""#] {
            let items = [object("a", b"1"), object("b", strange), object("c", b"2")].join(&b","[..]);
            let page =
                [br#"{"metadata":{"resourceVersion":"5"},"items":["#, items.as_slice(), b"]}"].concat();
            let mut page = Page::read(page, "policies").unwrap();
            let told: Vec<Event<Named>> = std::iter::from_fn(|| page.next()).collect();
            let [Event::Put(..), Event::Unread(key, unread), Event::Put(..)] = told.as_slice() else {
                panic!("{told:?}")
            };
            assert_eq!((&*key.name, unread.generation, &*unread.created), ("b", 3, "t"));
            assert!(!unread.reason.is_empty());
            let line = [br#"{"type":"MODIFIED","object":"#, object("b", strange).as_slice(), b"}"].concat();
            let Line { version, event } = Line::<Named>::read(line, "policies").unwrap();
            assert_eq!((version.as_str(), matches!(event, Event::Unread(..))), ("1", true));
        }
    }

    #[test]
    fn what_is_said_twice_or_is_no_text_is_read_as_the_server_reads_it() {
        let read = |spec: &[u8]| {
            let page =
                [br#"{"metadata":{"resourceVersion":"5"},"items":["#, object("a", spec).as_slice(), b"]}"]
                    .concat();
            match Page::read(page, "policies").unwrap().next::<Named>() {
                Some(Event::Put(_, named)) => named.spec.unwrap(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(read(b"\"\xff\""), Value::from("\u{fffd}"));
        assert_eq!(read(br#"{"x":1,"x":2}"#), serde_json::json!({ "x": 2 }));
        assert_eq!(read(b"123456789012345678901234567890"), serde_json::json!(1.234_567_890_123_456_8e29));
    }

    #[test]
    fn a_selector_survives_being_written_in_an_address() {
        assert_eq!(escaped("a!=b,c in (d)"), "a%21%3Db%2Cc%20in%20%28d%29");
    }
}
