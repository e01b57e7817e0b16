//! What an interface is to the machine that it belongs to.

/// What an interface of this machine is to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The near side of a workload's interface: what comes in there, the workload sent.
    #[default]
    Workload,
    /// An interface of the machine itself: what goes out there, the machine sent (S76).
    Host,
    /// An interface of a machine that also forwards for others, which it does not police there (S77).
    Router,
}

impl Role {
    /// Whether the interface is the machine's own.
    pub fn is_own(self) -> bool {
        self != Self::Workload
    }
}
