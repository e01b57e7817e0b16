//! What the controller says of filters, as it is told.

use std::collections::BTreeSet;

use super::{Notice, View};
use crate::{Event, kinds};

impl View {
    /// Takes in what was told of the ConfigMaps that say which proxies have filters. Whether anything differs from before.
    pub fn take_notice(&mut self, event: Event<Notice>) -> bool {
        match event {
            Event::Listing => {
                self.unread = Some(self.notices.keys().cloned().collect());
                false
            }
            Event::Put(key, notice) => {
                if let Some(unread) = &mut self.unread {
                    unread.remove(&key.name);
                }
                // By this name alone the controller takes it back.
                let said = notice.read().filter(|(about, _)| key.name == Notice::name(about));
                let before = match said.clone() {
                    Some(said) => self.notices.insert(key.name, said),
                    None => self.notices.remove(&key.name),
                };
                before != said
                    && self.heed([before, said].into_iter().flatten().map(|(namespace, _)| namespace))
            }
            // What cannot be read says nothing.
            Event::Gone(key) | Event::Unread(key, _) => {
                let before = self.notices.remove(&key.name);
                self.heed(before.into_iter().map(|(namespace, _)| namespace))
            }
            Event::Synced => {
                let unread = self.unread.take().unwrap_or_default();
                let gone: Vec<String> = unread
                    .iter()
                    .filter_map(|name| self.notices.remove(name))
                    .map(|(namespace, _)| namespace)
                    .collect();
                let differs = self.heed(gone.into_iter());
                self.listed.insert(kinds::CONFIG_MAP.kind.to_string()) || differs
            }
            Event::Alive | Event::Trouble(_) => false,
        }
    }

    /// Something else may be said of these namespaces.
    fn heed(&mut self, namespaces: impl Iterator<Item = String>) -> bool {
        let mut differs = false;
        for namespace in namespaces.collect::<BTreeSet<_>>() {
            let said = self.notices.get(&Notice::name(&namespace)).map(|(_, said)| said.clone());
            differs |= self.crowd.filter(&namespace, said.unwrap_or_default());
        }
        differs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Key;
    use crate::view::{Filtered, Filters, Outlook};
    use serde_json::json;

    fn notice(view: &mut View, name: &str, sidecars: bool) -> bool {
        let said = Filtered { sidecars, ..Filtered::default() };
        let namespace = Some("bookend-system".to_owned());
        let key = Key { namespace, name: name.to_owned(), uid: name.to_owned() };
        let notice = serde_json::from_value(json!({ "data": said.data("shop") })).unwrap();
        view.take_notice(Event::Put(key, notice))
    }

    #[test]
    fn what_is_said_counts_until_it_is_taken_back_and_under_its_own_name_alone() {
        let filters = Filters::Published("bookend-system".to_owned());
        let mut view = View::new(&Outlook { filters, ..Outlook::default() });
        assert!(!notice(&mut view, "another", true));
        assert!(notice(&mut view, "filtered.shop", true));
        assert!(!notice(&mut view, "filtered.shop", true));
        assert!(notice(&mut view, "filtered.shop", false));
        assert!(notice(&mut view, "filtered.shop", true));
        view.take_notice(Event::Listing);
        assert!(!notice(&mut view, "filtered.shop", true));
        assert!(view.take_notice(Event::Synced), "everything was listed for the first time");
        view.take_notice(Event::Listing);
        assert!(view.take_notice(Event::Synced), "nothing is said any more");
        assert!(!view.take_notice(Event::Synced));
    }
}
