//! The part of a configuration that the proxies of one namespace need.
//!
//! Nothing here is part of a filter: whoever writes configurations makes excerpts, and proxies read them as any other.

mod census;
mod outline;
mod sight;

use alloc::vec::Vec;

use super::Configuration;
use crate::{End, FilterEnd, Isolation, Program, Rule};
use census::Census;
use outline::Outline;
use sight::Sight;

impl Configuration {
    /// What the proxies of `namespace` need of this configuration: each of them decides by it as by the whole, and names the same
    /// causes (S110).
    ///
    /// It holds the rules and isolations that can concern one of their connections, those of the other end included (S26); of other
    /// namespaces' workloads only those that these tell apart, with what tells them apart; and addresses only where they say who
    /// somebody is (S22, S24) or whose policy must hold (S25). So it stays the same, byte for byte, through changes that do not concern
    /// the namespace. The revision is the whole's: whoever writes the excerpt names it.
    ///
    /// A filter at the source's end (S60) judges by the destinations' addresses, which are all left as they are.
    #[must_use]
    pub fn for_namespace(&self, namespace: &str) -> Self {
        let own = Outline::proxied(namespace, &self.inventory);
        let (rules, isolations) = match self.settings.end {
            FilterEnd::Destination => self.judging_both(&own),
            FilterEnd::Source => self.judging_sources(&own),
        };
        let inventory = match self.settings.end {
            FilterEnd::Destination => {
                Census::new(&self.inventory, namespace, &Sight::new(&rules, &isolations)).taken()
            }
            FilterEnd::Source => self.inventory.clone().with_services(Vec::new()),
        };
        let rules = rules.into_iter().cloned().collect();
        let program = Program::new(rules, isolations.into_iter().cloned().collect());
        Self { revision: self.revision.clone(), settings: self.settings.clone(), program, inventory }
    }

    /// What can concern a connection that a workload like `own` accepts, at either end.
    fn judging_both(&self, own: &Outline<'_>) -> (Vec<&Rule>, Vec<&Isolation>) {
        let rules = self.program.rules().iter().filter(|rule| {
            let here = rule.at.destination && rule.speaks_of(own.namespace());
            // A policy governs the sources in its own namespace only (S4).
            let there = rule.at.source
                && rule.namespace.as_deref().is_none_or(|namespace| {
                    Outline::anybody(namespace, &self.inventory).may_be_among(&rule.from)
                });
            (here || there) && own.may_be_among(&rule.to)
        });
        let isolations = self.program.isolations().iter().filter(|isolation| {
            // Whoever comes in may be isolated as the source.
            isolation.egress || (isolation.ingress && own.may_be_selected(&isolation.workloads))
        });
        (rules.collect(), isolations.collect())
    }

    /// What can concern a connection that a workload like `own` opens, at that end.
    fn judging_sources(&self, own: &Outline<'_>) -> (Vec<&Rule>, Vec<&Isolation>) {
        let rules = self.program.rules().iter().filter(|rule| {
            rule.at.contains(End::Source) && rule.speaks_of(own.namespace()) && own.may_be_among(&rule.from)
        });
        let isolations = self.program.isolations().iter();
        let isolations =
            isolations.filter(|isolation| isolation.egress && own.may_be_selected(&isolation.workloads));
        (rules.collect(), isolations.collect())
    }
}
