//! Pods as the workloads that are compiled.

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
            for who in moved {
                if let Some(group) = self.groups.get_mut(&who) {
                    group.place = None;
                }
            }
            let mut all: Vec<(usize, &Arc<Who>, Sighting)> = Vec::with_capacity(self.groups.len());
            for (number, (who, group)) in self.groups.iter().enumerate() {
                let before = group.place.and_then(|place| self.sightings.get(place));
                let instances = match before {
                    Some(sighting) => Arc::clone(&sighting.instances),
                    None => self.instances_of(group),
                };
                let (name, manifest) = (Arc::clone(&group.name), Arc::clone(&group.manifest));
                all.push((number, who, Sighting { name, manifest, instances }));
            }
            all.sort_by(|(_, a, one), (_, b, other)| {
                (&a.namespace, &one.name).cmp(&(&b.namespace, &other.name))
            });
            let mut places = vec![None; all.len()];
            self.sightings = Vec::with_capacity(all.len());
            for (place, (number, _, sighting)) in all.into_iter().enumerate() {
                if let Some(known) = places.get_mut(number) {
                    *known = Some(place);
                }
                self.sightings.push(sighting);
            }
            for (group, place) in self.groups.values_mut().zip(places) {
                group.place = place;
            }
            return &self.sightings;
        }
        for who in moved {
            let Some(group) = self.groups.get(&who) else { continue };
            let instances = self.instances_of(group);
            if let Some(sighting) = group.place.and_then(|place| self.sightings.get_mut(place))
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
