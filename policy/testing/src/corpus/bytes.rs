//! Requests as cases write them.

use anyhow::{Context, bail};

/// Bytes, or nothing where the request has none.
type Part = Option<Vec<u8>>;

/// Method and path of `METHOD /path`. A method alone is a request without a path, `(none)` no method.
pub(super) fn request(text: &str) -> anyhow::Result<(Part, Part)> {
    let (method, path) = match text.split_once(' ') {
        Some((method, path)) => (method, Some(path)),
        None => (text, None),
    };
    let method = if method == "(none)" { None } else { Some(unescape(method)?) };
    Ok((method, path.map(unescape).transpose()?))
}

/// The bytes of `text`, in which `\xNN` is a byte and `\\` a backslash.
fn unescape(text: &str) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend(before.as_bytes());
        rest = if let Some(after) = after.strip_prefix('\\') {
            bytes.push(b'\\');
            after
        } else if let Some(after) = after.strip_prefix('x') {
            let digits = after.get(..2).with_context(|| format!("`{text}` ends within an escape"))?;
            bytes.push(u8::from_str_radix(digits, 16).with_context(|| format!("`\\x{digits}`"))?);
            after.get(2..).unwrap_or_default()
        } else {
            bail!("write a backslash in `{text}` as `\\\\`, an odd byte as `\\xNN`");
        };
    }
    bytes.extend(rest.as_bytes());
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_bytes_are_written_in_hexadecimal() {
        assert_eq!(request(r"GET /\xff\\").unwrap(), (Some(b"GET".to_vec()), Some(b"/\xff\\".to_vec())));
        assert!(request(r"GET /\n").is_err());
        assert!(request(r"GET /\xf").is_err());
    }

    #[test]
    fn a_request_may_lack_its_parts() {
        assert_eq!(request("CONNECT").unwrap(), (Some(b"CONNECT".to_vec()), None));
        assert_eq!(request("(none) /").unwrap(), (None, Some(b"/".to_vec())));
        assert_eq!(request("GET ").unwrap(), (Some(b"GET".to_vec()), Some(Vec::new())));
    }
}
