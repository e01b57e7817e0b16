//! The canonical form of a request path.

use alloc::{string::String, vec::Vec};

use super::lookalike::is_lookalike;

/// A path that every server reads alike: absolute, percent-decoded, without query, empty or dot segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanonicalPath(String);

/// Why a path has no canonical form: two servers may read it differently (S33).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathDoubt {
    /// The request has no path, as a CONNECT request (RFC 9113, 8.5).
    #[error("the request has no path")]
    Absent,
    /// Servers may find the end of the request in different places (S65).
    #[error("a header may say something else about where the request ends")]
    Unbounded,
    /// It does not start with `/`: an authority, `*`, or an absolute URI.
    #[error("the path does not start with `/`")]
    NotAbsolute,
    /// A `#`: a fragment never belongs in a request (RFC 9110, 7.1).
    #[error("the path holds a fragment")]
    Fragment,
    /// A `%` that is not followed by two hexadecimal digits (RFC 3986, 2.1).
    #[error("the path holds a broken percent-encoding")]
    BrokenEncoding,
    /// An encoded `/`, `\`, `?`, `#`, `;` or `%`: what it means depends on who decodes it, and how often.
    #[error("the path holds an encoded delimiter")]
    EncodedDelimiter,
    /// A backslash, which some servers read as `/`.
    #[error("the path holds a backslash")]
    Backslash,
    /// A control character, NUL among them.
    #[error("the path holds a control character")]
    Control,
    /// A `;`: some servers cut a path parameter off there.
    #[error("the path holds a `;` parameter")]
    Parameter,
    /// Bytes that are not UTF-8 once decoded, overlong forms among them (RFC 3629, 3).
    #[error("the path is not UTF-8")]
    NotUtf8,
    /// `//`: some servers merge slashes.
    #[error("the path holds an empty segment")]
    EmptySegment,
    /// A `.` or `..` segment, encoded or not (RFC 3986, 5.2.4).
    #[error("the path holds a dot segment")]
    DotSegment,
    /// A segment that starts or ends in white space, which some servers trim (CVE-2016-5007).
    #[error("the path holds white space at an end of a segment")]
    Space,
    /// A character that some servers take for an ASCII one, or leave out: they normalize the path, change its case, or
    /// fit it into a smaller character set ("WorstFit", CVE-2024-4577).
    #[error("the path holds a character that some servers take for another one, or leave out")]
    Lookalike,
    /// A segment that ends in a dot, or `::$`: Windows reads `a.` and `a::$DATA` as `a`.
    #[error("the path holds a name that Windows reads as another one")]
    WindowsName,
}

impl CanonicalPath {
    /// The canonical form of a request target's path, or why it has none.
    ///
    /// The query is cut off. Every percent-encoding that survives the checks is decoded, so that `/%61` and
    /// `/a` are one path.
    ///
    /// # Errors
    /// When servers may read the path differently.
    pub fn new(target: &[u8]) -> Result<Self, PathDoubt> {
        let raw = target.split(|byte| *byte == b'?').next().unwrap_or_default();
        if !raw.starts_with(b"/") {
            return Err(PathDoubt::NotAbsolute);
        }
        let text = String::from_utf8(decode(raw)?).map_err(|_| PathDoubt::NotUtf8)?;
        let segments = text.get(1..).unwrap_or_default();
        let inner = segments.rsplit_once('/').map_or("", |(inner, _)| inner);
        if segments.contains('/') && inner.split('/').any(str::is_empty) {
            return Err(PathDoubt::EmptySegment);
        }
        if segments.split('/').any(|s| s == "." || s == "..") {
            return Err(PathDoubt::DotSegment);
        }
        // U+0080 to U+009F: they pass as bytes and are control characters once decoded.
        if text.chars().any(char::is_control) {
            return Err(PathDoubt::Control);
        }
        if segments.split('/').any(|s| s.trim() != s) {
            return Err(PathDoubt::Space);
        }
        if text.chars().any(is_lookalike) {
            return Err(PathDoubt::Lookalike);
        }
        if text.contains("::$") || segments.split('/').any(|s| s.ends_with('.')) {
            return Err(PathDoubt::WindowsName);
        }
        Ok(Self(text))
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The segments after the leading `/`; the last is empty when the path ends in `/`.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.get(1..).unwrap_or_default().split('/')
    }
}

/// Percent-decodes `raw`, refusing what servers decode differently.
fn decode(raw: &[u8]) -> Result<Vec<u8>, PathDoubt> {
    let mut decoded = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter().copied();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => match (bytes.next().and_then(hex), bytes.next().and_then(hex)) {
                (Some(high), Some(low)) => match high << 4 | low {
                    b'/' | b'\\' | b'?' | b'#' | b';' | b'%' => return Err(PathDoubt::EncodedDelimiter),
                    byte if byte.is_ascii_control() => return Err(PathDoubt::Control),
                    byte => byte,
                },
                _ => return Err(PathDoubt::BrokenEncoding),
            },
            b'#' => return Err(PathDoubt::Fragment),
            b'\\' => return Err(PathDoubt::Backslash),
            b';' => return Err(PathDoubt::Parameter),
            byte if byte.is_ascii_control() => return Err(PathDoubt::Control),
            byte => byte,
        });
    }
    Ok(decoded)
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_every_server_reads_alike_have_one_form() {
        for (raw, canonical) in [
            ("/", "/"),
            ("/a", "/a"),
            ("/%61", "/a"),
            ("/a?x=//..;", "/a"),
            ("/a/", "/a/"),
            ("/caf%C3%A9", "/café"),
            ("/a%20b", "/a b"),
            ("/a+b", "/a+b"),
            ("/...a", "/...a"),
            ("/v1/x:cancel", "/v1/x:cancel"),
            ("/.well-known/x", "/.well-known/x"),
        ] {
            assert_eq!(CanonicalPath::new(raw.as_bytes()).as_ref().map(CanonicalPath::as_str), Ok(canonical));
        }
    }

    #[test]
    fn spellings_servers_disagree_about_have_none() {
        use PathDoubt::*;
        for (raw, doubt) in [
            (&b""[..], NotAbsolute),
            (b"*", NotAbsolute),
            (b"http://x/a", NotAbsolute),
            (b"/a#b", Fragment),
            (b"/a%2fb", EncodedDelimiter),
            (b"/a%5Cb", EncodedDelimiter),
            (b"/%252e", EncodedDelimiter),
            (b"/a%3bx", EncodedDelimiter),
            (b"/a%3Fx", EncodedDelimiter),
            (b"/a\\b", Backslash),
            (b"/a%00", Control),
            (b"/a\x7f", Control),
            (b"/a%0a", Control),
            (b"/a%C2%85b", Control),
            (b"/a\xc2\x9f", Control),
            (b"/a%20", Space),
            (b"/%20a", Space),
            (b"/a /b", Space),
            (b"/a%20/", Space),
            (b"/%ef%bd%81dmin", Lookalike),
            (b"/public/%ef%bc%8e%ef%bc%8e/admin", Lookalike),
            (b"/a%C2%ADb", Lookalike),
            (b"/...", WindowsName),
            (b"/a./b", WindowsName),
            (b"/a::$DATA", WindowsName),
            (b"/a%C2%A0", Space),
            (b"/a%E3%80%80", Space),
            (b"/a;x=1", Parameter),
            (b"/..;/a", Parameter),
            (b"/%", BrokenEncoding),
            (b"/%4", BrokenEncoding),
            (b"/%zz", BrokenEncoding),
            (b"/%c0%ae", NotUtf8),
            (b"/\xff", NotUtf8),
            (b"//", EmptySegment),
            (b"//a", EmptySegment),
            (b"/a//b", EmptySegment),
            (b"/a//", EmptySegment),
            (b"/.", DotSegment),
            (b"/a/../b", DotSegment),
            (b"/a/%2e%2E/b", DotSegment),
            (b"/a/..", DotSegment),
        ] {
            assert_eq!(CanonicalPath::new(raw), Err(doubt), "{}", raw.escape_ascii());
        }
    }
}
