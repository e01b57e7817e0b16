//! The redirection rules Istio puts into a pod: everything into port 15006, everything out through 15001,
//! except what the proxy itself sends.
//!
//! The chains are those of `istio-iptables` (pilot/cmd and tools/istio-iptables of Istio 1.2x), without DNS capture and HBONE.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::topology::PROXY_UID;
use crate::error::Result;
use crate::namespace::Namespace;

/// Where outbound connections are taken to.
pub const OUTBOUND_PORT: u16 = 15001;
/// Where inbound connections are taken to.
pub const INBOUND_PORT: u16 = 15006;
/// The proxy's administration interface, on loopback only.
pub const ADMIN_PORT: u16 = 15000;
/// The source the proxy uses towards its own application, so that the rules know it.
pub const PASSTHROUGH_V4: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 6);
/// The same for IPv6; the address must be added to the loopback interface.
pub const PASSTHROUGH_V6: Ipv6Addr = Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 6);

/// Puts the rules in place, for both address families.
pub fn install(namespace: &Namespace) -> Result<()> {
    let v4 = rules(&format!("{PASSTHROUGH_V4}/32"), "127.0.0.1/32");
    let v6 = rules(&format!("{PASSTHROUGH_V6}/128"), "::1/128");
    namespace.command("iptables-restore", &["--noflush"], &v4)?;
    namespace.command("ip6tables-restore", &["--noflush"], &v6)?;
    Ok(())
}

/// Takes them away: what somebody with root in the pod does first.
pub fn flush(namespace: &Namespace) -> Result<()> {
    for program in ["iptables", "ip6tables"] {
        namespace.command(program, &["-t", "nat", "-F"], "")?;
    }
    Ok(())
}

fn rules(passthrough: &str, loopback: &str) -> String {
    format!(
        "*nat
:ISTIO_INBOUND - [0:0]
:ISTIO_IN_REDIRECT - [0:0]
:ISTIO_OUTPUT - [0:0]
:ISTIO_REDIRECT - [0:0]
-A PREROUTING -p tcp -j ISTIO_INBOUND
-A OUTPUT -p tcp -j ISTIO_OUTPUT
-A ISTIO_INBOUND -p tcp -j ISTIO_IN_REDIRECT
-A ISTIO_IN_REDIRECT -p tcp -j REDIRECT --to-ports {INBOUND_PORT}
-A ISTIO_OUTPUT -s {passthrough} -o lo -j RETURN
-A ISTIO_OUTPUT ! -d {loopback} -o lo -p tcp -m owner --uid-owner {PROXY_UID} -j ISTIO_IN_REDIRECT
-A ISTIO_OUTPUT -o lo -m owner ! --uid-owner {PROXY_UID} -j RETURN
-A ISTIO_OUTPUT -m owner --uid-owner {PROXY_UID} -j RETURN
-A ISTIO_OUTPUT -d {loopback} -j RETURN
-A ISTIO_OUTPUT -j ISTIO_REDIRECT
-A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports {OUTBOUND_PORT}
COMMIT
"
    )
}
