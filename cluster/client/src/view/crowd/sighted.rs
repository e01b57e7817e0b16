//! Pods as the workloads that are compiled.

use std::collections::HashMap;
use std::sync::Arc;

use bookend_lang::{Instance, Sighting};

use super::{Crowd, Group, Who};

impl Crowd {
    /// Every workload that is seen, ascending by namespace and name. What is as it was keeps its pointers.
    pub(in super::super) fn sightings(&mut self) -> &[Sighting] {
        let moved = std::mem::take(&mut self.moved);
        if std::mem::take(&mut self.regrouped) {
            self.forget();
            self.name();
            let before: HashMap<Arc<Who>, Arc<[Instance]>> = std::mem::take(&mut self.positions)
                .into_iter()
                .filter(|(who, _)| !moved.contains(who))
                .filter_map(|(who, at)| Some((who, Arc::clone(&self.sightings.get(at)?.instances))))
                .collect();
            let mut all: Vec<(Arc<Who>, Sighting)> = Vec::with_capacity(self.groups.len());
            for (who, group) in &self.groups {
                let instances = before.get(who).map_or_else(|| self.instances_of(group), Arc::clone);
                let (name, manifest) = (Arc::clone(&group.name), Arc::clone(&group.manifest));
                all.push((Arc::clone(who), Sighting { name, manifest, instances }));
            }
            all.sort_by(|(a, one), (b, other)| (&a.namespace, &one.name).cmp(&(&b.namespace, &other.name)));
            self.positions = all.iter().enumerate().map(|(at, (who, _))| (Arc::clone(who), at)).collect();
            self.sightings = all.into_iter().map(|(_, sighting)| sighting).collect();
            return &self.sightings;
        }
        for who in moved {
            let Some(group) = self.groups.get(&who) else { continue };
            let instances = self.instances_of(group);
            let position = self.positions.get(&who);
            if let Some(sighting) = position.and_then(|position| self.sightings.get_mut(*position))
                && sighting.instances != instances
            {
                sighting.instances = instances;
            }
        }
        &self.sightings
    }

    fn instances_of(&self, group: &Group) -> Arc<[Instance]> {
        let mut all = Vec::with_capacity(group.members.len());
        for (number, member) in
            group.members.iter().filter_map(|number| Some((number, self.pods.get(number)?)))
        {
            if !member.has_addresses() {
                continue;
            }
            for mut instance in self.instances(member) {
                instance.addresses.retain(|address| self.claims.owner(*address) == Some(*number));
                if !instance.addresses.is_empty() || instance.interface.is_some() {
                    all.push(instance);
                }
            }
        }
        // Whatever numbers the pods got.
        all.sort_by(|a, b| (&a.addresses, &a.interface).cmp(&(&b.addresses, &b.interface)));
        all.into()
    }
}
