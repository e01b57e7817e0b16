//! Pods that wait to be let in: asked about by the CNI plugin, answered by the loop that enforces.

use bookend_abi::Address;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, watch};

/// Whether an interface is policed as a pod's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Not yet, and why.
    Waiting(String),
    /// It is.
    Policed,
}

/// An interface, and whose policy must be in force there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    /// Its index.
    pub(crate) ifindex: u32,
    /// Its name.
    pub(crate) interface: String,
    /// The pod's namespace.
    pub(crate) namespace: String,
    /// The pod's addresses, in table form.
    pub(crate) addresses: BTreeSet<Address>,
}

/// Where questions are asked and answered, shared by whoever holds one of these.
#[derive(Clone, Debug, Default)]
pub(crate) struct Door(Arc<Inside>);

#[derive(Debug, Default)]
struct Inside {
    asked: Mutex<Vec<(Question, watch::Sender<Standing>)>>,
    rung: Notify,
    /// Why pods may start without being held.
    obstacle: Mutex<Option<String>>,
}

impl Door {
    /// Asks. The answer changes until it is [`Standing::Policed`]; whoever drops it asks no more.
    pub(crate) fn ask(&self, question: Question) -> watch::Receiver<Standing> {
        let (sender, receiver) =
            watch::channel(Standing::Waiting("the enforcer has not looked yet".to_owned()));
        self.asked().push((question, sender));
        self.0.rung.notify_one();
        receiver
    }

    /// Takes note of why pods may start without being held, or that they are.
    pub(super) fn obstruct(&self, obstacle: Option<String>) {
        *self.0.obstacle.lock().unwrap_or_else(PoisonError::into_inner) = obstacle;
    }

    /// Why pods may start without being held.
    pub(crate) fn obstacle(&self) -> Option<String> {
        self.0.obstacle.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until somebody has asked.
    pub(crate) async fn rung(&self) {
        self.0.rung.notified().await;
    }

    /// Answers everybody who waits.
    pub(crate) fn answer(&self, standing: impl Fn(&Question) -> Standing) {
        self.asked().retain(|(question, sender)| {
            if sender.is_closed() {
                return false;
            }
            let now = standing(question);
            let waits = now != Standing::Policed;
            sender.send_if_modified(|before| {
                let differs = *before != now;
                *before = now;
                differs
            });
            waits
        });
    }

    fn asked(&self) -> MutexGuard<'_, Vec<(Question, watch::Sender<Standing>)>> {
        // Every writer leaves it whole.
        self.0.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_question_is_answered_until_it_is_so_or_nobody_waits() {
        let door = Door::default();
        let question = |ifindex| Question {
            ifindex,
            interface: "veth0".to_owned(),
            namespace: "default".to_owned(),
            addresses: BTreeSet::new(),
        };
        let mut one = door.ask(question(1));
        drop(door.ask(question(2)));
        door.rung().await;
        door.answer(|_| Standing::Waiting("soon".to_owned()));
        one.changed().await.unwrap();
        assert_eq!(*one.borrow_and_update(), Standing::Waiting("soon".to_owned()));
        assert_eq!(door.asked().len(), 1);
        door.answer(|_| Standing::Policed);
        one.changed().await.unwrap();
        assert_eq!(*one.borrow(), Standing::Policed);
        assert!(door.asked().is_empty());
    }
}
