//! Servers, and what each makes of a request: written from what they document, and from nothing of Bookend's.
//!
//! Where a server can be set up in several ways, the one is meant in which most requests are understood.

mod field;
mod host;
mod path;
mod query;

use std::collections::BTreeSet;

use crate::message::Message;
pub(crate) use path::Place;

/// A family of servers.
#[derive(Debug)]
pub(crate) struct Server {
    /// What the data and the reports call it.
    pub(crate) name: &'static str,
    path: fn(&[u8]) -> Vec<Place>,
    fields: field::Reading,
    query: query::Reading,
    host: host::Reading,
    /// Whether methods are put into capitals. (Flask, Gunicorn.)
    capitals: bool,
}

/// All of them.
pub(crate) const SERVERS: [Server; 9] = [
    // Go's net/http with its ServeMux: a path that is not clean is redirected, and `%2F` stays in its segment.
    Server {
        name: "go",
        path: path::mux,
        fields: field::FIRST,
        query: query::FIRST,
        host: host::FIRST,
        capitals: false,
    },
    // Go's http.FileServer, and whoever joins a decoded path to a directory.
    Server {
        name: "files",
        path: path::files,
        fields: field::FIRST,
        query: query::FIRST,
        host: host::FIRST,
        capitals: false,
    },
    // nginx: `$uri` is decoded, merged, without dot segments; a fragment is cut off.
    Server {
        name: "nginx",
        path: path::nginx,
        fields: field::JOINED,
        query: query::FIRST,
        host: host::FIRST,
        capitals: false,
    },
    // Tomcat with Spring MVC: `;` and what follows is no part of a segment; with encodedSolidusHandling="decode" and
    // ALLOW_BACKSLASH as well.
    Server {
        name: "tomcat",
        path: path::tomcat,
        fields: field::FIRST,
        query: query::FIRST,
        host: host::FIRST,
        capitals: false,
    },
    // IIS with ASP.NET: no regard to case, `\` is `/`, dots and spaces at the end do not count; with allowDoubleEscaping
    // too.
    Server {
        name: "iis",
        path: path::iis,
        fields: field::JOINED,
        query: query::ASP,
        host: host::FIRST,
        capitals: false,
    },
    // Apache with AllowEncodedSlashes and PHP behind CGI: names of headers are folded, of parameters too.
    Server {
        name: "php",
        path: path::apache,
        fields: field::CGI,
        query: query::PHP,
        host: host::FIRST,
        capitals: false,
    },
    // Node with Express: routes match without regard to case, as they were sent; static files decoded.
    Server {
        name: "express",
        path: path::express,
        fields: field::JOINED,
        query: query::EXPRESS,
        host: host::FIRST,
        capitals: false,
    },
    // Gunicorn with Flask: everything decoded, merged by redirection only; names of headers are folded.
    Server {
        name: "flask",
        path: path::flask,
        fields: field::CGI,
        query: query::FIRST,
        host: host::FIRST,
        capitals: true,
    },
    // A chain of old proxies and servers, each with a weakness that was once an advisory: decoded until nothing is left
    // to decode, overlong UTF-8 too, cut at NUL, with `\` for `/`; the last of several, and each element of a list.
    Server {
        name: "chain",
        path: path::chain,
        fields: field::CHAIN,
        query: query::CHAIN,
        host: host::LAST,
        capitals: false,
    },
];

/// A message as one server reads it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Read<'a> {
    /// Who reads.
    pub(crate) server: &'static Server,
    /// What.
    pub(crate) message: &'a Message,
}

impl Read<'_> {
    /// The method.
    pub(crate) fn method(&self) -> Vec<u8> {
        let method = &self.message.method;
        if self.server.capitals { method.to_ascii_uppercase() } else { method.clone() }
    }

    /// What it serves; nothing where it refuses or redirects.
    pub(crate) fn places(&self) -> Vec<Place> {
        let Some(target) = &self.message.target else { return Vec::new() };
        let path = host::divided(target).map_or(&target[..], |(_, path)| path);
        if path.starts_with(b"/") { (self.server.path)(path) } else { Vec::new() }
    }

    /// For which host, in lower case and without the port.
    pub(crate) fn host(&self) -> BTreeSet<Vec<u8>> {
        host::hosts(self.message, self.server.host)
    }

    /// The values of a header.
    pub(crate) fn header(&self, name: &[u8]) -> Vec<Vec<u8>> {
        field::values(self.message, name, self.server.fields)
    }

    /// The values of a parameter of the query.
    pub(crate) fn parameter(&self, name: &[u8]) -> Vec<Vec<u8>> {
        query::values(self.message, name, self.server.query)
    }

    /// The values of a cookie.
    pub(crate) fn cookie(&self, name: &[u8]) -> Vec<Vec<u8>> {
        field::cookies(self.message, name, self.server.fields)
    }

    /// Service and method of a call. grpc-go takes everything before the last slash for the service, and does without the
    /// first; others do not look at the content type.
    pub(crate) fn call(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let target = self.message.target.as_ref()?;
        let typed = self.message.values(b"content-type").any(|it| it.starts_with(b"application/grpc"));
        if !typed && self.server.name != "chain" {
            return None;
        }
        let target = target.split(|byte| *byte == b'?').next()?;
        let path = target.strip_prefix(b"/").unwrap_or(target);
        let slash = path.iter().rposition(|byte| *byte == b'/')?;
        Some((path.get(..slash)?.to_vec(), path.get(slash + 1..)?.to_vec()))
    }
}

#[cfg(test)]
mod tests;
