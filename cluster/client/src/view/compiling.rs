//! Compiling what is known, and what is in force in the place of what is invalid.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bookend_lang::{Compiled, Refused, Severity, Sighting, Source};
use sha2::{Digest, Sha256};

use super::article::{Fallback, ObjectName};
use super::{InForce, Refusal, View};
use crate::kinds;

/// How often what is invalid is replaced by something else before every policy stays as it was, and then before all of it is refused.
const MAX_ROUNDS: usize = 100;

/// Who gives way.
enum Culprit {
    Object(ObjectName),
    /// The pods of this manifest.
    Pod(Arc<Source>),
}

impl View {
    /// Compiles all that is known, and `extra` documents. What is invalid is replaced by what was in force before it.
    ///
    /// # Errors
    /// When nothing that was valid is known of a policy for all namespaces, or `extra` is wrong. What is in force should stay so.
    pub fn compile(&mut self, extra: &[Source]) -> Result<&Compiled, Refusal> {
        if (std::mem::take(&mut self.changed) || self.entangled)
            && let Err(refusal) = self.begin()
        {
            self.changed = true;
            return Err(refusal);
        }
        let mut rounds = 0;
        loop {
            self.sources.gather(extra, &self.objects, self.held);
            self.crowd.mention(self.sources.mentioned());
            self.compiler.doubt(self.doubted());
            let sightings = self.crowd.sightings();
            let accepted: Vec<Sighting>;
            let sightings = if self.quarantined.is_empty() {
                sightings
            } else {
                let kept = |sighting: &&Sighting| !self.quarantined.contains_key(&sighting.manifest);
                accepted = sightings.iter().filter(kept).cloned().collect();
                &accepted
            };
            let compiled = match self.sources.take() {
                Some(sources) => self.compiler.compile_observed(&sources, sightings),
                None => self.compiler.compile_again(sightings),
            };
            let Err(refused) = compiled else { break };
            let seen: Vec<Arc<Source>> =
                sightings.iter().map(|sighting| Arc::clone(&sighting.manifest)).collect();
            rounds += 1;
            let replaced = match rounds > MAX_ROUNDS {
                false => self.replace(&refused, &seen),
                true => {
                    rounds = 0;
                    self.sources.forget();
                    self.hold()
                }
            };
            if !replaced {
                let errors = refused.diagnostics.iter().filter(|d| d.severity() == Severity::Error);
                let complaints = errors.map(|diagnostic| self.sources.line(diagnostic)).collect();
                // Whatever comes next, everything is tried again.
                self.changed = true;
                return Err(Refusal { complaints });
            }
        }
        if !self.held {
            let proved = self.objects.values_mut().filter_map(|stand| stand.proved().then_some(1));
            self.goods += proved.sum::<u64>();
        }
        if self.sources.are_new() || self.policies.is_empty() {
            self.policies = self.revision();
        }
        Ok(self.compiler.compiled())
    }

    /// Tries everything as it is now.
    fn begin(&mut self) -> Result<(), Refusal> {
        self.held = false;
        self.entangled = false;
        self.quarantined.clear();
        self.sources.forget();
        let mut unread = Vec::new();
        for (object, stand) in &mut self.objects {
            stand.begin(object);
            if stand.now.unread.is_some() {
                unread.push(Arc::clone(object));
            }
        }
        for object in unread {
            // Where everything is what it was when it was good, so is this already.
            if self.held && object.fallback() != Fallback::LeaveOut {
                continue;
            }
            if !self.demote(&object) {
                let complaints = self.objects.get(&object).map(|stand| stand.complaints.clone());
                return Err(Refusal { complaints: complaints.unwrap_or_default() });
            }
        }
        Ok(())
    }

    /// The namespaces of which nobody knows the labels: they were not told yet, or they are invalid.
    fn doubted(&self) -> BTreeSet<String> {
        let described = self.sources.described();
        let of_pods = self.crowd.namespaces().filter(|name| !described.contains(*name)).map(str::to_owned);
        of_pods.chain(self.sources.undescribed().iter().cloned()).collect()
    }

    /// Has less in force of whatever is wrong; false if nothing can be done.
    fn replace(&mut self, refused: &Refused, sightings: &[Arc<Source>]) -> bool {
        let mut culprits: BTreeMap<ObjectName, Vec<String>> = BTreeMap::new();
        for diagnostic in refused.diagnostics.iter().filter(|d| d.severity() == Severity::Error) {
            let line = self.sources.line(diagnostic);
            let related = diagnostic.related.as_ref().map(|(span, _)| span.source);
            let (culprit, pods) = self.culprit(diagnostic.span.source, related, sightings);
            // What depends on who runs where is looked at again whenever somebody runs elsewhere.
            self.entangled |= pods && related.is_some();
            match culprit {
                Some(Culprit::Object(object)) => culprits.entry(object).or_default().push(line),
                Some(Culprit::Pod(manifest)) => _ = self.quarantined.insert(manifest, line),
                // What comes from elsewhere is for whoever gave it.
                None => return false,
            }
        }
        let held = self.held;
        for (object, complaints) in culprits {
            let Some(stand) = self.objects.get_mut(&object) else { return false };
            if stand.in_force == InForce::This {
                stand.complaints = complaints;
            }
            // Once everything is what it was when it was good, it is looked anew what is wrong.
            if self.held == held && !self.demote(&object) {
                return false;
            }
        }
        self.sources.forget();
        true
    }

    /// Who is to give way where a source is wrong, alone or together with another one; and whether a pod is among them. A `Host` gives way to a
    /// pod, and a pod to all else: whoever may start pods must not stop the policies of others with them. What can be left out gives way to what
    /// cannot, and of two that are alike the younger one does.
    fn culprit(
        &self,
        source: usize,
        related: Option<usize>,
        sightings: &[Arc<Source>],
    ) -> (Option<Culprit>, bool) {
        let both = || [Some(source), related].into_iter().flatten();
        let pod = |source: usize| sightings.get(source.checked_sub(self.sources.len())?);
        let pod = both().find_map(pod);
        let yields = |object: &&ObjectName| {
            let rank = match object.fallback() {
                Fallback::Hold => 0,
                Fallback::Isolate => 1,
                Fallback::LeaveOut => 2,
            };
            (rank, self.objects.get(*object).map(|stand| stand.now.created.as_str()))
        };
        let object = both().filter_map(|source| self.sources.owner(source));
        // Of equals the one that is named first.
        let object = object.rev().max_by(|a, b| yields(a).cmp(&yields(b)));
        let object = object.filter(|object| pod.is_none() || object.kind == "Host");
        let culprit = match (object, pod) {
            (Some(object), _) => Some(Culprit::Object(object.clone())),
            (None, pod) => pod.map(|manifest| Culprit::Pod(Arc::clone(manifest))),
        };
        (culprit, pod.is_some())
    }

    /// Has less in force of an object, or of everything; false if nothing can be done.
    fn demote(&mut self, object: &ObjectName) -> bool {
        let held = self.held;
        self.objects.get_mut(object).is_some_and(|stand| stand.demote(object, held)) || self.hold()
    }

    /// Has every policy be what it was when it was last good; false if that is so already, or none ever was.
    fn hold(&mut self) -> bool {
        if self.held || self.objects.values().all(|stand| stand.good.is_none()) {
            return false;
        }
        self.held = true;
        true
    }

    fn revision(&self) -> String {
        let mut hash = Sha256::new();
        let mut part = |text: &str| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        };
        let is_own = |kind: &str| kinds::DOCUMENTS.iter().any(|known| *known.kind == *kind);
        for (object, stand) in self.objects.iter().filter(|(object, _)| is_own(&object.kind)) {
            let Some(text) = stand.text(object, self.held) else { continue };
            part(&object.kind);
            part(object.namespace.as_deref().unwrap_or_default());
            part(&object.name);
            // Labels and annotations say nothing.
            part(text.split_once("\nspec:").map_or("", |(_, spec)| spec));
        }
        hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }
}
