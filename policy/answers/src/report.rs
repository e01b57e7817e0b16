//! Everything about documents in one text, in Markdown: to send to somebody, or to keep.

use std::fmt::Write;

use crate::check;
use crate::count;
use crate::documents::Documents;
use crate::graph::Graph;
use crate::progress::Progress;
use crate::test;

/// Writes what is in force, who can talk to whom, what tests say, and what is suspicious.
///
/// # Errors
/// When there are too many edges to look at, and when tests cannot be asked.
pub fn report(documents: &Documents, progress: &mut dyn Progress) -> anyhow::Result<String> {
    let compiled = &documents.compiled;
    let findings = check::findings(compiled);
    let policies = check::policies(compiled);
    let mut text = String::from("# What the policies mean\n\n");
    let _ = writeln!(
        text,
        "{}, {}, {}, {}.\n",
        count(policies.len(), "policy", "policies"),
        count(compiled.program.rules().len(), "rule", "rules"),
        count(compiled.inventory.workloads().len(), "workload", "workloads"),
        count(findings.len(), "finding", "findings"),
    );
    for policy in policies {
        let _ = writeln!(text, "- {}", code(policy));
    }
    edges(&mut text, &Graph::new(documents, &[], true)?);
    if compiled.tests.iter().any(|suite| !suite.tests.is_empty()) {
        tests(&mut text, &test::report(documents, None, &(), progress)?);
    }
    if !findings.is_empty() {
        text.push_str("\n## Findings\n\n");
    }
    for finding in findings {
        let place = documents.place_of(finding.span).map(|place| format!(" ({})", code(&place.to_string())));
        let _ = writeln!(
            text,
            "- {} {}{}: {}",
            finding.code.as_str(),
            escaped(&finding.message),
            place.unwrap_or_default(),
            escaped(&finding.cure)
        );
    }
    Ok(text)
}

fn edges(text: &mut String, graph: &Graph) {
    text.push_str("\n## Who can talk to whom\n\n");
    text.push_str("Two ends that are not isolated may talk without a line here.\n\n");
    text.push_str("| From | To | Ports | Passes | Rules |\n|---|---|---|---|---|\n");
    for edge in &graph.edges {
        let name = |number: usize| {
            let node = graph.nodes.get(number);
            let group = node.and_then(|node| graph.groups.get(node.group));
            node.zip(group).map_or_else(String::new, |(node, group)| format!("{group}: {}", node.label))
        };
        let mut passes = escaped(edge.line.meaning());
        for request in &edge.requests {
            let _ = write!(passes, "; {}", escaped(request));
        }
        let rules: Vec<String> = edge.by.iter().map(|id| code(id)).collect();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {passes} | {} |",
            escaped(&name(edge.from)),
            escaped(&name(edge.to)),
            escaped(&edge.ports),
            rules.join(", ")
        );
    }
}

fn tests(text: &mut String, report: &test::Report) {
    text.push_str("\n## Tests\n\n");
    let _ = writeln!(text, "{} passed, {} failed.\n", report.passed, report.failed);
    for outcome in &report.tests {
        let mark = if outcome.passed { "passed" } else { "**failed**" };
        let _ = writeln!(
            text,
            "- {mark}: {}/{} (expected {})",
            escaped(&outcome.suite),
            escaped(&outcome.name),
            outcome.expected
        );
        for because in outcome.failures.iter().flat_map(|failure| &failure.because) {
            let _ = writeln!(text, "  - {}", escaped(because));
        }
    }
}

/// Text in which nothing is a mark of Markdown's, a tag, or the end of a cell; what messages put between backticks stays code.
fn escaped(text: &str) -> String {
    let mut parts: Vec<&str> = text.split('`').collect();
    // A backtick without its other one begins no code.
    let lone = if parts.len().is_multiple_of(2) { parts.pop() } else { None };
    let mut escaped = String::with_capacity(text.len());
    for (number, part) in parts.into_iter().enumerate() {
        if number % 2 == 1 { escaped.push_str(&code(part)) } else { literal(&mut escaped, part) }
    }
    if let Some(lone) = lone {
        escaped.push_str("\\`");
        literal(&mut escaped, lone);
    }
    escaped
}

fn literal(escaped: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\\' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '&' | '~' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
}

/// Text as code; a backtick in it would end it.
fn code(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|c| match c {
            '`' => '\'',
            '|' => '¦',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect();
    format!("`{plain}`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use bookend_lang::{Source, compile};

    #[test]
    fn a_report_has_every_edge_and_every_test() {
        let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/bookinfo");
        let sources: Vec<_> = ["bookinfo.yaml", "inventory.yaml", "policy.yaml", "tests.yaml"]
            .into_iter()
            .map(|name| Source::new(name, std::fs::read(examples.join(name)).unwrap()))
            .collect();
        let documents = Documents::new(compile(&sources).unwrap(), sources);
        let text = report(&documents, &mut ()).unwrap();
        let graph = Graph::new(&documents, &[], true).unwrap();
        assert_eq!(text.matches("\n| ").count(), graph.edges.len() + 1, "{text}");
        assert!(text.contains("`default/bookinfo/reviews-read-ratings` |"), "{text}");
        assert!(text.contains("9 passed, 0 failed."), "{text}");
    }

    #[test]
    fn nothing_of_a_document_is_a_mark() {
        assert_eq!(escaped("a|b <c>\n"), "a\\|b \\<c\\> ");
        assert_eq!(escaped("`a_b` and *`"), "`a_b` and \\*\\`");
        assert_eq!(code("a`|"), "`a'¦`");
    }
}
