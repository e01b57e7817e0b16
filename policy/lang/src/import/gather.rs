//! What sources hold, document by document: what another system decides by, what is native already, and what is only true.

use std::collections::BTreeMap;

use crate::{
    Refused, Source, Span,
    decode::{self, API_VERSION, fields::Fields, header::Header},
    diagnostic::Report,
    dialect,
    document::Document,
    write::Tree,
    yaml::{self, Node, Value},
};

/// A document as it stands in a source; one of a list is one.
#[derive(Debug)]
pub(super) struct Item {
    /// Where it begins.
    pub(super) place: Span,
    /// Its kind in lower case.
    pub(super) kind: String,
    pub(super) namespace: Option<String>,
    pub(super) name: String,
    /// What its author calls parts of it, by what they are: `ingress[0]`.
    pub(super) names: BTreeMap<String, String>,
    /// All that it says.
    pub(super) tree: Tree,
    pub(super) role: Role,
}

/// What a document is for.
#[derive(Debug)]
pub(super) enum Role {
    /// Another system's.
    Foreign(Vec<Document>),
    /// Bookend's own: its text where it has one to itself, and what it says.
    Native(Option<String>, Vec<Document>),
    /// It describes the world.
    Fact,
}

/// The kinds of Bookend's own documents that describe the world and stay where they are.
const FACTS: [&str; 1] = ["Inventory"];

/// Every document of sources that were compiled, so that nothing is wrong with them.
///
/// # Errors
/// When a source is no YAML after all.
pub(super) fn gather(sources: &[Source]) -> Result<Vec<Item>, Refused> {
    let mut report = Report::default();
    let mut items = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        let Some(text) = yaml::text(index, source, &mut report) else { continue };
        let Some(read) = yaml::read(index, text, &mut report) else { continue };
        let ends = read.documents.iter().skip(1).map(|node| node.span.start).chain([text.len()]);
        let mut begin = 0;
        for (node, end) in read.documents.iter().zip(ends) {
            let end = text.get(..end).and_then(|text| text.rfind("\n---")).filter(|at| *at >= node.span.end);
            let end = end.map_or(text.len(), |at| at + 1);
            let own = text.get(begin..end).unwrap_or_default();
            begin = end;
            item(node, None, Some(without_marker(own)), &mut items);
        }
    }
    if report.refuses() { Err(Refused { diagnostics: report.into_diagnostics() }) } else { Ok(items) }
}

/// A document's text without the line of dashes before it.
fn without_marker(text: &str) -> &str {
    match text.trim_start().strip_prefix("---") {
        Some(rest) => rest.strip_prefix('\n').unwrap_or(rest),
        None => text,
    }
}

fn item(node: &Node, list: Option<&Header>, text: Option<&str>, items: &mut Vec<Item>) {
    // What is wrong was said when the sources were compiled.
    let mut report = Report::tolerant(true);
    let Some(mut fields) = Fields::of(node, "document", &mut report) else { return };
    let Some(header) = Header::read(&mut fields, list, &mut report) else { return };
    if header.kind.value.ends_with("List")
        && let Some(Value::Sequence(inner)) = member(node, "items").map(|node| &node.value)
    {
        let are = header.of_items().filter(|_| header.kind.value != "List");
        inner.iter().for_each(|inner| item(inner, are.as_ref(), None, items));
        return;
    }
    let mut documents = Vec::new();
    let foreign = dialect::document(&header, fields, &mut report, &mut documents).is_ok();
    let (version, kind) = (header.api_version.value.as_str(), header.kind.value.as_str());
    let role = if foreign {
        Role::Foreign(documents)
    } else if version == API_VERSION && !FACTS.contains(&kind) {
        decode::document(node, &mut report, &mut documents);
        // What stands in brackets, JSON for instance, is written anew.
        let block = |text: &&str| !text.trim_start().starts_with('{');
        Role::Native(text.filter(block).map(str::to_owned), documents)
    } else {
        Role::Fact
    };
    let said = |key: &str| {
        let node = member(member(node, "metadata")?, key)?;
        match &node.value {
            Value::Scalar(scalar) => Some(scalar.text.clone()),
            _ => None,
        }
    };
    items.push(Item {
        place: node.span,
        kind: kind.to_lowercase(),
        namespace: said("namespace"),
        name: said("name").unwrap_or_default(),
        names: names(node),
        tree: whole(node, &header),
        role,
    });
}

/// A document as it is, with what the list that it stands in says of it.
fn whole(node: &Node, header: &Header) -> Tree {
    let mut tree = Tree::of(node);
    if let Tree::Map(entries) = &mut tree {
        for (key, value) in [("kind", &header.kind), ("apiVersion", &header.api_version)] {
            if !entries.iter().any(|(own, _)| own == key) {
                entries.insert(0, (key.to_owned(), Tree::text(&value.value)));
            }
        }
    }
    tree
}

fn member<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    match &node.value {
        Value::Mapping(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value),
        _ => None,
    }
}

/// What the entries of each list in `spec` are called.
fn names(node: &Node) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    let Some(Value::Mapping(lists)) = member(node, "spec").map(|spec| &spec.value) else { return names };
    for list in lists {
        let Value::Sequence(entries) = &list.value.value else { continue };
        for (index, entry) in entries.iter().enumerate() {
            if let Some(Value::Scalar(name)) = member(entry, "name").map(|name| &name.value) {
                names.insert(format!("{}[{index}]", list.key), name.text.clone());
            }
        }
    }
    names
}
