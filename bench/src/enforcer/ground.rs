//! Where traffic flows: a far end, the host under policy, and a local workload, each in a namespace of its own.

use std::net::Ipv4Addr;

use anyhow::Context as _;
use bookend_testenv::namespace::{self, Namespace};
use bookend_testenv::run::Run;

use super::estate::{UPLINK, interface, own_v4};

/// Where all peers are: at the far end every address in it is its own.
const FAR: &str = "10.0.0.0/9";
/// The two ends of the link between the host and the far end.
pub(super) const NEAR_END: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 1);
const FAR_END: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 2);
/// The host as the workload's gateway.
const GATEWAY: Ipv4Addr = Ipv4Addr::new(169, 254, 2, 1);

/// Three namespaces and the veth pairs between them. They go with the run.
pub(super) struct Ground {
    pub(super) far: Namespace,
    pub(super) host: Namespace,
    pub(super) own: Namespace,
}

impl Ground {
    /// Makes them. `name` is short, of letters and digits, and no other ground's. If there is a `peer`, it is all there is at the
    /// far end; otherwise everybody is there.
    ///
    /// # Errors
    /// If the kernel does not, which needs root.
    pub(super) fn new(run: &Run, name: &str, peer: Option<Ipv4Addr>) -> anyhow::Result<Self> {
        let names = ["far", "host", "own"].map(|part| run.namespace(&format!("{name}{part}")));
        namespace::add(&names)?;
        let [far, host, own] = names.each_ref().map(|name| Namespace::open(name));
        let ground = Self { far: far?, host: host?, own: own? };
        ground.connect(peer).with_context(|| format!("cannot connect the namespaces of `{name}`"))?;
        Ok(ground)
    }

    fn connect(&self, peer: Option<Ipv4Addr>) -> anyhow::Result<()> {
        let Self { far, host, own } = self;
        let (near_end, far_end) = (NEAR_END, FAR_END);
        let (veth, address) = (interface(0), own_v4(0));
        host.ip(&format!(
            "link add {UPLINK} type veth peer name eth0 netns {}\nlink add {veth} type veth peer name eth0 netns {}\n\
             addr add {near_end}/32 dev {UPLINK}\naddr add {GATEWAY}/32 dev {veth}\nlink set lo up\nlink set {UPLINK} up\n\
             link set {veth} up\n",
            far.name(),
            own.name()
        ))?;
        // A workload speaks ARP in its own name only.
        let (far_address, local) = match peer {
            Some(peer) => (peer, String::new()),
            None => (far_end, format!("route add local {FAR} dev lo\n")),
        };
        far.ip(&format!(
            "link set lo up\naddr add {far_address}/32 dev eth0\nlink set eth0 up\nroute add {near_end} dev eth0 scope link\n\
             route add default via {near_end}\n{local}"
        ))?;
        own.ip(&format!(
            "link set lo up\naddr add {address}/32 dev eth0\nlink set eth0 up\nroute add {GATEWAY} dev eth0 scope link\n\
             route add default via {GATEWAY} src {address}\n"
        ))?;
        host.ip(&format!("route add {address}/32 dev {veth}\nroute add {far_address}/32 dev {UPLINK}\n"))?;
        if peer.is_none() {
            host.ip(&format!("route add {FAR} via {far_end}\n"))?;
        }
        host.set(&[("ipv4/ip_forward", "1")])?;
        for end in [far, own] {
            // Many connections a second between few addresses, without waiting for ports.
            end.set(&[
                ("ipv4/ip_local_port_range", "1025 65535"),
                ("ipv4/tcp_tw_reuse", "1"),
                ("ipv4/tcp_fin_timeout", "1"),
            ])?;
        }
        Ok(())
    }
}
