//! Pods that wait to be let in by the CNI plugin, until they are policed.

use super::Enforcer;
use crate::cni::{Question, Standing};
use crate::enforcement::Notice;
use bookend_abi::Address;
use std::collections::BTreeSet;

impl Enforcer {
    /// Answers those that wait, with what is in force now.
    pub(super) fn let_in(&self) {
        self.door.answer(|question| match self.hindrance(question) {
            Some(reason) => Standing::Waiting(reason),
            None => Standing::Policed,
        });
    }

    /// Why an interface is not policed as a pod's; `None` if it is (S106).
    fn hindrance(&self, question: &Question) -> Option<String> {
        let Question { ifindex, interface, namespace, addresses } = question;
        let failed = self.failed.iter().find_map(|notice| match notice {
            Notice::Failed { interface: failed, reason } if failed == interface => Some(reason.clone()),
            _ => None,
        });
        if failed.is_some() {
            return failed;
        }
        if self.incomplete {
            return Some("a change was not completed, and is tried again".to_owned());
        }
        if self.unguarded.is_some() {
            return self.unguarded.clone();
        }
        let planned = self.enforcement.plan().interfaces.iter().find(|planned| planned.name == *interface);
        let Some(planned) = planned else {
            return Some(match self.health.read().applied {
                Some(_) => "the policies in force do not know the pod yet: the API server has not told this node of it, or the \
                            last edit was refused"
                    .to_owned(),
                None => "no policy has been put in force yet".to_owned(),
            });
        };
        if planned.namespace != *namespace {
            return Some(format!(
                "the interface is still that of a workload in the namespace `{}`",
                planned.namespace
            ));
        }
        let known: BTreeSet<Address> = planned.addresses.iter().copied().collect();
        if !addresses.is_subset(&known) {
            return Some("the policies in force do not know the pod's addresses yet".to_owned());
        }
        if self.enforcement.policed().get(interface) != Some(ifindex) {
            return Some("other interfaces are policed before it".to_owned());
        }
        None
    }
}
