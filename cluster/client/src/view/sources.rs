//! Objects as sources, in an order that does not depend on when they were told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bookend_lang::{Diagnostic, Source};

use super::article::{ObjectName, mentions};
use super::pod::NOISE;
use super::standing::Stand;

/// The sources of all objects.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// All of them, until they were compiled once.
    fresh: Option<Vec<Source>>,
    /// Those that come from elsewhere; they are the first.
    extra: Vec<Source>,
    /// The objects that the others are.
    owners: Vec<Arc<ObjectName>>,
    stale: bool,
    new: bool,
    /// The noise that those from elsewhere mention, and that all do.
    elsewhere: [bool; NOISE.len()],
    mentioned: [bool; NOISE.len()],
    /// The namespaces whose labels are told, and those that are invalid.
    described: BTreeSet<String>,
    undescribed: BTreeSet<String>,
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

    /// All of them, unless they are those that were taken before.
    pub(super) fn take(&mut self) -> Option<Vec<Source>> {
        self.fresh.take()
    }

    pub(super) fn len(&self) -> usize {
        self.extra.len() + self.owners.len()
    }

    /// The noise that they mention, whatever becomes of those that are invalid.
    pub(super) fn mentioned(&self) -> [bool; NOISE.len()] {
        self.mentioned
    }

    /// The namespaces whose labels are told.
    pub(super) fn described(&self) -> &BTreeSet<String> {
        &self.described
    }

    /// The namespaces of which it is not known what labels they have, although they were told.
    pub(super) fn undescribed(&self) -> &BTreeSet<String> {
        &self.undescribed
    }

    /// Makes them of these objects, and of `extra` ones before them.
    pub(super) fn gather(
        &mut self,
        extra: &[Source],
        objects: &BTreeMap<Arc<ObjectName>, Stand>,
        held: bool,
    ) {
        let others = self.extra != extra;
        if others {
            self.elsewhere = mentioned(extra);
        }
        if !self.stale && !others {
            return;
        }
        (self.stale, self.new) = (false, true);
        if others {
            self.extra = extra.to_vec();
        }
        let mut all = self.extra.clone();
        self.owners.clear();
        self.mentioned = self.elsewhere;
        self.described.clear();
        self.undescribed.clear();
        let mut others: Vec<(&Arc<ObjectName>, &Stand)> = objects.iter().collect();
        // Of two that contradict each other the one is blamed that came last.
        let age = |(object, stand): &(&Arc<ObjectName>, &Stand)| match object.is_world() {
            true => (false, String::new()),
            false => (true, stand.now.created.clone()),
        };
        others.sort_by_cached_key(age);
        for (object, stand) in others {
            let own = stand.mentions(stand.in_force(object, held));
            self.mentioned.iter_mut().zip(own).for_each(|(any, own)| *any |= own);
            if let Some(text) = stand.text(object, held) {
                all.push(Source::new(object.to_string(), text.as_bytes()));
                self.owners.push(Arc::clone(object));
                if object.kind == "Namespace" {
                    self.described.insert(object.name.clone());
                }
            } else if object.kind == "Namespace" {
                self.undescribed.insert(object.name.clone());
            }
        }
        self.fresh = Some(all);
    }

    /// The object that a source is.
    pub(super) fn owner(&self, source: usize) -> Option<&ObjectName> {
        self.owners.get(source.checked_sub(self.extra.len())?).map(AsRef::as_ref)
    }

    /// A diagnostic as one line.
    pub(super) fn line(&self, diagnostic: &Diagnostic) -> String {
        let source = diagnostic.span.source;
        match (self.extra.get(source), self.owner(source)) {
            (Some(extra), _) => line(diagnostic, &extra.name),
            (None, Some(object)) => line(diagnostic, &object.to_string()),
            (None, None) => line(diagnostic, "a pod"),
        }
    }
}

/// The noise that these mention, however it is written; all of it, where that cannot be told.
fn mentioned(sources: &[Source]) -> [bool; NOISE.len()] {
    let Ok(objects) = bookend_lang::objects(sources) else { return [true; NOISE.len()] };
    let mut all = [false; NOISE.len()];
    for object in objects {
        let own = mentions(&object.value.to_string());
        all.iter_mut().zip(own).for_each(|(any, own)| *any |= own);
    }
    all
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
