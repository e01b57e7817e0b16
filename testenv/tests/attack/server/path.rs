//! Paths, as servers read them.

use crate::bytes::{contains, cut};

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place(Vec<Vec<u8>>);

impl Place {
    fn one(segments: Vec<Vec<u8>>) -> Vec<Self> {
        vec![Self(segments)]
    }

    /// Its segments; the last one is empty after a slash.
    pub(crate) fn segments(&self) -> &[Vec<u8>] {
        &self.0
    }

    /// The path as one text.
    pub(crate) fn text(&self) -> Vec<u8> {
        self.0.iter().flat_map(|segment| [b"/", &segment[..]].concat()).collect()
    }
}

/// Go, net/http: url.ParseRequestURI refuses control characters and broken encodings; ServeMux redirects what is not
/// clean, and decodes each segment by itself.
pub(super) fn mux(target: &[u8]) -> Vec<Place> {
    let (path, _) = cut(target, b'?');
    if target.iter().any(|byte| *byte < 0x20 || *byte == 0x7f) {
        return Vec::new();
    }
    let segments = split(path);
    let clean = |(place, segment): (usize, &Vec<u8>)| {
        !matches!(segment.as_slice(), b"." | b"..") && (!segment.is_empty() || place + 1 == segments.len())
    };
    if !segments.iter().enumerate().all(clean) {
        return Vec::new();
    }
    segments.iter().map(|segment| decoded(segment)).collect::<Option<_>>().map_or(Vec::new(), Place::one)
}

/// Go, http.FileServer: the decoded path through path.Clean.
pub(super) fn files(target: &[u8]) -> Vec<Place> {
    let (path, _) = cut(target, b'?');
    let Some(path) = decoded(path) else { return Vec::new() };
    if path.contains(&0) {
        return Vec::new();
    }
    Place::one(resolved(&split(&path)))
}

/// nginx, ngx_http_parse_complex_uri: `#` begins a fragment, NUL and leading above the root are refused.
pub(super) fn nginx(target: &[u8]) -> Vec<Place> {
    let path = cut(cut(target, b'#').0, b'?').0;
    match decoded(path) {
        Some(path) if !path.contains(&0) && !above_root(&split(&path)) => Place::one(resolved(&split(&path))),
        _ => Vec::new(),
    }
}

/// Tomcat, CoyoteAdapter: path parameters are taken out before decoding, then `\` becomes `/` and the path is normalized.
pub(super) fn tomcat(target: &[u8]) -> Vec<Place> {
    let (path, _) = cut(target, b'?');
    let without: Vec<Vec<u8>> = split(path).iter().map(|segment| cut(segment, b';').0.to_vec()).collect();
    let Some(path) = decoded(&joined(&without)) else { return Vec::new() };
    let path: Vec<u8> = path.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect();
    if path.contains(&0) || above_root(&split(&path)) {
        return Vec::new();
    }
    Place::one(resolved(&split(&path)))
}

/// IIS: `%u0061` too, `\` for `/`, no regard to case; Windows takes dots and spaces from the end of a name, and `::$DATA`
/// is the file itself. Once more decoded with allowDoubleEscaping.
pub(super) fn iis(target: &[u8]) -> Vec<Place> {
    let (path, _) = cut(target, b'?');
    let once = wide(&path_or_self(path));
    let twice = wide(&path_or_self(&once));
    [once, twice].iter().map(|path| Place(windows(path))).collect()
}

fn path_or_self(path: &[u8]) -> Vec<u8> {
    decoded(path).unwrap_or_else(|| path.to_vec())
}

fn windows(path: &[u8]) -> Vec<Vec<u8>> {
    let path: Vec<u8> =
        path.iter().map(|byte| if *byte == b'\\' { b'/' } else { byte.to_ascii_lowercase() }).collect();
    let mut segments = resolved(&split(&path));
    for segment in &mut segments {
        if let Some(name) = segment.strip_suffix(b"::$data") {
            *segment = name.to_vec();
        }
        while segment.ends_with(b".") || segment.ends_with(b" ") {
            segment.pop();
        }
    }
    segments
}

/// Apache httpd: decoded, merged (MergeSlashes), without dot segments; NUL and what leads above the root are refused.
pub(super) fn apache(target: &[u8]) -> Vec<Place> {
    nginx(target)
}

/// Express: parseurl cuts off a fragment; routes match what was sent, without regard to case and to a slash at the end.
/// express.static serves the decoded and normalized path.
pub(super) fn express(target: &[u8]) -> Vec<Place> {
    let path = cut(cut(target, b'#').0, b'?').0;
    let mut routed = split(&path.to_ascii_lowercase());
    if routed.len() > 1 && routed.last().is_some_and(Vec::is_empty) {
        routed.pop();
    }
    let mut places = vec![Place(routed)];
    if let Some(path) = decoded(path).filter(|path| !path.contains(&0) && !above_root(&split(path))) {
        places.push(Place(resolved(&split(&path))));
    }
    places
}

/// Gunicorn cuts off a fragment and decodes; Werkzeug redirects where slashes are to be merged.
pub(super) fn flask(target: &[u8]) -> Vec<Place> {
    let path = cut(cut(target, b'#').0, b'?').0;
    let path = path_or_self(path);
    if contains(&path, b"//") {
        return Vec::new();
    }
    Place::one(split(&path))
}

/// Everything at once, again and again.
pub(super) fn chain(target: &[u8]) -> Vec<Place> {
    let mut path = target.to_vec();
    loop {
        let mut next = wide(&lenient(&path));
        overlong(&mut next);
        if next == path {
            break;
        }
        path = next;
    }
    for end in [0, b'?', b'#', b'\r', b'\n'] {
        path.truncate(cut(&path, end).0.len());
    }
    let path: Vec<u8> = path.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect();
    let tidy = |segment: &Vec<u8>| cut(segment, b';').0.trim_ascii().to_vec();
    let segments: Vec<Vec<u8>> = split(&path).iter().map(tidy).collect();
    Place::one(resolved(&segments))
}

/// What stands between slashes; `/` is one empty segment.
fn split(path: &[u8]) -> Vec<Vec<u8>> {
    path.strip_prefix(b"/").unwrap_or(path).split(|byte| *byte == b'/').map(<[u8]>::to_vec).collect()
}

fn joined(segments: &[Vec<u8>]) -> Vec<u8> {
    segments.iter().flat_map(|segment| [b"/", &segment[..]].concat()).collect()
}

/// Without empty and dot segments, an empty one at the end excepted; above the root is the root.
fn resolved(segments: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut left: Vec<Vec<u8>> = Vec::new();
    let mut slash = false;
    for segment in segments {
        slash = matches!(segment.as_slice(), b"" | b"." | b"..");
        match segment.as_slice() {
            b"" | b"." => {}
            b".." => drop(left.pop()),
            name => left.push(name.to_vec()),
        }
    }
    if slash || left.is_empty() {
        left.push(Vec::new());
    }
    left
}

fn above_root(segments: &[Vec<u8>]) -> bool {
    let mut depth = 0_i32;
    segments.iter().any(|segment| {
        match segment.as_slice() {
            b"" | b"." => {}
            b".." => depth -= 1,
            _ => depth += 1,
        }
        depth < 0
    })
}

fn nibble(byte: Option<&u8>) -> Option<u8> {
    u8::try_from(char::from(*byte?).to_digit(16)?).ok()
}

/// The byte that the `%xx` at the start means.
fn encoded(bytes: &[u8]) -> Option<u8> {
    let digits = bytes.strip_prefix(b"%")?;
    Some(nibble(digits.first())? << 4 | nibble(digits.get(1))?)
}

/// RFC 3986, 2.1, once; nothing where an encoding is broken.
pub(super) fn decoded(bytes: &[u8]) -> Option<Vec<u8>> {
    let whole = (0..bytes.len()).all(|at| bytes[at] != b'%' || encoded(&bytes[at..]).is_some());
    whole.then(|| lenient(bytes))
}

/// The same; what is broken stays.
pub(super) fn lenient(mut bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    while let Some((first, rest)) = bytes.split_first() {
        match encoded(bytes) {
            Some(byte) => {
                out.push(byte);
                bytes = rest.get(2..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                bytes = rest;
            }
        }
    }
    out
}

/// `%u0061`, as IIS and old ECMAScript's escape() write it.
fn wide(mut bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    while let Some((first, rest)) = bytes.split_first() {
        let digits =
            bytes.strip_prefix(b"%u").or_else(|| bytes.strip_prefix(b"%U")).and_then(|it| it.get(..4));
        let unit = digits.and_then(|it| u32::from_str_radix(std::str::from_utf8(it).ok()?, 16).ok());
        match unit.and_then(char::from_u32) {
            Some(c) => {
                // Windows' best fit takes full-width forms for ASCII.
                let c = char::from_u32(u32::from(c).wrapping_sub(0xfee0))
                    .filter(char::is_ascii_graphic)
                    .unwrap_or(c);
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                bytes = bytes.get(6..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                bytes = rest;
            }
        }
    }
    out
}

/// Replaces what UTF-8 forbids and lax decoders take for ASCII: `C0 AF`, `E0 80 AF`, and full-width forms, which some
/// normalize.
fn overlong(bytes: &mut Vec<u8>) {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = &bytes[..];
    while let Some((first, behind)) = rest.split_first() {
        let (byte, length) = match rest {
            [lead @ (0xc0 | 0xc1), next @ 0x80..=0xbf, ..] => ((lead & 1) << 6 | next & 0x3f, 2),
            [0xe0, mid @ (0x80 | 0x81), next @ 0x80..=0xbf, ..] => ((mid & 1) << 6 | next & 0x3f, 3),
            [0xef, mid @ (0xbc | 0xbd), next @ 0x80..=0xbf, ..] => {
                let form = (u32::from(*mid) & 0x3f) << 6 | u32::from(*next) & 0x3f | 0xf000;
                (u8::try_from(form.wrapping_sub(0xfee0)).unwrap_or(*first), 3)
            }
            _ => (*first, 1),
        };
        out.push(byte);
        rest = if length == 1 { behind } else { rest.get(length..).unwrap_or_default() };
    }
    *bytes = out;
}
