//! What follows from the target of a request: its path (S32, S33, S57) and its query (S52).

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization as _;

/// The bytes that `%XX` stands for, and `+` where it is a space; nothing where an encoding is broken or the text is
/// not UTF-8.
fn decode(text: &[u8], plus: bool) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(*rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            b'+' if plus => b' ',
            other => *other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// The canonical path, unless servers may read it differently.
pub(super) fn canonical(target: Option<&[u8]>) -> Option<String> {
    let raw = target?.split(|byte| *byte == b'?').next()?;
    // What only an encoding can bring into a path; `%` itself is in the raw one.
    let path = decode(raw, false)?;
    let written = |c: char| raw.contains(&u8::try_from(c).unwrap_or_default());
    let foreign = path.contains(['\\', '?', '#', ';', '%']) || path.contains(char::is_control);
    let slashes = |text: &[u8]| text.iter().filter(|byte| **byte == b'/').count();
    if !path.starts_with('/') || foreign || written('#') || slashes(raw) != slashes(path.as_bytes()) {
        return None;
    }
    let segments: Vec<&str> = path.get(1..)?.split('/').collect();
    let (last, before) = segments.split_last()?;
    let sound = |segment: &&str| !segment.ends_with('.') && segment.trim() == *segment;
    let sound = before.iter().all(|segment| !segment.is_empty() && sound(segment)) && sound(last);
    (sound && !path.contains("::$") && !path.chars().any(passes_for_another)).then_some(path)
}

/// Whether some servers take a character for an ASCII one, or leave it out.
fn passes_for_another(character: char) -> bool {
    let ignored = ['\u{ad}', '\u{200b}', '\u{200d}', '\u{2060}', '\u{feff}', '\u{2215}', '\u{2216}'];
    let other = |text: String| text.chars().any(|c| c.is_ascii());
    !character.is_ascii()
        && (ignored.contains(&character) || other(character.nfkc().collect()) || "ıſ".contains(character))
}

/// The segments that a template names.
pub(super) type Segments = BTreeMap<String, String>;

/// Whether `pattern` means `path`, and which named segments it has there.
pub(super) fn matches(pattern: &str, path: &str) -> Option<Segments> {
    if let (false, Some(end)) = (pattern.starts_with('/'), pattern.strip_prefix('*')) {
        return path.ends_with(end).then(Segments::new);
    }
    if !pattern.contains('{') {
        let matches = match pattern.strip_suffix('*') {
            Some(start) => path.starts_with(start),
            None => path == pattern,
        };
        return matches.then(Segments::new);
    }
    let mut segments = Segments::new();
    let mut given = path.split('/');
    for wanted in pattern.split('/') {
        let name = wanted.strip_prefix('{').and_then(|w| w.strip_suffix('}'));
        let segment = given.next()?;
        match name {
            Some("**") => return Some(segments),
            Some(_) if segment.is_empty() => return None,
            Some(name) => drop(segments.insert(name.to_owned(), segment.to_owned())),
            None if segment != wanted => return None,
            None => {}
        }
    }
    given.next().is_none().then_some(segments)
}

/// Whether something could be decoded once more.
pub(super) fn encoded_still(text: &str) -> bool {
    let hexadecimal = |digits: Option<&[u8]>| digits.is_some_and(|d| d.iter().all(u8::is_ascii_hexdigit));
    let bytes = text.as_bytes();
    text.match_indices('%').any(|(place, _)| hexadecimal(bytes.get(place + 1..place + 3)))
}

/// The parameters of the query, unless servers may read it differently.
pub(super) fn query(target: Option<&[u8]>) -> Option<Vec<(String, String)>> {
    canonical(target)?;
    let target = target?;
    if target.contains(&b'#') {
        return None;
    }
    let Some(start) = target.iter().position(|byte| *byte == b'?') else { return Some(Vec::new()) };
    let query = target.get(start + 1..)?;
    // Some servers leave off what comes behind so many.
    if query.contains(&b';') || query.iter().filter(|byte| **byte == b'&').count() >= 1000 {
        return None;
    }
    let pairs = query.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let middle = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let (name, value) = pair.split_at(middle);
        let sound =
            |name: &String| name.bytes().all(|byte| matches!(byte, b' '..=b'~')) && !encoded_still(name);
        let name = decode(name, true).filter(sound)?;
        Some((name, decode(value.get(1..).unwrap_or_default(), true)?))
    });
    pairs.collect()
}

/// Whether the most generous server takes one name for the other, for something in it, or for what it is in: without regard to case
/// (ASP.NET), with `_` for `.` and others (PHP), with names in brackets (PHP, Rails, Express) or behind dots (Spring).
pub(super) fn alike(given: &str, name: &str) -> bool {
    let folded = |name: &str| -> String {
        let fold = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
        name.trim().chars().map(fold).collect()
    };
    let names = |text: &str, dividers: &[char]| -> Vec<String> {
        text.split(dividers).map(folded).filter(|part| !part.is_empty()).collect()
    };
    if folded(given) == folded(name) {
        return true;
    }
    // Spring takes it where there is none without.
    let given = given.strip_prefix('!').unwrap_or(given);
    let (one, other) = (names(given, &['[', ']']), names(name, &['[', ']']));
    let inside = one.iter().zip(&other).all(|(a, b)| a == b) && !one.is_empty() && !other.is_empty();
    inside || names(given, &['[', ']', '.']) == names(name, &['[', ']', '.'])
}
