//! Objects as sources, in an order that does not depend on when they were told.

use std::collections::BTreeMap;

use bookend_lang::{Diagnostic, Source};

use super::article::ObjectName;
use super::standing::Stand;

/// The sources of all objects.
#[derive(Debug, Default)]
pub(super) struct Sources {
    all: Vec<Source>,
    /// The object of each, if it has one of its own.
    owners: Vec<Option<ObjectName>>,
    /// How many come from elsewhere; they are the first.
    extra: usize,
    stale: bool,
    new: bool,
}

/// What is in force of an object, as text.
pub(super) fn in_force(object: &ObjectName, stand: &Stand, held: bool) -> Option<String> {
    match held && !is_world(object) {
        true => stand.good.as_ref().map(|(_, text)| text.clone()),
        false => stand.text(object),
    }
}

fn is_world(object: &ObjectName) -> bool {
    matches!(&*object.kind, "Namespace" | "Node" | "Service" | "EndpointSlice")
}

impl Sources {
    /// Some object is another one.
    pub(super) fn forget(&mut self) {
        self.stale = true;
    }

    /// Whether they were made anew since this was asked last.
    pub(super) fn are_new(&mut self) -> bool {
        std::mem::take(&mut self.new)
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// The sources of these objects, and `extra` ones before them.
    pub(super) fn of(
        &mut self,
        extra: &[Source],
        objects: &BTreeMap<ObjectName, Stand>,
        held: bool,
    ) -> &[Source] {
        if !self.stale && self.all.get(..self.extra) == Some(extra) {
            return &self.all;
        }
        (self.stale, self.new, self.extra) = (false, true, extra.len());
        self.all = extra.to_vec();
        self.owners = vec![None; extra.len()];
        for (kind, name) in [("Namespace", "namespaces"), ("Node", "nodes")] {
            let of_kind = objects.iter().filter(|(object, _)| object.kind == kind);
            let texts: Vec<&str> = of_kind.map(|(_, stand)| stand.now.text.as_str()).collect();
            if !texts.is_empty() {
                self.all.push(Source::new(name, texts.join("---\n")));
                self.owners.push(None);
            }
        }
        let mut others: Vec<(&ObjectName, &Stand)> =
            objects.iter().filter(|(object, _)| !matches!(&*object.kind, "Namespace" | "Node")).collect();
        // Of two that contradict each other the one is blamed that came last.
        let age = |(object, stand): &(&ObjectName, &Stand)| {
            (!is_world(object), if is_world(object) { String::new() } else { stand.now.created.clone() })
        };
        others.sort_by_cached_key(age);
        for (object, stand) in others {
            if let Some(text) = in_force(object, stand, held) {
                self.all.push(Source::new(object.to_string(), text));
                self.owners.push(Some(object.clone()));
            }
        }
        &self.all
    }

    /// The object that a source is.
    pub(super) fn owner(&self, source: usize) -> Option<&ObjectName> {
        self.owners.get(source)?.as_ref()
    }

    /// A diagnostic as one line.
    pub(super) fn line(&self, diagnostic: &Diagnostic) -> String {
        let source = self.all.get(diagnostic.span.source);
        line(diagnostic, source.map_or("a pod", |source| &source.name))
    }
}

/// A diagnostic as one line, given what its source is called.
fn line(diagnostic: &Diagnostic, name: &str) -> String {
    let Diagnostic { code, span, message, cure, .. } = diagnostic;
    format!(
        "{name}:{}:{}: {}[{code}]: {message}; {cure}",
        span.line,
        span.column,
        diagnostic.severity().name()
    )
}
