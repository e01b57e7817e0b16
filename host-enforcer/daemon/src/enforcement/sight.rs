//! Interfaces that come and go.

use super::{Enforcement, Notice};
use crate::host::{Host, Manner};
use crate::interfaces::{Link, Links};
use std::collections::{BTreeMap, BTreeSet};

/// What a look at the interfaces came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    /// What is worth telling.
    pub notices: Vec<Notice>,
    /// Interfaces that are to be policed and are not yet.
    pub waiting: BTreeSet<Waiting>,
}

/// An interface that waits to be policed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Waiting {
    /// Its index.
    pub ifindex: u32,
    /// It must not be closed meanwhile.
    pub open: bool,
}

impl<H: Host> Enforcement<H> {
    /// Polices interfaces of the plan and of the patterns that have appeared, and forgets those that are gone. One that
    /// was renamed is not gone: it is denied everything until the plan knows its new name. Where the machine forwards, its
    /// addresses of now are its own. Before each interface `more`
    /// is asked whether there is time for it.
    ///
    /// # Errors
    /// If a table cannot be written. That an interface cannot be policed is a [`Notice`]; it is tried again with the
    /// next call.
    pub fn see(&mut self, links: &Links, mut more: impl FnMut() -> bool) -> Result<Sight, H::Error> {
        let mut sight = Sight::default();
        self.forget_moved(links, &mut sight)?;
        if self.locate(links.addresses())? {
            self.close_change()?;
        }
        let planned: Vec<String> = self
            .plan
            .interfaces
            .iter()
            .map(|interface| &interface.name)
            .filter(|name| !self.policed.contains_key(*name))
            .cloned()
            .collect();
        let matches =
            |link: &Link| self.settings.interfaces.iter().any(|pattern| pattern.matches(&link.name));
        let wanted = |link: &Link| !self.dry && !self.policed.contains_key(&link.name) && matches(link);
        let matching: Vec<String> =
            links.all().filter(|(_, link)| wanted(link)).map(|(_, link)| link.name.clone()).collect();
        for name in planned.into_iter().chain(matching) {
            if self.policed.contains_key(&name) {
                continue;
            }
            let Some((ifindex, link)) = links.index(&name).zip(links.link(&name)) else { continue };
            if !more() {
                let role = self.role(&name);
                sight.waiting.insert(Waiting { ifindex, open: self.stays_open(role) });
                continue;
            }
            self.police(ifindex, link, &mut sight)?;
        }
        Ok(sight)
    }

    /// Polices one interface.
    fn police(&mut self, ifindex: u32, link: &Link, sight: &mut Sight) -> Result<(), H::Error> {
        let interface = link.name.clone();
        let planned = self.planned(&interface).cloned();
        let role = planned.as_ref().map(|planned| planned.role).unwrap_or_default();
        let manner = Manner { own: role.is_own(), open: self.stays_open(role) };
        if manner.open && !link.ethernet {
            sight.notices.push(Notice::left(&interface));
            return Ok(());
        }
        // Where it may not be closed, its policy is there first. Elsewhere everything is denied once the programs are
        // attached; then come addresses, then the policies, in one write.
        if let Some(planned) = planned.as_ref().filter(|_| manner.open) {
            self.write_whole(planned, ifindex)?;
        }
        if let Err(error) = self.host.attach(&interface, ifindex, manner) {
            if manner.open {
                self.forget(ifindex, self.owned_by(&interface, ifindex))?;
            }
            sight.notices.push(Notice::Failed { interface, reason: error.to_string() });
            return Ok(());
        }
        if planned.is_some() && !link.ethernet {
            sight.notices.push(Notice::not_ethernet(&interface));
            return Ok(());
        }
        if let Some(planned) = planned.as_ref().filter(|_| !manner.open) {
            self.write_whole(planned, ifindex)?;
        }
        self.policed.insert(interface.clone(), ifindex);
        sight.notices.push(if planned.is_some() {
            Notice::Policed { interface, ifindex }
        } else {
            Notice::Closed { interface, ifindex }
        });
        Ok(())
    }

    /// Forgets interfaces that have another index or name, or are gone.
    fn forget_moved(&mut self, links: &Links, sight: &mut Sight) -> Result<(), H::Error> {
        let moved: Vec<_> = self
            .policed
            .iter()
            .filter(|(name, ifindex)| links.index(name) != Some(**ifindex))
            .map(|(name, ifindex)| (name.clone(), *ifindex))
            .collect();
        let mut renamed = BTreeMap::new();
        for (interface, ifindex) in moved {
            let stays = links.name(ifindex).filter(|_| !self.stays_open(self.role(&interface)));
            if stays.is_none() {
                self.host.release(ifindex)?;
            }
            self.empty(ifindex)?;
            for key in self.owned_by(&interface, ifindex) {
                self.host.disown(key)?;
            }
            renamed.extend(stays.map(|name| (name.to_owned(), ifindex)));
            self.policed.remove(&interface);
            sight.notices.push(Notice::Gone { interface, ifindex });
        }
        // Not if the plan knows the new name: then it is policed as one that has appeared.
        renamed.retain(|name, _| self.planned(name).is_none());
        self.policed.extend(renamed);
        Ok(())
    }
}
