//! The rulesets of others, translated from the plan: whatever Bookend's tables say, they say.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context as _, bail};
use bookend_abi::address::to_ip;
use bookend_abi::table::{ALLOW, NO_BLOCK, TCP};
use bookend_plan::Plan;
use bookend_testenv::namespace::Namespace;

use super::estate::{interface, own_v4};

/// Another way to police the same host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rival {
    /// nftables, a rule for each peer and port, one after the other.
    NftChain,
    /// nftables in its best form: one lookup of (address, port) in a set, reached through a verdict map.
    NftSet,
    /// iptables, a rule for each peer and port, one after the other.
    Iptables,
}

/// The chain of the rivals' rules.
const CHAIN: &str = "own";

impl Rival {
    pub(super) const ALL: [Self; 3] = [Self::NftChain, Self::NftSet, Self::Iptables];

    /// How tables call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::NftChain => "nftables, chain",
            Self::NftSet => "nftables, set",
            Self::Iptables => "iptables",
        }
    }

    /// The program that takes the ruleset on its standard input, and its arguments.
    pub(super) fn program(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::NftChain | Self::NftSet => ("nft", &["-f", "-"]),
            // The one with the kernel's own tables, where there is one; elsewhere `iptables` is another name for nftables.
            Self::Iptables if present("iptables-legacy-restore") => ("iptables-legacy-restore", &[]),
            Self::Iptables => ("iptables-restore", &[]),
        }
    }

    /// Puts the ruleset of `plan` in force on a host.
    ///
    /// # Errors
    /// If the program is missing, or refuses it.
    pub(super) fn install(self, plan: &Plan, host: &Namespace) -> anyhow::Result<()> {
        let (program, arguments) = self.program();
        host.command(program, arguments, &self.ruleset(&allowed(plan)?))
            .with_context(|| format!("{} cannot be measured; install nftables and iptables", self.name()))?;
        Ok(())
    }

    /// The program that lets one more address in, and its arguments.
    pub(super) fn addition(self, (ip, port): (Ipv4Addr, u16)) -> (&'static str, Vec<String>) {
        let words = |text: String| text.split(' ').map(str::to_owned).collect();
        match self {
            Self::NftChain => (
                "nft",
                words(format!("insert rule inet bench {CHAIN} ip saddr {ip} tcp dport {port} accept")),
            ),
            Self::NftSet => ("nft", words(format!("add element inet bench allowed {{ {ip} . {port} }}"))),
            Self::Iptables => {
                let program = if present("iptables-legacy") { "iptables-legacy" } else { "iptables" };
                (program, words(format!("-I {CHAIN} 1 -s {ip} -p tcp --dport {port} -j ACCEPT")))
            }
        }
    }

    /// The whole ruleset. Like Bookend it lets replies pass, lets the workload open nothing, and drops what no rule allows.
    pub(super) fn ruleset(self, allowed: &[(Ipv4Addr, u16)]) -> String {
        let (own, veth) = (own_v4(0), interface(0));
        let mut text = String::new();
        // Writing to a string cannot fail.
        match self {
            Self::NftChain | Self::NftSet => {
                text += "table inet bench\ndelete table inet bench\ntable inet bench {\n";
                if self == Self::NftSet {
                    let elements: Vec<String> =
                        allowed.iter().map(|(ip, port)| format!("{ip} . {port}")).collect();
                    let elements = elements.join(", ");
                    let _ = writeln!(
                        text,
                        "set allowed {{ type ipv4_addr . inet_service; elements = {{ {elements} }} }}"
                    );
                }
                let _ = writeln!(text, "chain {CHAIN} {{");
                if self == Self::NftSet {
                    text += "ip saddr . tcp dport @allowed accept\n";
                } else {
                    for (ip, port) in allowed {
                        let _ = writeln!(text, "ip saddr {ip} tcp dport {port} accept");
                    }
                }
                let _ = writeln!(
                    text,
                    "drop\n}}\nchain forward {{ type filter hook forward priority 0; policy accept;\n\
                     ct state established,related accept\niifname {veth} drop\n\
                     oifname {veth} ip daddr vmap {{ {own} : jump {CHAIN} }}\n}}\n}}"
                );
            }
            Self::Iptables => {
                let _ = writeln!(
                    text,
                    "*filter\n:FORWARD ACCEPT\n:{CHAIN} -\n-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT\n\
                     -A FORWARD -i {veth} -j DROP\n-A FORWARD -o {veth} -d {own} -j {CHAIN}"
                );
                for (ip, port) in allowed {
                    let _ = writeln!(text, "-A {CHAIN} -s {ip} -p tcp --dport {port} -j ACCEPT");
                }
                let _ = writeln!(text, "-A {CHAIN} -j DROP\nCOMMIT");
            }
        }
        text
    }
}

/// Who may open connections to the first local workload, on which port: ascending, from the plan's tables.
///
/// # Errors
/// If the plan says what cannot be said so.
pub(super) fn allowed(plan: &Plan) -> anyhow::Result<Vec<(Ipv4Addr, u16)>> {
    let name = interface(0);
    let own = plan
        .interfaces
        .iter()
        .find(|interface| interface.name == name)
        .context("no interface in the plan")?;
    let policy = plan.policies.get(&own.ingress).context("no policy in the plan")?;
    let mut addresses: BTreeMap<u64, Vec<Ipv4Addr>> = BTreeMap::new();
    for (address, identity) in plan.identities.iter() {
        if let IpAddr::V4(address) = to_ip(*address) {
            addresses.entry(*identity).or_default().push(address);
        }
    }
    let mut allowed = Vec::new();
    for (key, value) in policy.verdicts.iter().filter(|(_, value)| value.verdict == ALLOW) {
        if (key.protocol, key.block, key.prefix_length) != (TCP, NO_BLOCK, 16) {
            bail!("the plan has a verdict that is translated for no rival: {key:?} {value:?}");
        }
        let of_peer = addresses.get(&key.identity).into_iter().flatten();
        allowed.extend(of_peer.map(|address| (*address, key.port)));
    }
    allowed.sort_unstable();
    Ok(allowed)
}

/// Whether a program is on the path.
fn present(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}
