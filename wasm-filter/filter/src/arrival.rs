//! Who is at the other end of a connection, and where it arrived.
//!
//! A filter in front of this one, `set_filter_state`, writes it once for each connection, as one text, so that one call reads
//! all of it (S63):
//!
//! ```text
//! %DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_PEER_URI_SAN%
//! 10.1.2.3 10.4.5.6:9080 spiffe://cluster.local/ns/default/sa/reviews
//! ```
//!
//! The third part has every URI name of the peer's verified certificate, joined by commas, and is empty for plaintext.
//! Addresses hold no spaces, so the first two spaces divide it in one way only. The remote address is the direct one:
//! `source.address` may come from `x-forwarded-for`.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use bookend_engine::Peer;

use crate::Fault;
use crate::proxy::{Attribute, Proxy};
use crate::recent::{Key, Recent};

/// What Envoy's formatter writes for a value that is absent, where it is not told to leave it out.
const ABSENT: &str = "-";

/// The form of the text, for errors.
const FORM: &str = "two addresses and the names of a certificate, divided by spaces";

/// What is known of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Every URI subject alternative name of the peer's certificate; none for plaintext.
    pub uri_sans: Vec<String>,
    /// The direct peer's address, if the proxy tells it.
    pub address: Option<IpAddr>,
    /// Where the peer arrived; on the way out, where it wants to go.
    pub destination: SocketAddr,
}

impl Arrival {
    /// Asks the proxy who a request comes from, or remembers it. A proxy that does not have the one text is asked each time.
    ///
    /// # Errors
    /// An attribute that is there but makes no sense, and a destination that is not there.
    pub(crate) fn of_request<'a>(proxy: &impl Proxy, recent: &'a mut Recent) -> Result<Cow<'a, Self>, Fault> {
        let told = match proxy.connection() {
            Some(connection) => recent.find(Key::Connection(connection), || Self::told(proxy))?,
            None => match attribute(proxy, Attribute::Peer)? {
                Some(text) => recent.find(Key::Text(&text), || Self::parse(&text).map(Some))?,
                None => None,
            },
        };
        told.map_or_else(|| Self::piecemeal(proxy).map(Cow::Owned), |told| Ok(Cow::Borrowed(told)))
    }

    /// Asks the proxy whose a connection is, which happens once for each.
    ///
    /// # Errors
    /// As above.
    pub(crate) fn of_connection(proxy: &impl Proxy) -> Result<Self, Fault> {
        Self::told(proxy)?.map_or_else(|| Self::piecemeal(proxy), Ok)
    }

    /// What the one text says, if there is one.
    fn told(proxy: &impl Proxy) -> Result<Option<Self>, Fault> {
        attribute(proxy, Attribute::Peer)?.map(|text| Self::parse(&text)).transpose()
    }

    /// Reads the one text.
    ///
    /// # Errors
    /// Any other form, and text that is not UTF-8.
    pub fn parse(text: &[u8]) -> Result<Self, Fault> {
        let malformed = || Fault::malformed(Attribute::Peer, FORM);
        let text = str::from_utf8(text).map_err(|_| malformed())?;
        let mut parts = text.splitn(3, ' ');
        let (Some(address), Some(destination)) = (parts.next(), parts.next()) else {
            return Err(malformed());
        };
        // A value that ends with nothing may have lost the space before.
        let names = parts.next().unwrap_or_default();
        Ok(Self {
            uri_sans: names_in(names),
            address: Some(address.parse().map_err(|_| malformed())?),
            destination: destination.parse().map_err(|_| malformed())?,
        })
    }

    /// What proxies say without that filter: only the first name, and not from where.
    fn piecemeal(proxy: &impl Proxy) -> Result<Self, Fault> {
        let expected = "an IP address and a port";
        let destination = socket_address(proxy, Attribute::Destination, expected)?
            .ok_or_else(|| Fault::absent(Attribute::Destination))?;
        let name = attribute(proxy, Attribute::FirstUriSan)?;
        let name = name.as_deref().map(str::from_utf8).transpose();
        let name = name.map_err(|_| Fault::malformed(Attribute::FirstUriSan, "text"))?;
        let uri_sans = name.filter(|name| meant(name)).map(str::to_owned).into_iter().collect();
        Ok(Self { uri_sans, address: None, destination })
    }

    /// Calls `judge` with the peer in the engine's form.
    pub fn with_peer<T>(&self, judge: impl FnOnce(Peer<'_>) -> T) -> T {
        let address = self.address;
        // One name is what every identity in a mesh has.
        match self.uri_sans.as_slice() {
            [] => judge(Peer { uri_sans: &[], address }),
            [one] => judge(Peer { uri_sans: &[one], address }),
            several => {
                let several: Vec<&str> = several.iter().map(String::as_str).collect();
                judge(Peer { uri_sans: &several, address })
            }
        }
    }
}

/// An attribute that holds an address and a port; nothing if it is absent or stands for nothing.
///
/// # Errors
/// Whatever else it holds.
pub(crate) fn socket_address(
    proxy: &impl Proxy,
    wanted: Attribute,
    expected: &'static str,
) -> Result<Option<SocketAddr>, Fault> {
    let Some(bytes) = attribute(proxy, wanted)? else { return Ok(None) };
    let malformed = || Fault::malformed(wanted, expected);
    let text = str::from_utf8(&bytes).map_err(|_| malformed())?;
    let parse = |text: &str| text.parse().map_err(|_| malformed());
    Some(text).filter(|text| meant(text)).map(parse).transpose()
}

fn attribute(proxy: &impl Proxy, wanted: Attribute) -> Result<Option<Cow<'_, [u8]>>, Fault> {
    proxy.attribute(wanted).map_err(|cause| Fault::unreadable(wanted, cause))
}

fn names_in(list: &str) -> Vec<String> {
    if meant(list) { list.split(',').map(str::to_owned).collect() } else { Vec::new() }
}

fn meant(text: &str) -> bool {
    !text.is_empty() && text != ABSENT
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(address: &str, destination: &str, names: &[&str]) -> Result<Arrival, Fault> {
        Ok(Arrival {
            uri_sans: names.iter().map(|name| (*name).to_owned()).collect(),
            address: Some(address.parse().unwrap()),
            destination: destination.parse().unwrap(),
        })
    }

    #[test]
    fn three_parts_are_told_apart_in_every_family() {
        assert_eq!(
            Arrival::parse(b"10.1.2.3 10.4.5.6:9080 spiffe://a"),
            arrival("10.1.2.3", "10.4.5.6:9080", &["spiffe://a"])
        );
        assert_eq!(Arrival::parse(b"::1 [::1]:9080 a,b"), arrival("::1", "[::1]:9080", &["a", "b"]));
        assert_eq!(
            Arrival::parse(b"::1 [::1]:9080 a,"),
            arrival("::1", "[::1]:9080", &["a", ""]),
            "two names, one empty"
        );
        for plaintext in ["10.1.2.3 10.4.5.6:80 ", "10.1.2.3 10.4.5.6:80", "10.1.2.3 10.4.5.6:80 -"] {
            assert_eq!(
                Arrival::parse(plaintext.as_bytes()),
                arrival("10.1.2.3", "10.4.5.6:80", &[]),
                "{plaintext:?}"
            );
        }
    }

    #[test]
    fn a_space_in_a_name_makes_no_fourth_part() {
        assert_eq!(Arrival::parse(b"::1 [::1]:1 a b c"), arrival("::1", "[::1]:1", &["a b c"]));
    }

    #[test]
    fn any_other_form_is_malformed() {
        for bad in [
            b"".as_slice(),
            b"-",
            b"10.1.2.3",
            b"10.1.2.3 ",
            b" 10.1.2.3 10.4.5.6:80 a",
            b"10.1.2.3:1 10.4.5.6:80 a",
            b"10.1.2.3 10.4.5.6 a",
            b"10.1.2.3  10.4.5.6:80 a",
            b"10.1.2.3 /run/socket a",
            b"/run/socket 10.4.5.6:80 a",
            b"10.1.2.3 10.4.5.6:80 \xff",
            b"10.1.2.3\t10.4.5.6:80\ta",
            b"10.1.2.3 [fe80::1%eth0]:80 a",
        ] {
            assert_eq!(
                Arrival::parse(bad),
                Err(Fault::malformed(Attribute::Peer, FORM)),
                "{}",
                bad.escape_ascii()
            );
        }
    }
}
