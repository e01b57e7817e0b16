//! Who may come in.
//!
//! The address is loopback's, which keeps other machines out. Other users of this machine and pages of elsewhere in the same browser can
//! still reach it, and are kept out by what they cannot have: the path nobody can guess, and the headers that a browser sends for a page of
//! this server only (a name of elsewhere that resolves to loopback shows in `Host`, a page of elsewhere in `Origin` and `Sec-Fetch-Site`).

use std::io::Read;
use std::net::SocketAddr;

use anyhow::Context;
use hyper::header::{HOST, HeaderMap, HeaderName, ORIGIN};
use hyper::{Method, StatusCode};

/// What a browser says of who sends a request (<https://www.w3.org/TR/fetch-metadata/>).
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// How, and what for.
const MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Bytes of the path that nobody can guess.
const SECRET_BYTES: usize = 24;

/// Lets requests in, or not.
#[derive(Debug)]
pub(crate) struct Door {
    /// What `Host` may be.
    hosts: [String; 2],
    secret: String,
}

/// Why a request is not let in.
pub(crate) type Refusal = (StatusCode, &'static str);

impl Door {
    /// A door at an address, with a secret of its own.
    ///
    /// # Errors
    /// When there is no randomness to be had.
    pub(crate) fn new(address: SocketAddr) -> anyhow::Result<Self> {
        let mut bytes = [0; SECRET_BYTES];
        let random = std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
        random.context("cannot read /dev/urandom")?;
        let secret = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { hosts: [address.to_string(), format!("localhost:{}", address.port())], secret })
    }

    /// Where the page is.
    pub(crate) fn url(&self) -> String {
        let [host, _] = &self.hosts;
        format!("http://{host}/{}/", self.secret)
    }

    /// The rest of the path of a request that may come in.
    pub(crate) fn enter<'p>(
        &self,
        method: &Method,
        path: &'p str,
        headers: &HeaderMap,
    ) -> Result<&'p str, Refusal> {
        let one = |name: &HeaderName| {
            let mut values = headers.get_all(name).iter();
            let first = values.next().map(|value| value.to_str().unwrap_or("?"));
            if values.next().is_some() { Some("?") } else { first }
        };
        let host = one(&HOST).unwrap_or("");
        if !self.hosts.iter().any(|known| known == host) {
            return Err((
                StatusCode::MISDIRECTED_REQUEST,
                "ask for the address that `bookend playground` told",
            ));
        }
        let own = one(&ORIGIN).is_none_or(|origin| origin.strip_prefix("http://") == Some(host));
        // Somebody may follow a link to the page, for instance in a terminal that is itself a page; that page sees nothing of it.
        let follows = one(&MODE) == Some("navigate") && one(&DEST) == Some("document");
        let here = one(&SITE).is_none_or(|site| matches!(site, "same-origin" | "none") || follows);
        if !own || !here {
            return Err((StatusCode::FORBIDDEN, "only the playground's own page may ask for this"));
        }
        // A browser says where a page is from that writes; whoever does not say it is no page.
        if *method != Method::GET && *method != Method::HEAD && one(&ORIGIN).is_none() {
            return Err((StatusCode::FORBIDDEN, "only the playground's own page may write"));
        }
        let inside = path.strip_prefix('/').and_then(|path| path.split_at_checked(self.secret.len()));
        match inside {
            Some((secret, rest)) if same(secret, &self.secret) => match rest.strip_prefix('/') {
                Some(rest) => Ok(rest),
                None => Err((StatusCode::NOT_FOUND, "the address ends in `/`")),
            },
            _ => Err((StatusCode::NOT_FOUND, "ask for the address that `bookend playground` told")),
        }
    }
}

/// Whether two texts of one length are the same, in a time that does not tell where they differ.
fn same(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.bytes().zip(other.bytes()).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}
