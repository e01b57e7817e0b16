//! Requests as cases write them.

use anyhow::{Context, bail};

use crate::Head;

/// The head in `METHOD /path | host: name | header: value | …`. A method alone is a request without a path, `(none)` no
/// method, `host: (none)` no authority. `host` is `authority` where the text does not say it.
pub(super) fn request(text: &str, authority: &str) -> anyhow::Result<Head> {
    let mut parts = text.split(" | ");
    let line = parts.next().unwrap_or_default();
    let (method, path) = match line.split_once(' ') {
        Some((method, path)) => (method, Some(path)),
        None => (line, None),
    };
    let method = if method == "(none)" { None } else { Some(unescape(method)?) };
    let path = path.map(unescape).transpose()?;
    let mut head = Head { method, path, authority: Some(authority.into()), ..Head::default() };
    for part in parts {
        let (name, value) = part.split_once(':').with_context(|| format!("`{part}` is no `name: value`"))?;
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "host" if value == "(none)" => head.authority = None,
            "host" => head.authority = Some(unescape(value)?),
            name => head.headers.push((unescape(name)?, unescape(value)?)),
        }
    }
    Ok(head)
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

    fn of(text: &str) -> Head {
        request(text, "bookend.test").unwrap()
    }

    #[test]
    fn odd_bytes_are_written_in_hexadecimal() {
        let head = of(r"GET /\xff\\ | x-odd: a\x7cb");
        assert_eq!((head.method, head.path), (Some(b"GET".to_vec()), Some(b"/\xff\\".to_vec())));
        assert_eq!(head.headers, [(b"x-odd".to_vec(), b"a|b".to_vec())]);
        assert!(request(r"GET /\n", "").is_err());
        assert!(request(r"GET /\xf", "").is_err());
        assert!(request("GET / | no header", "").is_err());
    }

    #[test]
    fn a_request_may_lack_its_parts() {
        let parts = |text| {
            let head = of(text);
            (head.method, head.path, head.authority)
        };
        let host = || Some(b"bookend.test".to_vec());
        assert_eq!(parts("CONNECT"), (Some(b"CONNECT".to_vec()), None, host()));
        assert_eq!(parts("(none) /"), (None, Some(b"/".to_vec()), host()));
        assert_eq!(parts("GET "), (Some(b"GET".to_vec()), Some(Vec::new()), host()));
        assert_eq!(parts("GET / | host: (none)"), (Some(b"GET".to_vec()), Some(b"/".to_vec()), None));
        assert_eq!(of("GET / | host: a:80").authority, Some(b"a:80".to_vec()));
    }
}
