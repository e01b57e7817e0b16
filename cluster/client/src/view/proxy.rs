//! Which proxies stand before pods, and which of them have a filter.
//!
//! That a pod has a proxy says nothing of a filter in it. Where there is none, nobody judges requests, so the nodes must not leave
//! them to it (S9). So it is not guessed: what a pod's own containers say must add up to a proxy that all its inbound TCP passes and
//! that can hold streams, and the controller must have said that the proxies of its namespace have their filter (S122).

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// The name of Istio's container, whatever it is there for.
const CONTAINER: &str = "istio-proxy";
/// The containers that lead connections to the proxy, or look whether somebody did.
const CAPTURE: [&str; 2] = ["istio-init", "istio-validation"];
/// Ports of the agent itself; they are judged apart (S83).
const AGENT: [&str; 3] = ["15020", "15021", "15090"];
/// The label of the pods of a Gateway of the Gateway API.
const GATEWAY: &str = "gateway.networking.k8s.io/gateway-name";
/// Istio from which on a proxy can hold a stream until it was judged (Envoy 1.37).
const STREAMS: (u32, u32) = (1, 29);

/// What a proxy is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// It stands before the other containers of its pod.
    Sidecar,
    /// It is all that its pod does.
    Gateway,
}

/// The proxy of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Proxy {
    pub(super) role: Role,
    /// Everything that comes into the pod over TCP passes it, and it can judge all of it.
    pub(super) tight: bool,
}

/// Whose word counts for whether a proxy has a filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Filters {
    /// None has one.
    #[default]
    Nowhere,
    /// All will have one: for those who see to that.
    Everywhere,
    /// The controller says it, in ConfigMaps of this namespace.
    Published(String),
}

/// Where in a namespace proxies have a filter: what a ConfigMap of the controller says.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Filtered {
    /// In sidecars.
    pub sidecars: bool,
    /// In gateways whose pods have one of these labels: key and value.
    pub gateways: BTreeSet<(String, String)>,
}

/// A ConfigMap that says it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Notice {
    data: Option<BTreeMap<String, String>>,
}

/// A container, as far as it tells about a proxy.
pub(super) struct Container<'c> {
    pub(super) name: &'c str,
    pub(super) image: Option<&'c str>,
    pub(super) arguments: &'c [String],
}

impl Filtered {
    /// The label of ConfigMaps that say it, and its value.
    pub const LABEL: (&'static str, &'static str) = ("app.kubernetes.io/component", "filtered");

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        !self.sidecars && self.gateways.is_empty()
    }

    /// What both have.
    #[must_use]
    pub fn shared(&self, other: &Self) -> Self {
        let gateways = self.gateways.intersection(&other.gateways).cloned().collect();
        Self { sidecars: self.sidecars && other.sidecars, gateways }
    }

    /// As the data of a ConfigMap.
    pub fn data(&self, namespace: &str) -> BTreeMap<String, String> {
        let gateways: Vec<String> =
            self.gateways.iter().map(|(key, value)| format!("{key}={value}")).collect();
        BTreeMap::from([
            ("namespace".to_owned(), namespace.to_owned()),
            ("sidecars".to_owned(), self.sidecars.to_string()),
            ("gateways".to_owned(), gateways.join("\n")),
        ])
    }

    /// Whether a pod's proxy has one.
    pub(super) fn has(&self, role: Role, labels: &BTreeMap<String, String>) -> bool {
        match role {
            Role::Sidecar => self.sidecars,
            // A Gateway's pods are that Gateway's, whatever other labels they have.
            Role::Gateway => {
                let by_name = labels.contains_key(GATEWAY);
                let mut told = self.gateways.iter().filter(|(key, _)| !by_name || key == GATEWAY);
                told.any(|(key, value)| labels.get(key) == Some(value))
            }
        }
    }
}

impl Notice {
    /// The name of the ConfigMap about a namespace.
    pub fn name(namespace: &str) -> String {
        format!("filtered.{namespace}")
    }

    /// The namespace that it is about, and what it says of it; nothing where it makes no sense.
    pub fn read(&self) -> Option<(String, Filtered)> {
        let data = self.data.as_ref()?;
        let namespace = data.get("namespace").filter(|name| !name.is_empty())?;
        let gateways = data.get("gateways").map(String::as_str).unwrap_or_default().lines();
        let gateways = gateways.filter_map(|line| line.split_once('='));
        let filtered = Filtered {
            sidecars: data.get("sidecars").is_some_and(|word| word == "true"),
            gateways: gateways.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        };
        Some((namespace.clone(), filtered))
    }
}

/// The proxy among the containers of a pod that stay; `init` are those that do not.
pub(super) fn of(
    stay: &[Container<'_>],
    init: &[Container<'_>],
    annotations: &BTreeMap<String, String>,
) -> Option<Proxy> {
    let container = stay.iter().find(|container| container.name == CONTAINER)?;
    // The command line says what it is there for: a waypoint and ztunnel are called the same.
    let role = match container.arguments {
        [proxy, role, ..] if proxy == "proxy" && role == "sidecar" => Role::Sidecar,
        // Beside others it would not stand before them.
        [proxy, role, ..] if proxy == "proxy" && role == "router" && stay.len() == 1 => Role::Gateway,
        _ => return None,
    };
    let recent = container.image.and_then(version).is_some_and(|version| version >= STREAMS);
    let mut capture = init.iter().filter(|one| CAPTURE.contains(&one.name)).peekable();
    // Without one of these nothing says that connections are led to it at all: Istio leaves them out where they are not.
    let captured = role == Role::Gateway
        || (capture.peek().is_some()
            && capture.all(|one| captures_all(one.arguments))
            && !goes_past(annotations));
    Some(Proxy { role, tight: recent && captured })
}

/// Whether annotations lead something past the proxy.
fn goes_past(annotations: &BTreeMap<String, String>) -> bool {
    let traffic =
        |name: &str| annotations.get(&format!("traffic.sidecar.istio.io/{name}")).map(String::as_str);
    traffic("excludeInboundPorts").is_some_and(|ports| !ports.is_empty())
        || traffic("includeInboundPorts").is_some_and(|ports| ports != "*")
        || traffic("excludeInterfaces").is_some_and(|names| !names.is_empty())
        || annotations.get("sidecar.istio.io/interceptionMode").is_some_and(|mode| mode == "NONE")
        || annotations.get("proxy.istio.io/config").is_some_and(|config| config.contains("interceptionMode"))
}

/// Whether the arguments of `istio-iptables` (Istio, `tools/istio-iptables`) lead all that comes in to the proxy: the mesh may have been
/// told otherwise for all its pods. They are read as Istio writes them; written in another way, they are in doubt.
fn captures_all(arguments: &[String]) -> bool {
    const MODE: [&str; 2] = ["-m", "--istio-inbound-interception-mode"];
    const PORTS: [&str; 2] = ["-b", "--istio-inbound-ports"];
    const LESS: [&str; 2] = ["-d", "--istio-local-exclude-ports"];
    const INTERFACES: [&str; 2] = ["-c", "--istio-exclude-interfaces"];
    // The last one counts.
    let of = |names: [&str; 2]| {
        let at = arguments.iter().rposition(|word| names.contains(&word.as_str()))?;
        arguments.get(at + 1).map(String::as_str)
    };
    let joined = |word: &String| {
        [MODE, PORTS, LESS, INTERFACES].iter().flatten().any(|name| {
            word.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with('=') || (name.len() == 2 && !rest.is_empty()))
        })
    };
    matches!(of(MODE), Some("REDIRECT" | "TPROXY"))
        && of(PORTS) == Some("*")
        && of(LESS).unwrap_or_default().split(',').all(|port| port.is_empty() || AGENT.contains(&port))
        && of(INTERFACES).is_none_or(str::is_empty)
        && !arguments.iter().any(joined)
}

/// Istio's version by the tag of an image: `registry:5000/istio/proxyv2:1.29.1-distroless@sha256:…` is 1.29. There is no other major version, and
/// whoever numbers their builds otherwise does not tell it.
fn version(image: &str) -> Option<(u32, u32)> {
    let image = image.split('@').next()?;
    let (_, tag) = image.rsplit('/').next()?.split_once(':')?;
    let mut parts = tag.strip_prefix('v').unwrap_or(tag).splitn(3, ['.', '-']);
    Some((parts.next()?.parse().ok().filter(|major| *major == STREAMS.0)?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: [&str; 9] =
        ["istio-iptables", "-p", "15001", "-m", "REDIRECT", "-b", "*", "-d", "15090,15021,15020"];
    const IMAGE: &str = "docker.io/istio/proxyv2:1.29.1-distroless";

    fn tight(role: &str, image: &str, init: &[&str], annotations: &[(&str, &str)]) -> Option<bool> {
        let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let (arguments, init) = (words(&["proxy", role, "--domain"]), words(init));
        let stay = [Container { name: CONTAINER, image: Some(image), arguments: &arguments }];
        let init = [Container { name: "istio-init", image: None, arguments: &init }];
        let init = if init[0].arguments.is_empty() { &[][..] } else { &init[..] };
        let annotations = annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        of(&stay, init, &annotations.collect()).map(|proxy| proxy.tight)
    }

    #[test]
    fn a_proxy_is_what_its_command_line_says() {
        let role = |role| tight(role, IMAGE, &USUAL, &[]);
        assert_eq!((role("sidecar"), role("router")), (Some(true), Some(true)));
        assert_eq!((role("waypoint"), role("ztunnel"), role("")), (None, None, None));
    }

    #[test]
    fn a_proxy_that_cannot_hold_streams_or_does_not_say_its_version_is_not_relied_on() {
        let version = |image| tight("sidecar", image, &USUAL, &[]);
        for image in [IMAGE, "istio/proxyv2:1.30-alpha.1", "r:5000/proxyv2:v1.31.0@sha256:00"] {
            assert_eq!(version(image), Some(true), "{image}");
        }
        for image in [
            "istio/proxyv2:1.28.4",
            "istio/proxyv2",
            "r:5000/proxyv2",
            "istio/proxyv2@sha256:00",
            "p:x",
            "proxyv2:2.6.1",
            "proxyv2:2026.5.1",
        ] {
            assert_eq!(version(image), Some(false), "{image}");
        }
    }

    #[test]
    fn what_leads_something_past_the_proxy_is_seen() {
        assert_eq!(tight("sidecar", IMAGE, &USUAL, &[]), Some(true));
        assert_eq!(tight("sidecar", IMAGE, &[], &[]), Some(false), "nothing is led to it");
        assert_eq!(tight("router", IMAGE, &[], &[]), Some(true));
        for less in [
            &["-d", "15090,22"][..],
            &["-b", "80,443"],
            &["-m", "NONE"],
            &["-c", "net1"],
            &["-b=80"],
            &["-b80"],
        ] {
            let arguments = [&USUAL[..], less].concat();
            assert_eq!(tight("sidecar", IMAGE, &arguments, &[]), Some(false), "{less:?}");
        }
        assert_eq!(tight("sidecar", IMAGE, &USUAL[..5], &[]), Some(false), "no port is captured");
        for annotation in [
            ("traffic.sidecar.istio.io/excludeInboundPorts", "22"),
            ("traffic.sidecar.istio.io/includeInboundPorts", ""),
            ("traffic.sidecar.istio.io/excludeInterfaces", "net1"),
            ("sidecar.istio.io/interceptionMode", "NONE"),
            ("proxy.istio.io/config", "{interceptionMode: NONE}"),
        ] {
            assert_eq!(tight("sidecar", IMAGE, &USUAL, &[annotation]), Some(false), "{annotation:?}");
        }
    }

    #[test]
    fn a_notice_is_read_as_it_was_written() {
        let gateways = BTreeSet::from([("istio".to_owned(), "ingressgateway".to_owned())]);
        let filtered = Filtered { sidecars: true, gateways };
        let notice = Notice { data: Some(filtered.data("shop")) };
        assert_eq!(notice.read(), Some(("shop".to_owned(), filtered.clone())));
        let labels = BTreeMap::from([("istio".to_owned(), "ingressgateway".to_owned())]);
        assert!(filtered.has(Role::Gateway, &labels) && !filtered.has(Role::Gateway, &BTreeMap::new()));
        assert_eq!(Notice::default().read(), None);
    }
}
