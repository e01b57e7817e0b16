//! What workloads are called.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{Crowd, Who};

impl Crowd {
    /// Gives each group a name that no other one of its namespace has. Where several are called the same, a hash tells them apart; no
    /// object of Kubernetes has a `~` in its name.
    pub(super) fn name(&mut self) {
        // Ascending by namespace and by what they are called.
        let all: Vec<&Arc<Who>> = self.groups.keys().collect();
        let called = all.chunk_by(|a, b| (&a.namespace, &a.owner) == (&b.namespace, &b.owner));
        // By address: to look at all that each of them is would take longer than all else here.
        let mut names: HashMap<*const Who, String> = HashMap::new();
        for several in called.filter(|several| several.len() > 1) {
            let Some(owner) = several.first().map(|who| &who.owner) else { continue };
            let digest = |who: &Who| -> String {
                Sha256::digest(who.manifest()).iter().map(|byte| format!("{byte:02x}")).collect()
            };
            let digests: Vec<(String, &Arc<Who>)> = several.iter().map(|who| (digest(who), *who)).collect();
            // Digests are of 64 digits and all differ.
            let told_apart = |length: &usize| {
                let starts: HashSet<&str> =
                    digests.iter().filter_map(|(digest, _)| digest.get(..*length)).collect();
                starts.len() == digests.len()
            };
            let length = [6, 16, 32].into_iter().find(|length| told_apart(length)).unwrap_or(64);
            for (digest, who) in &digests {
                let digits = digest.get(..length).unwrap_or(digest);
                names.insert(Arc::as_ptr(who), format!("{owner}~{digits}"));
            }
        }
        for (who, group) in &mut self.groups {
            let name = names.get(&Arc::as_ptr(who)).unwrap_or(&who.owner);
            if *group.name != **name {
                group.name = name.as_str().into();
            }
        }
    }
}
