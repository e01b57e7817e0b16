//! Nodes to text.

use super::comment::{Comments, end, in_brackets};
use crate::yaml::{Entry, Node, Value};

/// How wide a line in brackets may be, in characters.
const WIDTH: usize = 110;

/// The order of keys, from the outermost documents to the innermost parts. Other keys follow in the order they had.
const ORDER: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata",
    "name",
    "namespace",
    "namespaces",
    "labels",
    "annotations",
    "matchExpressions",
    "serviceAccounts",
    "spec",
    "order",
    "namespaced",
    "answers",
    "rule",
    "accessLog",
    "decisionLog",
    "allowed",
    "denied",
    "audited",
    "perSecond",
    "metrics",
    "cidrs",
    "trustDomain",
    "trustAddresses",
    "nodes",
    "kubeApiserver",
    "clusterCidrs",
    "tier",
    "priority",
    "mode",
    "isolate",
    "deny",
    "pass",
    "allow",
    "at",
    "from",
    "to",
    "workloads",
    "services",
    "directions",
    "cidr",
    "except",
    "network",
    "networks",
    "principals",
    "entities",
    "serviceAccount",
    "proxy",
    "port",
    "endPort",
    "targetPort",
    "protocol",
    "type",
    "code",
    "ports",
    "notPorts",
    "instances",
    "addresses",
    "selector",
    "backends",
    "interface",
    "interfaces",
    "forwards",
    "failsafe",
    "inbound",
    "outbound",
    "http",
    "answer",
    "limits",
    "connections",
    "connectionsPerSource",
    "packets",
    "packetsPerSource",
    "rate",
    "burst",
    "status",
    "body",
    "methods",
    "hosts",
    "paths",
    "headers",
    "query",
    "grpc",
    "service",
    "method",
    "claim",
    "issuer",
    "subject",
    "audiences",
    "claims",
    "exact",
    "prefix",
    "suffix",
    "regex",
    "present",
    "jwt",
    "when",
    "not",
];

/// Mappings whose keys are the author's.
const FREE: [&str; 5] = ["labels", "annotations", "selector", "headers", "claims"];

pub(super) struct Printer<'t> {
    text: &'t str,
    comments: &'t Comments<'t>,
    out: String,
    /// Whether the document is one of Bookend's own, whose keys have an order.
    own: bool,
}

impl<'t> Printer<'t> {
    pub(super) fn new(text: &'t str, comments: &'t Comments<'t>) -> Self {
        Self { text, comments, out: String::new(), own: false }
    }

    pub(super) fn document(&mut self, node: &'t Node) {
        if !self.out.is_empty() {
            self.out.push_str("---\n");
        }
        self.own = matches!(&node.value, Value::Mapping(entries) if entries.iter().any(|entry| {
            entry.key == "apiVersion"
                && matches!(&entry.value.value, Value::Scalar(version) if version.text.starts_with("bookend.dev/"))
        }));
        match &node.value {
            Value::Mapping(entries) if !entries.is_empty() => {
                // What stands at the head of a document is about all of it, whichever key comes first.
                let first = entries.first().map_or(node.span.start, |entry| entry.key_span.start);
                self.lead(first, 0, true);
                self.mapping(entries, 0, "", Some(first), true);
            }
            Value::Sequence(items) if !items.is_empty() => self.sequence(items, 0, ""),
            _ => {
                self.lead(node.span.start, 0, true);
                let flow = self.flow(node, "");
                self.out.push_str(&flow);
                self.behind(node.span.start);
            }
        }
    }

    pub(super) fn finish(mut self) -> String {
        for comment in self.comments.last() {
            self.out.push_str(comment);
            self.out.push('\n');
        }
        self.out
    }

    /// The entries of a mapping. What stands before the one at `led` is printed already; `first_on_line` says whether
    /// the first one starts a line of its own.
    fn mapping(
        &mut self,
        entries: &'t [Entry],
        indent: usize,
        name: &str,
        led: Option<usize>,
        first_on_line: bool,
    ) {
        for (index, entry) in self.ordered(entries, name).into_iter().enumerate() {
            let start = entry.key_span.start;
            if led != Some(start) {
                self.lead(start, indent, index == 0);
            }
            if index > 0 || first_on_line {
                self.indent(indent);
            }
            let key = self.key(entry);
            self.out.push_str(&key);
            self.out.push(':');
            self.value(entry.key_span.start, &entry.value, indent, &entry.key);
        }
    }

    fn sequence(&mut self, items: &'t [Node], indent: usize, name: &str) {
        for (index, item) in items.iter().enumerate() {
            let start = item.span.start;
            self.lead(start, indent, index == 0);
            self.indent(indent);
            self.out.push('-');
            match &item.value {
                Value::Mapping(entries)
                    if !entries.is_empty() && !self.stays_flow(item, indent + 2, name) =>
                {
                    let ordered = self.ordered(entries, name);
                    // The first key goes behind the dash, unless it has comments of its own before it.
                    let first =
                        ordered.first().map(|first| first.key_span.start).filter(|first| *first != start);
                    let led = first.is_some_and(|first| !self.comments.before(first).is_empty());
                    let own_line =
                        led || in_brackets(self.text, item) && self.comments.behind(start).is_some();
                    if own_line {
                        let behind = in_brackets(self.text, item).then_some(start);
                        self.end_line(behind);
                    } else {
                        self.out.push(' ');
                    }
                    self.mapping(entries, indent + 2, name, Some(start), own_line);
                }
                _ => self.value(start, item, indent + 2, name),
            }
        }
    }

    /// What stands behind `key:` or `-`, whose entry starts at `start`.
    fn value(&mut self, start: usize, node: &'t Node, indent: usize, name: &str) {
        let collection = match &node.value {
            Value::Scalar(_) => false,
            Value::Sequence(items) => !items.is_empty(),
            Value::Mapping(entries) => !entries.is_empty(),
        };
        if !collection || self.stays_flow(node, indent, name) {
            let flow = self.flow(node, name);
            if !flow.is_empty() {
                self.out.push(' ');
                self.out.push_str(&flow);
            }
            self.behind(start);
            return;
        }
        self.behind(start);
        match &node.value {
            Value::Mapping(entries) => self.mapping(entries, indent + 2, name, None, true),
            Value::Sequence(items) => self.sequence(items, indent, name),
            Value::Scalar(_) => {}
        }
    }

    /// Whether a collection in brackets is left so: it fits, and there is no comment inside.
    fn stays_flow(&self, node: &Node, indent: usize, name: &str) -> bool {
        let line = self.out.rsplit('\n').next().unwrap_or_default().chars().count().max(indent);
        in_brackets(self.text, node)
            && !self.comments.within(node.span.start + 1, end(self.text, node))
            && !has_empty(node)
            && line + 1 + self.flow(node, name).chars().count() <= WIDTH
    }

    /// A node on one line.
    fn flow(&self, node: &Node, name: &str) -> String {
        match &node.value {
            Value::Scalar(scalar) => {
                let written = self.text.get(node.span.start..node.span.end).unwrap_or_default();
                if written.contains('\n') || written.starts_with(['|', '>']) {
                    quoted(&scalar.text)
                } else {
                    written.to_owned()
                }
            }
            Value::Sequence(items) => {
                let items: Vec<_> = items.iter().map(|item| self.flow(item, name)).collect();
                format!("[{}]", items.join(", "))
            }
            Value::Mapping(entries) if entries.is_empty() => "{}".to_owned(),
            Value::Mapping(entries) => {
                let entries = self.ordered(entries, name);
                let entry =
                    |entry: &Entry| format!("{}: {}", self.key(entry), self.flow(&entry.value, &entry.key));
                format!("{{ {} }}", entries.into_iter().map(entry).collect::<Vec<_>>().join(", "))
            }
        }
    }

    /// A key as it was written, or without quotes that nobody needs.
    fn key(&self, entry: &Entry) -> String {
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
        let letters = entry.key.starts_with(|c: char| c.is_ascii_alphabetic()) && entry.key.chars().all(word);
        let span = entry.key_span;
        match self.text.get(span.start..span.end) {
            Some(written) if !letters && !written.contains('\n') => written.to_owned(),
            _ if letters && entry.key.len() > 3 || ORDER.contains(&entry.key.as_str()) => entry.key.clone(),
            Some(written) if !written.contains('\n') => written.to_owned(),
            _ => quoted(&entry.key),
        }
    }

    fn ordered<'e>(&self, entries: &'e [Entry], name: &str) -> Vec<&'e Entry> {
        let mut ordered: Vec<&Entry> = entries.iter().collect();
        if self.own && !FREE.contains(&name) {
            let rank = |entry: &&Entry| ORDER.iter().position(|key| *key == entry.key).unwrap_or(ORDER.len());
            ordered.sort_by_key(rank);
        }
        ordered
    }

    /// The blank line and the comments before an entry.
    fn lead(&mut self, start: usize, indent: usize, first: bool) {
        let comments = self.comments;
        let lines = comments.before(start);
        if !first && self.blank_before(start, lines.len()) {
            self.out.push('\n');
        }
        for comment in lines {
            self.indent(indent);
            self.out.push_str(comment);
            self.out.push('\n');
        }
    }

    /// Whether a blank line stands before the entry at `start` and its comments.
    fn blank_before(&self, start: usize, comments: usize) -> bool {
        let before = self.text.get(..start).unwrap_or_default();
        let above = before.rsplit('\n').skip(1);
        above.skip(comments).take(1).any(|line| line.trim().is_empty())
    }

    /// The comment behind an entry, if there is one, and the end of the line.
    fn behind(&mut self, start: usize) {
        self.end_line(Some(start));
    }

    /// The end of the line, and before it the comment behind an entry, if there is an entry and a comment.
    fn end_line(&mut self, entry: Option<usize>) {
        if let Some((comment, column)) = entry.and_then(|start| self.comments.behind(start)) {
            let line = self.out.rsplit('\n').next().unwrap_or_default().chars().count();
            // Comments that stand below each other go on to do so, where the text before them lets them.
            let spaces = column.saturating_sub(line).max(2);
            self.out.extend(core::iter::repeat_n(' ', spaces));
            self.out.push_str(comment);
        }
        self.out.push('\n');
    }

    fn indent(&mut self, indent: usize) {
        self.out.extend(core::iter::repeat_n(' ', indent));
    }
}

/// Whether a value in it is not written at all, which brackets make hard to read.
fn has_empty(node: &Node) -> bool {
    match &node.value {
        Value::Scalar(scalar) => scalar.plain && scalar.text.is_empty(),
        Value::Sequence(items) => items.iter().any(has_empty),
        Value::Mapping(entries) => entries.iter().any(|entry| has_empty(&entry.value)),
    }
}

/// A text in double quotes, as JSON and YAML both read it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
