//! The parts of a source that can be read one by one.

/// A part of a source: some of its documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part<'t> {
    /// Its first byte in the source.
    pub(crate) start: usize,
    /// How many lines are before it.
    pub(crate) line: usize,
    /// Its text, from the beginning of a line on.
    pub(crate) text: &'t str,
}

/// Parts are at least this long, so that a source of millions of empty documents has no millions of parts. No document that
/// says something is much shorter.
const SHORTEST: usize = 128;

/// Cuts a source before its `---`. Those are the beginnings of documents wherever they stand at the beginning of a line, inside
/// a scalar too (YAML 1.2.2, 9.1.2), so the parts say together what the source says. A source with directives or `...`, whose
/// meaning reaches beyond a document, and one with other line breaks than everybody has, stay in one piece.
pub(crate) fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let (mut start, mut line) = (0, 0);
    if may_be_cut(text) {
        let markers = text.match_indices("\n---").map(|(at, _)| at + 1);
        for marker in markers {
            let rest = text.get(marker + 3..).unwrap_or_default();
            let ends = rest.is_empty() || rest.starts_with([' ', '\t', '\n', '\r']);
            if !ends || marker - start < SHORTEST {
                continue;
            }
            let part = text.get(start..marker).unwrap_or_default();
            parts.push(Part { start, line, text: part });
            line += part.bytes().filter(|byte| *byte == b'\n').count();
            start = marker;
        }
    }
    parts.push(Part { start, line, text: text.get(start..).unwrap_or_default() });
    parts
}

fn may_be_cut(text: &str) -> bool {
    let directive = text.starts_with('%') || text.contains("\n%");
    let ended = text.starts_with("...") || text.contains("\n...");
    let bare_return = || text.match_indices('\r').any(|(at, _)| text.as_bytes().get(at + 1) != Some(&b'\n'));
    // A byte order mark may stand before any document.
    !directive && !ended && !bare_return() && !text.contains('\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<(usize, String)> {
        parts(text)
            .into_iter()
            .map(|part| (part.line, part.text.replace(&" ".repeat(SHORTEST), "~")))
            .collect()
    }

    fn long(text: &str) -> String {
        text.replace('~', &" ".repeat(SHORTEST))
    }

    #[test]
    fn a_source_is_cut_where_documents_begin() {
        let parts = cut(&long("a: 1 #~\n---\nb: 2 #~\n--- # c~\nc\n"));
        let expected = [(0, "a: 1 #~\n"), (1, "---\nb: 2 #~\n"), (3, "--- # c~\nc\n")];
        assert_eq!(parts, expected.map(|(line, text)| (line, text.to_owned())));
    }

    #[test]
    fn what_only_looks_like_a_beginning_is_none() {
        for text in ["a: 1 #~\n----\n", "a: 1 #~\n ---\n", "a: 1 #~ ---\n", "a: 1 #~\n---a\n", "", "---\n"] {
            assert_eq!(parts(&long(text)).len(), 1, "{text}");
        }
    }

    #[test]
    fn what_reaches_beyond_a_document_stays_whole() {
        for text in
            ["%YAML 1.2\n---\na~\n---\nb", "a~\n...\n---\nb", "a~\rb\n---\nc", "a~\n\u{feff}---\n---\nb"]
        {
            assert_eq!(parts(&long(text)).len(), 1, "{text}");
        }
        assert_eq!(parts(&long("a~\r\n---\r\nb")).len(), 2);
    }

    #[test]
    fn the_parts_together_are_the_source() {
        let text = long("a~\n---\n---\nb~\n---\nc\n---\nd~");
        let together: String = parts(&text).into_iter().map(|part| part.text).collect();
        assert_eq!(together, text);
    }

    #[test]
    fn a_flood_of_empty_documents_is_no_flood_of_parts() {
        assert!(parts(&"---\n".repeat(1000)).len() <= 4000 / SHORTEST + 1);
    }
}
