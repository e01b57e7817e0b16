//! What the proxy knows of the peer, of the connection and of itself.

use std::net::{IpAddr, SocketAddr};

use bookend_engine::{Labels, OwnWorkload, Peer};

use crate::{Fault, Proxy, headers};

/// Every URI subject alternative name of the peer's certificate, joined by commas. Put there by a
/// `set_filter_state` filter with `%DOWNSTREAM_PEER_URI_SAN%`.
pub const PEER_URI_SANS: [&str; 2] = ["filter_state", "bookend.peer_uri_sans"];

/// The first of them, from the proxy itself, for proxies without that filter.
pub const PEER_FIRST_URI_SAN: [&str; 2] = ["connection", "uri_san_peer_certificate"];

/// The address at the other end of the connection. Put there by a `set_filter_state` filter with
/// `%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%`. `source.address` will not do: it may come from
/// `x-forwarded-for`.
pub const PEER_ADDRESS: [&str; 2] = ["filter_state", "bookend.peer_address"];

/// The address and port that the peer reached.
pub const DESTINATION: [&str; 2] = ["destination", "address"];

/// Where the proxy's own metadata is: `node` was its place before Envoy 1.33.
pub const NODES: [&[&str]; 2] = [&["xds", "node", "metadata"], &["node", "metadata"]];

/// What Envoy's formatter writes for a value that is absent.
const ABSENT: &str = "-";

/// What is known of a connection that a request came over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Every URI subject alternative name of the peer's certificate; none for plaintext.
    pub uri_sans: Vec<String>,
    /// The direct peer's address, if the proxy tells it.
    pub address: Option<IpAddr>,
    /// Where the peer arrived.
    pub destination: SocketAddr,
}

impl Arrival {
    /// Asks the proxy.
    ///
    /// # Errors
    /// An attribute that is there but makes no sense, and a destination that is not there.
    pub fn read(proxy: &impl Proxy) -> Result<Self, Fault> {
        let uri_sans = match read(proxy, &PEER_URI_SANS)? {
            Some(bytes) => meaning(&PEER_URI_SANS, bytes)?
                .map(|list| list.split(',').map(str::to_owned).collect())
                .unwrap_or_default(),
            None => text(proxy, &PEER_FIRST_URI_SAN)?.into_iter().collect(),
        };
        let address = match text(proxy, &PEER_ADDRESS)? {
            Some(text) => Some(text.parse().map_err(|_| malformed(&PEER_ADDRESS, "an IP address"))?),
            None => None,
        };
        let destination = text(proxy, &DESTINATION)?.ok_or_else(|| absent(&DESTINATION))?;
        let destination =
            destination.parse().map_err(|_| malformed(&DESTINATION, "an IP address and a port"))?;
        Ok(Self { uri_sans, address, destination })
    }

    /// Calls `judge` with the peer in the engine's form.
    pub fn with_peer<T>(&self, judge: impl FnOnce(Peer<'_>) -> T) -> T {
        let uri_sans: Vec<&str> = self.uri_sans.iter().map(String::as_str).collect();
        judge(Peer { uri_sans: &uri_sans, address: self.address })
    }
}

/// Asks the proxy who it is itself. All of it has to be known: without its labels, a deny rule about
/// them would not hold.
///
/// # Errors
/// Metadata that is absent or malformed.
pub fn own_workload(proxy: &impl Proxy) -> Result<OwnWorkload, Fault> {
    let [current, former] = NODES;
    let namespace = [current, &["NAMESPACE"]].concat();
    let node = match proxy.property(&namespace) {
        Ok(Some(_)) => current,
        _ => former,
    };
    let required = |name: &str| {
        let path = [node, &[name]].concat();
        match text(proxy, &path)? {
            Some(value) => Ok(value),
            // The cure is metadata in the place where it is read today.
            None => Err(absent(&[current, &[name]].concat())),
        }
    };
    Ok(OwnWorkload {
        namespace: required("NAMESPACE")?,
        service_account: required("SERVICE_ACCOUNT")?,
        labels: labels(proxy, &[node, &["LABELS"]].concat())?,
    })
}

fn labels(proxy: &impl Proxy, path: &[&str]) -> Result<Labels, Fault> {
    let wrong = || malformed(path, "a map of text to text");
    let bytes = read(proxy, path)?.ok_or_else(|| absent(path))?;
    let mut labels = Labels::new();
    for (key, value) in headers::pairs(&bytes).ok_or_else(wrong)? {
        let (key, value) =
            (str::from_utf8(key).map_err(|_| wrong())?, str::from_utf8(value).map_err(|_| wrong())?);
        labels.insert(key.to_owned(), value.to_owned());
    }
    Ok(labels)
}

/// A text attribute; nothing if it is absent or stands for nothing.
fn text(proxy: &impl Proxy, path: &[&str]) -> Result<Option<String>, Fault> {
    read(proxy, path)?.map_or(Ok(None), |bytes| meaning(path, bytes))
}

/// The text that an attribute holds; nothing if it stands for nothing.
fn meaning(path: &[&str], bytes: Vec<u8>) -> Result<Option<String>, Fault> {
    let text = String::from_utf8(bytes).map_err(|_| malformed(path, "text"))?;
    Ok((!text.is_empty() && text != ABSENT).then_some(text))
}

fn read(proxy: &impl Proxy, path: &[&str]) -> Result<Option<Vec<u8>>, Fault> {
    proxy.property(path).map_err(|cause| Fault::Unreadable { attribute: path.join("."), cause })
}

fn absent(path: &[&str]) -> Fault {
    Fault::Absent { attribute: path.join(".") }
}

fn malformed(path: &[&str], expected: &'static str) -> Fault {
    Fault::Malformed { attribute: path.join("."), expected }
}
