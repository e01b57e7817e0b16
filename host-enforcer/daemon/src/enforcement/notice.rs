//! What is told about interfaces.

/// Something worth telling about an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It appeared and is policed now.
    Policed {
        /// Its name.
        interface: String,
        /// Its index.
        ifindex: u32,
    },
    /// It appeared, and is denied everything until it is known who is behind it.
    Closed {
        /// Its name.
        interface: String,
        /// Its index.
        ifindex: u32,
    },
    /// It is gone.
    Gone {
        /// Its name.
        interface: String,
        /// The index it had.
        ifindex: u32,
    },
    /// It is there and cannot be policed.
    Failed {
        /// Its name.
        interface: String,
        /// Why, with the cure.
        reason: String,
    },
}

impl Notice {
    /// The notice of an interface whose packets the programs do not understand: bytes that a workload chooses would be
    /// taken for its headers.
    pub(super) fn not_ethernet(interface: &str) -> Self {
        Self::Failed {
            interface: interface.to_owned(),
            reason: format!(
                "cannot police the interface `{interface}`: its packets have no Ethernet header, as those of tunnels, so \
                 everything there is denied; name the host side of a veth, or a tap, in the inventory"
            ),
        }
    }
}

impl Notice {
    /// The same of an interface of the machine itself, which is not closed for it.
    pub(super) fn left(interface: &str) -> Self {
        Self::Failed {
            interface: interface.to_owned(),
            reason: format!(
                "cannot police the interface `{interface}`: its packets have no Ethernet header, as those of tunnels and \
                 WireGuard, so it is left as it is; name the Ethernet interface that carries the tunnel, and take this one \
                 out of the `Host`"
            ),
        }
    }
}

impl std::fmt::Display for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Policed { interface, .. } => write!(f, "`{interface}` is policed"),
            Self::Closed { interface, .. } => {
                write!(f, "`{interface}` is denied everything until the inventory says who is behind it")
            }
            Self::Gone { interface, .. } => write!(f, "`{interface}` is gone"),
            Self::Failed { reason, .. } => f.write_str(reason),
        }
    }
}
