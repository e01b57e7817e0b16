//! What a policy forbids, in the words of whoever serves: a place, a method, a host, a value that it acts upon.

use anyhow::Result;
use serde::Deserialize;

use crate::bytes::meant;
use crate::server::{Place, Read};

/// Something that an upstream does. All that is written must hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Deed {
    /// In a sentence.
    pub(crate) says: String,
    /// It serves one of these places.
    path: Option<Places>,
    /// It does one of these methods.
    methods: Option<Vec<String>>,
    /// It answers for one of these hosts.
    hosts: Option<Vec<String>>,
    /// It finds this in a header.
    header: Option<Value>,
    /// It finds this in the query.
    parameter: Option<Value>,
    /// It finds this in a cookie.
    cookie: Option<Value>,
    /// It takes one of these calls of gRPC: a service, or a service and a method.
    calls: Option<Vec<String>>,
    /// Whatever it is, bytes that are no HTTP included.
    #[serde(default)]
    anything: bool,
}

/// Places of which one is meant.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
#[derive(Default)]
struct Places {
    /// The place or below it, segment by segment.
    under: Vec<String>,
    /// The end of the path.
    ends: Vec<String>,
    /// Not an end of the path, but for these.
    ends_not: Vec<String>,
    /// Segment by segment; `*` is any segment that is not empty.
    like: Vec<String>,
}

/// A value that is acted upon.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Value {
    name: String,
    /// One of these.
    is: Option<Vec<String>>,
    /// Something else than these.
    not: Option<Vec<String>>,
}

impl Deed {
    /// Whether a server that reads a message so does this.
    pub(crate) fn done(&self, read: &Read<'_>) -> Result<bool> {
        let values = |value: &Option<Value>, found: &dyn Fn(&[u8]) -> Vec<Vec<u8>>| match value {
            Some(value) => value.found(&found(value.name.as_bytes())),
            None => Ok(true),
        };
        let path = match &self.path {
            Some(places) => {
                let mut any = false;
                for place in read.places() {
                    any |= places.contain(&place)?;
                }
                any
            }
            None => true,
        };
        let among = |texts: &Option<Vec<String>>, found: &dyn Fn(&[u8]) -> bool| -> bool {
            texts.as_ref().is_none_or(|texts| texts.iter().any(|text| found(text.as_bytes())))
        };
        Ok(path
            && among(&self.methods, &|method| read.method() == method)
            && among(&self.hosts, &|host| read.host().contains(host))
            && among(&self.calls, &|call| called(read, call))
            && values(&self.header, &|name| read.header(name))?
            && values(&self.parameter, &|name| read.parameter(name))?
            && values(&self.cookie, &|name| read.cookie(name))?)
    }

    /// Whether bytes that no server takes for a request are forbidden as well.
    pub(crate) fn whatever(&self) -> bool {
        self.anything
    }
}

fn called(read: &Read<'_>, call: &[u8]) -> bool {
    let Some((service, method)) = read.call() else { return false };
    call == service || call == [&service[..], b"/", &method[..]].concat()
}

impl Value {
    fn found(&self, values: &[Vec<u8>]) -> Result<bool> {
        let any = |texts: &Vec<String>, value: &Vec<u8>| -> Result<bool> {
            Ok(texts.iter().map(|text| meant(text)).collect::<Result<Vec<_>>>()?.contains(value))
        };
        for value in values {
            if let Some(texts) = &self.is
                && any(texts, value)?
            {
                return Ok(true);
            }
            if let Some(texts) = &self.not
                && !any(texts, value)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Places {
    fn contain(&self, place: &Place) -> Result<bool> {
        let segments = place.segments();
        let divided = |text: &str| -> Vec<Vec<u8>> {
            text.trim_start_matches('/').split('/').map(|part| part.as_bytes().to_vec()).collect()
        };
        let under = |text: &String| segments.starts_with(&divided(text));
        let like = |text: &String| {
            let parts = divided(text);
            let fits = |(part, segment): (&Vec<u8>, &Vec<u8>)| {
                if part == b"*" { !segment.is_empty() } else { part == segment }
            };
            parts.len() == segments.len() && parts.iter().zip(segments).all(fits)
        };
        let text = place.text();
        let ends = |end: &String| text.ends_with(end.as_bytes());
        Ok(self.under.iter().any(under)
            || self.like.iter().any(like)
            || self.ends.iter().any(ends)
            || !self.ends_not.is_empty() && !self.ends_not.iter().any(ends))
    }
}
