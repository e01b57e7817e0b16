//! What is known of the crowd as a whole, and pods of which nothing is.

use super::{Crowd, Pod, Uid};
use crate::Key;

impl Crowd {
    /// The namespaces that have pods, ascending.
    pub(in super::super) fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(AsRef::as_ref)
    }

    /// A pod is there and cannot be read. What was read of it before stays; otherwise it is somebody of its namespace, without labels, and nowhere.
    pub(in super::super) fn unread(&mut self, key: &Key) {
        let number = self.find(key.namespace.as_deref().unwrap_or_default(), &key.name);
        let uid = Uid::new(&key.uid);
        let known = number.filter(|number| self.pods.get(number).is_some_and(|pod| pod.uid == uid));
        match known {
            Some(number) => {
                if let Some(unlisted) = &mut self.unlisted {
                    unlisted.remove(&number);
                }
            }
            None => self.put(key, Pod::default()),
        }
    }
}
