//! Hosts: what an authority names, and patterns over it (S50).

use alloc::string::String;
use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};
use serde::Serialize;

use crate::{Truth, written::written};

/// The ports that an authority without one may mean.
const DEFAULT_PORTS: [u16; 2] = [80, 443];

/// An authority that every server reads alike: a host in lower case, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    name: Name,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    Labels(String),
    Address(IpAddr),
}

/// Why a host is in doubt: two servers may read it differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostDoubt {
    /// There is none, or it is empty.
    #[error("there is no host")]
    Absent,
    /// A character that no host name has; a user name or a list among them.
    #[error("the host holds a character other than `a-z`, `0-9`, `-`, `_` and `.`")]
    BadCharacter,
    /// `a..b`, `.a`, or a trailing dot.
    #[error("the host has an empty label, or a dot at its end")]
    EmptyLabel,
    /// Something in brackets that is no IPv6 address, or an IPv4 address in a form that only some read; or an
    /// IPv4-mapped address, which is another one to some (S14).
    #[error("the host is an address in a form that servers read differently")]
    BadAddress,
    /// What follows the colon is no port, 1 to 65535 without leading zeros.
    #[error("the port is not a number from 1 to 65535")]
    BadPort,
    /// A `host` header says something else than the authority.
    #[error("the `host` header contradicts the authority")]
    Contradicted,
}

impl Host {
    /// Reads an authority.
    ///
    /// # Errors
    /// When servers may read it differently.
    pub fn new(authority: &[u8]) -> Result<Self, HostDoubt> {
        let text = core::str::from_utf8(authority).map_err(|_| HostDoubt::BadCharacter)?;
        if text.is_empty() {
            return Err(HostDoubt::Absent);
        }
        let (name, port) = match text.strip_prefix('[') {
            Some(literal) => {
                let (address, rest) = literal.split_once(']').ok_or(HostDoubt::BadAddress)?;
                let port = match rest.strip_prefix(':') {
                    None if rest.is_empty() => None,
                    None => return Err(HostDoubt::BadPort),
                    port => port,
                };
                let address: Ipv6Addr = address.parse().map_err(|_| HostDoubt::BadAddress)?;
                if address.to_ipv4_mapped().is_some() {
                    return Err(HostDoubt::BadAddress);
                }
                (Name::Address(IpAddr::V6(address)), port)
            }
            None => {
                let (name, port) =
                    text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port)));
                (Self::name(name)?, port)
            }
        };
        Ok(Self { name, port: port.map(Self::port).transpose()? })
    }

    fn name(name: &str) -> Result<Name, HostDoubt> {
        if name.is_empty() {
            return Err(HostDoubt::Absent);
        }
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
            return Err(HostDoubt::BadCharacter);
        }
        if name.split('.').any(str::is_empty) {
            return Err(HostDoubt::EmptyLabel);
        }
        // A name whose last label is a number is an address (WHATWG URL, "ends in a number"): `127.1`, `0x7f.1`.
        let last = name.rsplit('.').next().unwrap_or_default();
        let hexadecimal = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
        let numeric = last.bytes().all(|byte| byte.is_ascii_digit())
            || hexadecimal.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if numeric {
            let address: Ipv4Addr = name.parse().map_err(|_| HostDoubt::BadAddress)?;
            return Ok(Name::Address(IpAddr::V4(address)));
        }
        Ok(Name::Labels(name.to_ascii_lowercase()))
    }

    fn port(port: &str) -> Result<u16, HostDoubt> {
        let digits = port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0');
        port.parse().ok().filter(|_| digits).ok_or(HostDoubt::BadPort)
    }
}

impl fmt::Display for Host {
    /// The host without its port, an IPv6 address in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Name::Labels(name) => f.write_str(name),
            Name::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Name::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// A host pattern in its written form (S50):
///
/// * `example.com`, `192.0.2.1`, `[2001:db8::1]`: exactly this host, on any port;
/// * `*.example.com`: one or more labels before `.example.com`;
/// * `example.com:8443`: this host, with this port written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct HostPattern {
    text: String,
    host: Host,
    below: bool,
}

/// Why a host pattern is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostPatternError {
    /// No host that is certain could match.
    #[error("{0}")]
    Doubtful(#[from] HostDoubt),
    /// A `*` other than a first label, or before an address.
    #[error("`*` stands only for the first labels of a name, as in `*.example.com`")]
    BadStar,
}

impl HostPattern {
    /// Reads a pattern from its written form.
    ///
    /// # Errors
    /// When it could never match for certain.
    pub fn parse(text: &str) -> Result<Self, HostPatternError> {
        let (base, below) = text.strip_prefix("*.").map_or((text, false), |base| (base, true));
        if base.contains('*') {
            return Err(HostPatternError::BadStar);
        }
        let host = Host::new(base.as_bytes())?;
        if below && matches!(host.name, Name::Address(_)) {
            return Err(HostPatternError::BadStar);
        }
        Ok(Self { text: String::from(text), host, below })
    }

    /// Whether `host` is meant.
    ///
    /// Where the pattern names a port that is the default of HTTP or HTTPS, a host without a port is in doubt: it may mean it.
    pub fn holds(&self, host: &Host) -> Truth {
        let name = match (&self.host.name, &host.name) {
            (Name::Labels(base), Name::Labels(name)) if self.below => name
                .strip_suffix(base.as_str())
                .is_some_and(|labels| labels.len() > 1 && labels.ends_with('.')),
            (wanted, actual) => wanted == actual,
        };
        let port = match (self.host.port, host.port) {
            (None, _) => Truth::Yes,
            (Some(wanted), None) if DEFAULT_PORTS.contains(&wanted) => Truth::Unknown,
            (wanted, actual) => (wanted == actual).into(),
        };
        Truth::from(name).and(port)
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

written!(HostPattern);

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, matching: &[&str], missing: &[&str], doubtful: &[&str]) {
        let pattern = HostPattern::parse(pattern).unwrap();
        for (hosts, expected) in [(matching, Truth::Yes), (missing, Truth::No), (doubtful, Truth::Unknown)] {
            for host in hosts {
                let truth = pattern.holds(&Host::new(host.as_bytes()).unwrap());
                assert_eq!(truth, expected, "{pattern} on {host}");
            }
        }
    }

    #[test]
    fn a_host_is_compared_without_regard_to_case_and_port() {
        check("example.com", &["example.com", "EXAMPLE.com:8080"], &["example.org", "a.example.com"], &[]);
        check("Example.com", &["example.COM"], &[], &[]);
        check("192.0.2.1", &["192.0.2.1", "192.0.2.1:1"], &["192.0.2.2", "[2001:db8::1]"], &[]);
        check("[2001:db8::1]", &["[2001:DB8:0::1]", "[2001:db8::1]:80"], &["[2001:db8::2]"], &[]);
    }

    #[test]
    fn a_star_means_one_or_more_labels() {
        check(
            "*.example.com",
            &["a.example.com", "a.b.EXAMPLE.com:1"],
            &["example.com", "aexample.com", "example.com.org"],
            &[],
        );
    }

    #[test]
    fn a_port_in_the_pattern_must_be_written_in_the_request() {
        check("example.com:8443", &["example.com:8443"], &["example.com", "example.com:443"], &[]);
        check("example.com:443", &["example.com:443"], &["example.com:80", "example.org"], &["example.com"]);
        check("*.example.com:80", &["a.example.com:80"], &["example.com"], &["a.example.com"]);
    }

    #[test]
    fn hosts_that_servers_read_differently_are_in_doubt() {
        use HostDoubt::*;
        for (host, doubt) in [
            ("", Absent),
            (":80", Absent),
            ("a b", BadCharacter),
            ("user@a", BadCharacter),
            ("a,b", BadCharacter),
            ("a%2eb", BadCharacter),
            ("exämple.com", BadCharacter),
            ("*.a", BadCharacter),
            ("a/b", BadCharacter),
            ("2001:db8::1", BadAddress),
            ("a.", EmptyLabel),
            ("a.:80", EmptyLabel),
            (".a", EmptyLabel),
            ("a..b", EmptyLabel),
            ("127.1", BadAddress),
            ("2130706433", BadAddress),
            ("0x7f.0.0.1", BadAddress),
            ("127.0.0.0x1", BadAddress),
            ("127.0.0.01", BadAddress),
            ("1.2.3.256", BadAddress),
            ("[::1", BadAddress),
            ("[a]", BadAddress),
            ("[fe80::1%eth0]", BadAddress),
            ("[v1.a]", BadAddress),
            ("[::ffff:192.0.2.1]", BadAddress),
            ("[::1]a", BadPort),
            ("[::1]:", BadPort),
            ("a:", BadPort),
            ("a:0", BadPort),
            ("a:080", BadPort),
            ("a:+80", BadPort),
            ("a:65536", BadPort),
            ("a:80:80", BadPort),
        ] {
            assert_eq!(Host::new(host.as_bytes()), Err(doubt), "{host}");
        }
        assert_eq!(Host::new(b"a\xff"), Err(BadCharacter));
    }

    #[test]
    fn patterns_that_never_match_are_refused() {
        use HostPatternError::*;
        for (pattern, error) in [
            ("*", BadStar),
            ("a.*.b", BadStar),
            ("*a.b", BadStar),
            ("*.*.b", BadStar),
            ("*.192.0.2.1", BadStar),
            ("*.[::1]", BadStar),
            ("*.", Doubtful(HostDoubt::Absent)),
            ("a.b.", Doubtful(HostDoubt::EmptyLabel)),
            ("http://a", Doubtful(HostDoubt::BadPort)),
            ("a/b", Doubtful(HostDoubt::BadCharacter)),
        ] {
            assert_eq!(HostPattern::parse(pattern), Err(error), "{pattern}");
        }
    }
}
