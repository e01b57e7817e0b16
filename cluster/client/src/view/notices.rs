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
                let said = notice.read();
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

    /// Something else may be said of these namespaces. Of two that speak of one, only what both say counts.
    fn heed(&mut self, namespaces: impl Iterator<Item = String>) -> bool {
        let mut differs = false;
        for namespace in namespaces.collect::<BTreeSet<_>>() {
            let said =
                self.notices.values().filter(|(about, _)| *about == namespace).map(|(_, said)| said.clone());
            let said = said.reduce(|one, other| one.shared(&other)).unwrap_or_default();
            differs |= self.crowd.filter(&namespace, said);
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
        let key =
            Key { namespace: Some("bookend-system".to_owned()), name: name.to_owned(), uid: name.to_owned() };
        let notice = serde_json::from_value(json!({ "data": said.data("shop") })).unwrap();
        view.take_notice(Event::Put(key, notice))
    }

    #[test]
    fn of_two_that_speak_of_one_namespace_only_what_both_say_counts() {
        let filters = Filters::Published("bookend-system".to_owned());
        let mut view = View::new(&Outlook { filters, ..Outlook::default() });
        assert!(notice(&mut view, "one", true));
        assert!(!notice(&mut view, "one", true));
        assert!(notice(&mut view, "other", false));
        view.take_notice(Event::Listing);
        assert!(!notice(&mut view, "one", true));
        assert!(view.take_notice(Event::Synced));
        view.take_notice(Event::Listing);
        assert!(view.take_notice(Event::Synced), "nothing is said any more");
    }
}
