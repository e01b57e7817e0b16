//! Sets of fields, as `managedFields` writes them: who owns what of an object.
//!
//! Source: sigs.k8s.io/structured-merge-diff (`fieldpath`, format `FieldsV1`).

pub(crate) mod merge;
pub(crate) mod shape;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

pub(crate) use shape::{Relation, Shape};

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Element {
    /// A field of an object.
    Field(String),
    /// An element of a list whose elements have keys: the keys, as JSON.
    Key(String),
    /// An element of a set, as JSON.
    Value(String),
}

/// A set of paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FieldSet {
    /// Whether the path to here is in the set.
    member: bool,
    below: BTreeMap<Element, FieldSet>,
}

impl Element {
    fn written(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Key(keys) => format!("k:{keys}"),
            Self::Value(value) => format!("v:{value}"),
        }
    }

    fn read(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        Some(match kind {
            "f" => Self::Field(rest.to_owned()),
            "k" => Self::Key(rest.to_owned()),
            "v" => Self::Value(rest.to_owned()),
            _ => return None,
        })
    }

    /// As paths in messages have it.
    fn shown(&self) -> String {
        match self {
            Self::Field(name) => format!(".{name}"),
            Self::Value(value) => format!("[={value}]"),
            Self::Key(keys) => {
                let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
                let pairs: Vec<_> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
                format!("[{}]", pairs.join(","))
            }
        }
    }
}

impl FieldSet {
    /// The set that has only where it starts.
    pub(crate) fn leaf() -> Self {
        Self { member: true, below: BTreeMap::new() }
    }

    /// Every field that a value sets.
    pub(crate) fn of(value: &Value, shape: Shape<'_>) -> Self {
        let mut set = Self::default();
        match (shape.relation(value), value) {
            (Relation::Granular, Value::Object(fields)) => {
                for (name, value) in fields {
                    let mut below = Self::of(value, shape.field(name));
                    below.member |= shape.is_free(name) || value.as_object().is_some_and(Map::is_empty);
                    set.insert(Element::Field(name.clone()), below);
                }
            }
            (relation @ (Relation::Set | Relation::Keyed(_)), Value::Array(items)) => {
                for item in items {
                    let mut below = match relation {
                        Relation::Set => Self::default(),
                        _ => Self::of(item, shape.element()),
                    };
                    below.member = true;
                    set.insert(relation.element(item), below);
                }
            }
            _ => set.member = true,
        }
        set
    }

    fn insert(&mut self, element: Element, set: Self) {
        if !set.is_empty() {
            self.below.entry(element).or_default().add(&set);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.member && self.below.is_empty()
    }

    /// Adds another set.
    pub(crate) fn add(&mut self, other: &Self) {
        self.member |= other.member;
        for (element, set) in &other.below {
            self.below.entry(element.clone()).or_default().add(set);
        }
    }

    /// What is here and not there.
    #[must_use]
    pub(crate) fn without(&self, other: &Self) -> Self {
        self.combine(other, |own, theirs| own && !theirs)
    }

    /// What is in both.
    #[must_use]
    pub(crate) fn shared(&self, other: &Self) -> Self {
        self.combine(other, |own, theirs| own && theirs)
    }

    fn combine(&self, other: &Self, keep: fn(bool, bool) -> bool) -> Self {
        let nothing = Self::default();
        let mut set = Self { member: keep(self.member, other.member), below: BTreeMap::new() };
        for (element, below) in &self.below {
            let theirs = other.below.get(element).unwrap_or(&nothing);
            set.insert(element.clone(), below.combine(theirs, keep));
        }
        set
    }

    /// What is below a field.
    pub(crate) fn below(&self, element: &Element) -> Option<&Self> {
        self.below.get(element)
    }

    pub(crate) fn is_member(&self) -> bool {
        self.member
    }

    /// Takes a field away with all that is below it.
    pub(crate) fn cut(&mut self, path: &[&str]) {
        let [first, rest @ ..] = path else { return };
        let element = Element::Field((*first).to_owned());
        if rest.is_empty() {
            self.below.remove(&element);
        } else if let Some(below) = self.below.get_mut(&element) {
            below.cut(rest);
            if below.is_empty() {
                self.below.remove(&element);
            }
        }
    }

    /// Keeps only one field of the outermost.
    pub(crate) fn keep(&mut self, field: &str) {
        self.below.retain(|element, _| *element == Element::Field(field.to_owned()));
    }

    /// Every path in the set, as messages write it.
    pub(crate) fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect("", &mut paths);
        paths
    }

    fn collect(&self, path: &str, paths: &mut Vec<String>) {
        if self.member {
            paths.push(path.to_owned());
        }
        for (element, set) in &self.below {
            set.collect(&format!("{path}{}", element.shown()), paths);
        }
    }

    /// As `fieldsV1` has it.
    pub(crate) fn written(&self) -> Value {
        let mut object = Map::new();
        if self.member && !self.below.is_empty() {
            object.insert(".".to_owned(), Value::Object(Map::new()));
        }
        for (element, set) in &self.below {
            object.insert(element.written(), set.written());
        }
        Value::Object(object)
    }

    /// Reads `fieldsV1`; what is no path is left out.
    pub(crate) fn read(written: &Value) -> Self {
        let fields = written.as_object().into_iter().flatten();
        let mut set = Self::default();
        for (name, below) in fields {
            if name == "." {
                set.member = true;
            } else if let Some(element) = Element::read(name) {
                let mut below_set = Self::read(below);
                below_set.member |= below.as_object().is_some_and(Map::is_empty);
                set.below.insert(element, below_set);
            }
        }
        set
    }
}
