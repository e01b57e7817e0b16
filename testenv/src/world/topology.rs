//! Who is where: the one table of workloads, hosts, addresses and interfaces.
//!
//! The example's inventory document says the same to Bookend; a test compares the two.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The user the proxy runs as; its traffic is not redirected (Istio's `ISTIO_PROXY_UID`).
pub const PROXY_UID: u32 = 1337;
/// The user the applications run as.
pub const APP_UID: u32 = 1000;
/// The port every Bookinfo service listens on.
pub const APP_PORT: u16 = 9080;
/// The port the ingress gateway takes plain HTTP on.
pub const GATEWAY_PORT: u16 = 8080;
/// The trust domain of every certificate.
pub const TRUST_DOMAIN: &str = "cluster.local";

/// The hardware address of every host-side interface (the one Calico uses: pods have one neighbour).
pub const HOST_MAC: [u8; 6] = [0xee; 6];
/// The hardware address of the outside's `eth0`.
pub const OUTSIDE_MAC: [u8; 6] = [0x02, 0x42, 0xc0, 0x00, 0x02, 0x01];
/// The next hop of every pod for IPv4; it exists only as a static neighbour entry.
pub const NEXT_HOP_V4: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 1);
/// The next hop of every pod for IPv6.
pub const NEXT_HOP_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

/// What runs beside (or instead of) the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proxy {
    /// An Envoy that takes all TCP in and out, mTLS only.
    Sidecar,
    /// An Envoy that takes plain HTTP from outside.
    Gateway,
    /// Nothing: the pod is not in the mesh.
    None,
}

/// One workload of the cluster, with its only instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Workload {
    /// How the world and the demo call it.
    pub key: &'static str,
    /// The pod's (and the Deployment's) name.
    pub pod: &'static str,
    /// Kubernetes namespace.
    pub namespace: &'static str,
    /// Kubernetes service account.
    pub service_account: &'static str,
    /// Pod labels.
    pub labels: &'static [(&'static str, &'static str)],
    /// The service it belongs to, if any.
    pub service: Option<&'static str>,
    /// What runs beside the application.
    pub proxy: Proxy,
    /// The last part of both addresses.
    pub number: u8,
}

impl Workload {
    /// The pod's IPv4 address, a /32.
    pub fn ipv4(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 244, 0, self.number)
    }

    /// The pod's IPv6 address, a /128; its last group reads like the last part of the IPv4 address.
    pub fn ipv6(&self) -> Ipv6Addr {
        let (hundreds, tens, ones) = (self.number / 100, self.number / 10 % 10, self.number % 10);
        let group = u16::from(hundreds) << 8 | u16::from(tens) << 4 | u16::from(ones);
        Ipv6Addr::new(0xfd00, 0x10, 0x244, 0, 0, 0, 0, group)
    }

    /// Both addresses.
    pub fn addresses(&self) -> [IpAddr; 2] {
        [self.ipv4().into(), self.ipv6().into()]
    }

    /// The hardware address of the pod's own `eth0`.
    pub fn mac(&self) -> [u8; 6] {
        [0x02, 0x42, 0x0a, 0xf4, 0x00, self.number]
    }

    /// The host side of the pod's veth, where the host enforcer sits.
    pub fn interface(&self) -> String {
        format!("bkd-{}", self.key)
    }

    /// The identity in its certificate.
    pub fn spiffe_id(&self) -> String {
        format!("spiffe://{TRUST_DOMAIN}/ns/{}/sa/{}", self.namespace, self.service_account)
    }
}

/// A service: a name and a virtual address in front of the workloads that carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service {
    /// The name, which is also the HTTP host.
    pub name: &'static str,
    /// The last part of the virtual address.
    pub number: u8,
}

impl Service {
    /// The virtual (cluster) address: the application dials it, Envoy routes by HTTP host.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::new(10, 96, 0, self.number), APP_PORT).into()
    }

    /// The workloads behind it.
    pub fn workloads(&self) -> impl Iterator<Item = &'static Workload> {
        let name = self.name;
        WORKLOADS.iter().filter(move |workload| workload.service == Some(name))
    }
}

/// A host outside the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct External {
    /// How the world and the demo call it.
    pub key: &'static str,
    /// IPv4 address.
    pub ipv4: Ipv4Addr,
    /// IPv6 address.
    pub ipv6: Ipv6Addr,
    /// The TCP ports it serves.
    pub ports: &'static [u16],
}

impl External {
    /// Both addresses.
    pub fn addresses(&self) -> [IpAddr; 2] {
        [self.ipv4.into(), self.ipv6.into()]
    }
}

/// Every workload.
pub const WORKLOADS: &[Workload] = &[
    bookinfo("productpage", "productpage-v1", "productpage", "v1", 11),
    bookinfo("details", "details-v1", "details", "v1", 12),
    bookinfo("reviews-v1", "reviews-v1", "reviews", "v1", 13),
    bookinfo("reviews-v2", "reviews-v2", "reviews", "v2", 14),
    bookinfo("reviews-v3", "reviews-v3", "reviews", "v3", 15),
    bookinfo("ratings", "ratings-v1", "ratings", "v1", 16),
    Workload {
        key: "gateway",
        pod: "istio-ingressgateway",
        namespace: "istio-system",
        service_account: "istio-ingressgateway",
        labels: &[("app", "istio-ingressgateway"), ("istio", "ingressgateway")],
        service: None,
        proxy: Proxy::Gateway,
        number: 20,
    },
    Workload {
        key: "intruder",
        pod: "intruder",
        namespace: "default",
        service_account: "default",
        labels: &[("app", "intruder")],
        service: None,
        proxy: Proxy::None,
        number: 66,
    },
];

/// Every service.
pub const SERVICES: &[Service] = &[
    Service { name: "productpage", number: 11 },
    Service { name: "details", number: 12 },
    Service { name: "reviews", number: 13 },
    Service { name: "ratings", number: 16 },
];

/// Every host outside. The addresses are from the ranges reserved for documentation, except the cloud's
/// metadata service, which has only the one.
pub const EXTERNALS: &[External] = &[
    External {
        key: "database",
        ipv4: Ipv4Addr::new(192, 0, 2, 33),
        ipv6: Ipv6Addr::new(0x2001, 0xdb8, 0x192, 0, 0, 0, 0, 0x33),
        ports: &[3306, 22],
    },
    External {
        key: "books-api",
        ipv4: Ipv4Addr::new(203, 0, 113, 10),
        ipv6: Ipv6Addr::new(0x2001, 0xdb8, 0x203, 0, 0, 0, 0, 0x10),
        ports: &[443],
    },
    External {
        key: "internet",
        ipv4: Ipv4Addr::new(198, 51, 100, 7),
        ipv6: Ipv6Addr::new(0x2001, 0xdb8, 0x198, 0, 0, 0, 0, 0x7),
        ports: &[80, 443],
    },
    External {
        key: "metadata",
        ipv4: Ipv4Addr::new(169, 254, 169, 254),
        ipv6: Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
        ports: &[80],
    },
];

const fn bookinfo(
    key: &'static str,
    pod: &'static str,
    service: &'static str,
    version: &'static str,
    number: u8,
) -> Workload {
    let (service_account, labels): (_, &[(&str, &str)]) = match (service.as_bytes(), version.as_bytes()) {
        (b"productpage", _) => ("bookinfo-productpage", &[("app", "productpage"), ("version", "v1")]),
        (b"details", _) => ("bookinfo-details", &[("app", "details"), ("version", "v1")]),
        (b"ratings", _) => ("bookinfo-ratings", &[("app", "ratings"), ("version", "v1")]),
        (_, b"v2") => ("bookinfo-reviews", &[("app", "reviews"), ("version", "v2")]),
        (_, b"v3") => ("bookinfo-reviews", &[("app", "reviews"), ("version", "v3")]),
        _ => ("bookinfo-reviews", &[("app", "reviews"), ("version", "v1")]),
    };
    Workload {
        key,
        pod,
        namespace: "default",
        service_account,
        labels,
        service: Some(service),
        proxy: Proxy::Sidecar,
        number,
    }
}

/// The workload called `key`.
pub fn workload(key: &str) -> Option<&'static Workload> {
    WORKLOADS.iter().find(|workload| workload.key == key)
}

/// The service called `name`.
pub fn service(name: &str) -> Option<&'static Service> {
    SERVICES.iter().find(|service| service.name == name)
}

/// The outside host called `key`.
pub fn external(key: &str) -> Option<&'static External> {
    EXTERNALS.iter().find(|external| external.key == key)
}

/// Who has `address`: the key of a workload, the key of an outside host, or the name of a service.
pub fn owner(address: IpAddr) -> Option<&'static str> {
    let workload = WORKLOADS.iter().find(|it| it.addresses().contains(&address)).map(|it| it.key);
    let external = || EXTERNALS.iter().find(|it| it.addresses().contains(&address)).map(|it| it.key);
    let service = || SERVICES.iter().find(|it| it.address().ip() == address).map(|it| it.name);
    workload.or_else(external).or_else(service)
}

/// Writes a hardware address the way `ip` reads it.
pub fn mac_text(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_ends_share_an_address_or_a_name() {
        let mut seen = BTreeSet::new();
        for workload in WORKLOADS {
            assert!(workload.addresses().iter().all(|address| seen.insert(address.to_string())));
            assert!(seen.insert(workload.key.to_owned()));
        }
        for external in EXTERNALS {
            assert!(external.addresses().iter().all(|address| seen.insert(address.to_string())));
            assert!(seen.insert(external.key.to_owned()));
        }
        for service in SERVICES {
            assert!(seen.insert(service.address().ip().to_string()));
        }
    }

    #[test]
    fn interface_names_fit_the_kernel() {
        assert!(WORKLOADS.iter().all(|workload| workload.interface().len() <= 15));
    }

    #[test]
    fn every_service_has_a_workload() {
        assert!(SERVICES.iter().all(|service| service.workloads().next().is_some()));
    }

    #[test]
    fn the_last_group_of_the_ipv6_address_reads_like_the_last_part_of_the_ipv4_address() {
        let ratings = workload("ratings").unwrap();
        assert_eq!(ratings.ipv4().to_string(), "10.244.0.16");
        assert_eq!(ratings.ipv6().to_string(), "fd00:10:244::16");
    }
}
