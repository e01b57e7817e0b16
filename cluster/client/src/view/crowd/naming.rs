//! What workloads are called.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{Crowd, Who};

impl Crowd {
    /// Gives each group a name that no other one of its namespace has. Where several are called the same, a hash tells them apart; no
    /// object of Kubernetes has a `~` in its name.
    pub(super) fn name(&mut self) {
        let mut called: HashMap<(&str, &str), Vec<&Arc<Who>>> = HashMap::new();
        for who in self.groups.keys() {
            called.entry((&who.namespace, &who.owner)).or_default().push(who);
        }
        let mut names: HashMap<Arc<Who>, String> = HashMap::new();
        for ((_, owner), several) in called.iter().filter(|(_, several)| several.len() > 1) {
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
                names.insert(Arc::clone(who), format!("{owner}~{digits}"));
            }
        }
        for (who, group) in &mut self.groups {
            let name = names.get(who).unwrap_or(&who.owner);
            if *group.name != **name {
                group.name = name.as_str().into();
            }
        }
    }
}
