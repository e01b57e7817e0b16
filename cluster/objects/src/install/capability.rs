//! What the enforcers may do on a node beyond what any container may.

/// A capability of Linux, and what an enforcer needs it for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability {
    /// As a pod says it.
    pub name: &'static str,
    /// What for.
    pub purpose: &'static str,
}

/// What enforcing takes: the same as in `host-enforcer/daemon/systemd`.
pub(super) const ENFORCING: [Capability; 3] = [
    Capability { name: "BPF", purpose: "make and open tables, and load programs" },
    Capability { name: "PERFMON", purpose: "load programs that read packets where they lie" },
    Capability {
        name: "NET_ADMIN",
        purpose: "attach programs to interfaces, set up the guard, find pods' interfaces",
    },
];

/// What it takes to ask a pod's proxy, from within the pod's network namespace, which policies it has.
pub(super) const ASKING: [Capability; 2] = [
    Capability { name: "SYS_ADMIN", purpose: "enter the network namespace of a pod" },
    Capability { name: "SYS_PTRACE", purpose: "open the network namespace of a process of somebody else" },
];

/// What an enforcer needs.
pub(super) fn needed(ask_proxies: bool) -> Vec<Capability> {
    let mut needed = ENFORCING.to_vec();
    if ask_proxies {
        needed.extend(ASKING);
    }
    needed
}
