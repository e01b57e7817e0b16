//! The wires: one namespace as the host, one per pod, one for everything outside.
//!
//! Each pod has a veth pair, addresses without a subnet, and one next hop, the host, whose hardware address it
//! knows beforehand. The host routes; it has no firewall and no source address check of its own, so whatever is stopped was
//! stopped by Bookend.

use std::fmt::Write;
use std::thread;

use super::redirect::{self, PASSTHROUGH_V6};
use super::topology::{
    EXTERNALS, External, HOST_MAC, NEXT_HOP_V4, NEXT_HOP_V6, OUTSIDE_MAC, Proxy, SERVICES, WORKLOADS,
    Workload, mac_text,
};
use crate::error::{Error, Result};
use crate::namespace::{self, Namespace};
use crate::run::Run;

/// The name of the host's namespace within a run.
pub const NODE: &str = "node";
/// The name of the namespace for everything outside.
pub const OUTSIDE: &str = "outside";

const UPLINK: &str = "uplink";

/// Every namespace of a world.
#[derive(Debug)]
pub struct Network {
    /// The host.
    pub node: Namespace,
    /// Everything outside the cluster.
    pub outside: Namespace,
    /// The pods, in the order of [`WORKLOADS`].
    pub pods: Vec<Namespace>,
}

impl Network {
    /// Makes the namespaces and connects them.
    pub fn build(run: &Run) -> Result<Self> {
        let keys = WORKLOADS.iter().map(|workload| workload.key);
        let names: Vec<String> =
            [NODE, OUTSIDE].into_iter().chain(keys).map(|key| run.namespace(key)).collect();
        namespace::add(&names)?;
        let network = Self {
            node: Namespace::open(&run.namespace(NODE))?,
            outside: Namespace::open(&run.namespace(OUTSIDE))?,
            pods: WORKLOADS
                .iter()
                .map(|workload| Namespace::open(&run.namespace(workload.key)))
                .collect::<Result<_>>()?,
        };
        network.wire(run)?;
        network.furnish()?;
        Ok(network)
    }

    fn wire(&self, run: &Run) -> Result<()> {
        self.node.set(&[
            ("ipv4/ip_forward", "1"),
            ("ipv6/conf/all/forwarding", "1"),
            ("ipv4/conf/all/rp_filter", "0"),
            ("ipv4/conf/default/rp_filter", "0"),
            ("ipv6/conf/default/accept_dad", "0"),
            ("ipv6/conf/default/accept_ra", "0"),
            // Interfaces that come later must not send anything on their own.
            ("ipv6/conf/default/addr_gen_mode", "1"),
        ])?;
        let mut lines = String::from("link set lo up\n");
        for workload in WORKLOADS {
            link(
                &mut lines,
                &workload.interface(),
                HOST_MAC,
                "eth0",
                workload.mac(),
                &run.namespace(workload.key),
            );
            for address in workload.addresses() {
                route(&mut lines, &format!("{address}"), &workload.interface(), workload.mac());
            }
        }
        link(&mut lines, UPLINK, HOST_MAC, "eth0", OUTSIDE_MAC, &run.namespace(OUTSIDE));
        for external in EXTERNALS {
            for address in external.addresses() {
                route(&mut lines, &format!("{address}"), UPLINK, OUTSIDE_MAC);
            }
        }
        // Virtual addresses mean nothing to the host: no kube-proxy runs here.
        for service in SERVICES {
            let _ = writeln!(lines, "route add unreachable {}", service.address().ip());
        }
        self.node.ip(&lines)
    }

    /// Configures the inside of every pod; in parallel, because it is a dozen commands each.
    fn furnish(&self) -> Result<()> {
        thread::scope(|scope| {
            let mut tasks: Vec<_> = WORKLOADS
                .iter()
                .zip(&self.pods)
                .map(|(workload, pod)| scope.spawn(|| furnish_pod(workload, pod)))
                .collect();
            tasks.push(scope.spawn(|| furnish_outside(&self.outside)));
            tasks.into_iter().try_for_each(|task| {
                task.join().map_err(|_| Error::new("the configuration of a pod did not finish"))?
            })
        })
    }
}

fn furnish_pod(workload: &Workload, pod: &Namespace) -> Result<()> {
    quiet(pod)?;
    let addresses = workload.addresses().map(|address| address.to_string());
    let mut lines = inside(&addresses);
    if workload.proxy == Proxy::Sidecar {
        let _ = writeln!(lines, "addr add {PASSTHROUGH_V6}/128 dev lo nodad");
    }
    pod.ip(&lines)?;
    if workload.proxy == Proxy::Sidecar {
        redirect::install(pod)?;
    }
    Ok(())
}

fn furnish_outside(outside: &Namespace) -> Result<()> {
    quiet(outside)?;
    let addresses: Vec<String> =
        EXTERNALS.iter().flat_map(External::addresses).map(|a| a.to_string()).collect();
    outside.ip(&inside(&addresses))
}

/// No source address check, no duplicate address detection, no address made up by the kernel; low ports for all.
fn quiet(namespace: &Namespace) -> Result<()> {
    namespace.set(&[
        ("ipv4/conf/all/rp_filter", "0"),
        ("ipv4/conf/default/rp_filter", "0"),
        ("ipv4/conf/eth0/rp_filter", "0"),
        ("ipv6/conf/default/accept_dad", "0"),
        ("ipv6/conf/eth0/accept_dad", "0"),
        ("ipv6/conf/eth0/accept_ra", "0"),
        ("ipv6/conf/eth0/addr_gen_mode", "1"),
        ("ipv4/ip_unprivileged_port_start", "0"),
    ])
}

fn inside(addresses: &[String]) -> String {
    let mac = mac_text(HOST_MAC);
    let mut lines = String::from("link set lo up\nlink set eth0 up\n");
    for address in addresses {
        let nodad = if address.contains(':') { " nodad" } else { "" };
        let _ = writeln!(lines, "addr add {address} dev eth0{nodad}");
    }
    for (all, next_hop) in [("0.0.0.0/0", NEXT_HOP_V4.to_string()), ("::/0", NEXT_HOP_V6.to_string())] {
        let _ = writeln!(lines, "neigh add {next_hop} lladdr {mac} nud permanent dev eth0");
        let _ = writeln!(lines, "route add {all} via {next_hop} dev eth0 onlink");
    }
    lines
}

fn link(lines: &mut String, name: &str, mac: [u8; 6], peer: &str, peer_mac: [u8; 6], peer_namespace: &str) {
    let (mac, peer_mac) = (mac_text(mac), mac_text(peer_mac));
    let _ = writeln!(
        lines,
        "link add {name} address {mac} type veth peer name {peer} address {peer_mac} netns {peer_namespace}"
    );
    let _ = writeln!(lines, "link set {name} up");
}

fn route(lines: &mut String, address: &str, interface: &str, mac: [u8; 6]) {
    let _ = writeln!(lines, "neigh add {address} lladdr {} nud permanent dev {interface}", mac_text(mac));
    let _ = writeln!(lines, "route add {address} dev {interface}");
}
