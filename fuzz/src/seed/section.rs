//! A section of the conformance cases, as far as seeds are made of it.

/// Its documents and its requests. Read line by line: whoever fuzzes wants what is written, sound or not.
#[derive(Debug, Default)]
pub(super) struct Section {
    pub(super) policy: Option<String>,
    pub(super) inventory: Option<String>,
    /// Each in the form of [`question`](crate::question).
    pub(super) requests: Vec<String>,
}

impl Section {
    pub(super) fn read(text: &str) -> Self {
        let mut section = Self::default();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let place = match line {
                "policy: |" => &mut section.policy,
                "inventory: |" => &mut section.inventory,
                _ => {
                    section.requests.extend(request(line));
                    continue;
                }
            };
            let mut block = String::new();
            while let Some(line) = lines.next_if(|line| line.starts_with("  ") || line.is_empty()) {
                block.push_str(line.get(2..).unwrap_or_default());
                block.push('\n');
            }
            *place = Some(block);
        }
        section
    }
}

/// `    "GET /a | x-role: admin": allow …`, as a request.
fn request(line: &str) -> Option<String> {
    let (text, _verdict) = line.strip_prefix("    ")?.rsplit_once(": ")?;
    let text = text.trim_matches('"');
    let mut parts = text.split(" | ");
    let (method, target) = parts.next()?.split_once(' ').unwrap_or((text, "-"));
    if !method.starts_with(|c: char| c.is_ascii_uppercase() || c == '(') {
        return None;
    }
    let (mut authority, mut headers) = ("shop.test", String::new());
    for part in parts {
        match part.strip_prefix("host: ") {
            Some(host) => authority = host,
            None => headers.extend(["\n", part]),
        }
    }
    Some(format!("{method} {authority} {target}{headers}"))
}
