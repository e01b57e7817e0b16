//! What is found about whole policies, as diagnostics.

use std::collections::BTreeMap;

use bookend_analysis::{Finding, Mixed, Name, Probe, Side, Unprobed, Unused, mixed, survey, unprobed};
use bookend_engine::{Plane, Protocol};
use bookend_lang::{Code, Compiled, Diagnostic, Span};

use super::clash;
use crate::count;

/// How many names a message lists.
const MAX_NAMES: usize = 4;

/// Everything that is found about what was compiled.
pub(super) fn advice(compiled: &Compiled) -> Vec<Diagnostic> {
    let side = Side { program: &compiled.program, inventory: &compiled.inventory };
    if compiled.inventory.workloads().is_empty() {
        // Without any workloads there is nobody whose traffic could be judged.
        return Vec::new();
    }
    let mut found: Vec<_> = survey(side).iter().filter_map(|finding| diagnostic(finding, compiled)).collect();
    let probes: Vec<_> = compiled
        .probes
        .iter()
        .map(|probe| Probe {
            workload: Name { namespace: &probe.namespace, name: &probe.workload },
            port: probe.port,
        })
        .collect();
    let cut_off = unprobed(side, &probes, &compiled.nodes);
    found.extend(cut_off.iter().filter_map(|unprobed| without_probes(unprobed, compiled)));
    found.extend(clash::advice(side, compiled));
    found.extend(mixed(side).iter().filter_map(|mixed| of_a_part(mixed, compiled)));
    found
}

/// A Service that somebody cannot reach, because he may reach a part of those behind it only.
fn of_a_part(mixed: &Mixed<'_>, compiled: &Compiled) -> Option<Diagnostic> {
    let Mixed { service, port, sources, by } = mixed;
    let is_it = |known: &&bookend_lang::Service| {
        (&known.namespace, &known.name) == (&service.namespace, &service.name)
    };
    let span = compiled.services.iter().find(is_it)?.place;
    let shown: Vec<String> = sources.iter().take(MAX_NAMES).map(|name| format!("`{name}`")).collect();
    let more = match sources.len().saturating_sub(MAX_NAMES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let related =
        compiled.places.get(by).map(|span| (*span, "this denies one of those behind it".to_owned()));
    Some(Diagnostic {
        code: Code::MixedService,
        span,
        message: format!(
            "{}{more} may reach only some of those behind `{}/{}` at {} {}, and so none of them by dialling the Service",
            shown.join(", "),
            service.namespace,
            service.name,
            port.protocol.name(),
            port.port
        ),
        cure: "allow all of them or none, or let the Service select fewer".to_owned(),
        related,
        tolerated: false,
    })
}

/// An isolation behind which kubelets take workloads for broken.
fn without_probes(unprobed: &Unprobed<'_>, compiled: &Compiled) -> Option<Diagnostic> {
    let span = compiled.places.get(unprobed.isolation).copied()?;
    let mut ports: BTreeMap<Name<'_>, Vec<String>> = BTreeMap::new();
    for probe in &unprobed.probes {
        ports.entry(probe.workload).or_default().push(probe.port.to_string());
    }
    let shown: Vec<String> = ports
        .iter()
        .take(MAX_NAMES)
        .map(|(workload, ports)| format!("`{workload}` at TCP {}", ports.join(", ")))
        .collect();
    let more = match ports.len().saturating_sub(MAX_NAMES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let related = unprobed.probes.first().and_then(|first| {
        let is_first = |probe: &&bookend_lang::Probe| {
            (probe.namespace.as_str(), probe.workload.as_str(), probe.port)
                == (first.workload.namespace, first.workload.name, first.port)
        };
        let probe = compiled.probes.iter().find(is_first)?;
        Some((probe.place, format!("a {} probe of TCP {}", probe.purpose.name(), probe.port)))
    });
    let (plane, place) = remedy(unprobed.isolation, compiled);
    let nodes = match plane {
        Plane::Bookend if compiled.nodes.is_empty() => {
            "`from: [{ entities: [node] }]`, and name `nodes` in an inventory"
        }
        Plane::Bookend => "`from: [{ entities: [node] }]`",
        Plane::Network => "from an `ipBlock` of the nodes, ",
        Plane::Mesh => "from `ipBlocks` of the nodes, ",
    };
    Some(Diagnostic {
        code: Code::NoProbes,
        span,
        message: format!("no node may probe {}{more}", shown.join(", ")),
        cure: format!("allow these ports {nodes}{place}"),
        related,
        tolerated: false,
    })
}

/// The plane of an isolation, and where a rule stands that helps against it; of Bookend's own plane that says itself.
fn remedy(id: &str, compiled: &Compiled) -> (Plane, String) {
    let isolation = compiled.program.isolations().iter().find(|isolation| isolation.id == id);
    let Some(isolation) = isolation else { return (Plane::Bookend, String::new()) };
    let tier = compiled.tiers.get(&(isolation.plane, isolation.tier)).map_or("", String::as_str);
    let place = match (isolation.plane, tier) {
        (Plane::Bookend, _) => String::new(),
        (Plane::Network, "network") => "in a NetworkPolicy or a `Policy` with `tier: network`".to_owned(),
        (Plane::Mesh, "mesh") => "in an AuthorizationPolicy or a `Policy` with `tier: mesh`".to_owned(),
        (Plane::Network | Plane::Mesh, tier) => format!("in a policy of the tier `{tier}`"),
    };
    (isolation.plane, place)
}

fn diagnostic(finding: &Finding<'_>, compiled: &Compiled) -> Option<Diagnostic> {
    let place = |id: &str| compiled.places.get(id).copied();
    let first = |id: &&str, why: &str| place(id).map(|span| (span, why.to_owned()));
    let (code, span, message, cure, related) = match finding {
        Finding::Duplicate { rule, of } => (
            Code::Duplicate,
            place(rule)?,
            format!("`{rule}` says exactly what `{of}` says"),
            "remove one of them".to_owned(),
            first(of, "the one that decides"),
        ),
        Finding::Unreachable { rule, by } => (
            Code::Unreachable,
            place(rule)?,
            format!("`{rule}` never decides: {} before it", decide(by.iter().copied())),
            "remove it, or narrow what comes before it".to_owned(),
            by.iter().find_map(|id| first(id, "this decides first")),
        ),
        Finding::Moot { rule, by } if by.is_empty() => (
            Code::Moot,
            place(rule)?,
            "requests that do not meet the conditions are allowed as well: no isolation denies them"
                .to_owned(),
            "isolate the destinations with `isolate`, or write a deny rule".to_owned(),
            None,
        ),
        Finding::Moot { rule, by } => (
            Code::Moot,
            place(rule)?,
            format!("requests that do not meet the conditions are allowed as well, by {}", list(by.iter())),
            "narrow the rule without conditions, or drop the conditions".to_owned(),
            by.iter().find_map(|id| first(id, "allows the connection whatever the request")),
        ),
        Finding::Unanswered { rule } => (
            Code::UnseenAnswer,
            place(rule)?,
            format!("nobody gets the answer of `{rule}`: the kernel drops what it denies"),
            "give the rule HTTP conditions, or remove `answer`".to_owned(),
            None,
        ),
        Finding::NoDns { isolation, workloads } => (
            Code::NoDns,
            place(isolation)?,
            format!("{} cannot ask anybody for names", names(workloads)),
            format!("allow UDP and TCP 53 to the cluster's DNS {}", remedy(isolation, compiled).1)
                .trim_end()
                .to_owned(),
            None,
        ),
        Finding::UnverifiedTokens { rule, destination } => (
            Code::UnverifiedTokens,
            place(rule)?,
            format!("the proxy of `{destination}` verifies no tokens, so the condition is in doubt there"),
            "say who verifies them by a RequestAuthentication or `jwt: true` in the inventory, or narrow `to`".to_owned(),
            None,
        ),
        Finding::NoSuchPort { rule, port } => (
            Code::NoSuchPort,
            place(rule)?,
            format!("no destination is known to have a port named `{port}`"),
            "check the name against the ports of the destinations, or write the number".to_owned(),
            None,
        ),
        Finding::Indistinct { rule, meant, other } => (
            Code::Indistinct,
            place(rule)?,
            format!(
                "a proxy cannot tell `{meant}`, which the rule means, from `{other}`, which it does not mean"
            ),
            "give them service accounts of their own, or give their addresses to the inventory".to_owned(),
            None,
        ),
        Finding::NoAddress { isolation, workloads } => (
            Code::NoAddress,
            place(isolation)?,
            format!(
                "the inventory has no address of {}, so packets are not held to this isolation",
                names(workloads)
            ),
            "add `instances` with `addresses` to the inventory".to_owned(),
            None,
        ),
    };
    Some(Diagnostic { code, span, message, cure, related, tolerated: false })
}

/// A rule that is wider than the trail of its traffic.
pub fn wider(unused: &Unused<'_>, compiled: &Compiled) -> Option<Diagnostic> {
    let span: Span = *compiled.places.get(&unused.rule.id)?;
    let mut parts = Vec::new();
    let lists =
        [("from", &unused.from), ("to", &unused.to), ("ports", &unused.ports), ("http", &unused.http)];
    for (field, positions) in lists {
        parts.extend(positions.iter().map(|position| format!("`{field}[{position}]`")));
    }
    parts.extend(unused.methods.iter().map(|method| format!("`{method}`")));
    let never =
        if parts.is_empty() { String::new() } else { format!("; it never used {}", parts.join(", ")) };
    let seen = match (unused.connections, unused.requests) {
        (connections, 0) => count(connections, "connection", "different connections"),
        (0, requests) => count(requests, "request", "different requests"),
        (connections, requests) => format!(
            "{} and {}",
            count(connections, "connection", "different connections"),
            count(requests, "request", "different requests")
        ),
    };
    let used: Vec<String> =
        unused.used_ports.iter().map(|(protocol, port)| used_port(*protocol, *port)).collect();
    let ports = if used.is_empty() { String::new() } else { format!(", all to {}", used.join(", ")) };
    Some(Diagnostic {
        code: Code::WiderThanTraffic,
        span,
        message: format!("the trail has {seen} of this rule{ports}{never}"),
        cure: "narrow the rule to what is used, if the trail is long enough".to_owned(),
        related: None,
        tolerated: false,
    })
}

fn used_port(protocol: Protocol, port: u16) -> String {
    if protocol.has_ports() { format!("{} {port}", protocol.name()) } else { protocol.name().to_owned() }
}

fn decide<'s>(ids: impl Iterator<Item = &'s str>) -> String {
    let ids: Vec<_> = ids.collect();
    format!("{} {}", list(ids.iter()), if ids.len() == 1 { "decides" } else { "decide" })
}

fn list<'s>(ids: impl Iterator<Item = &'s &'s str>) -> String {
    let ids: Vec<String> = ids.map(|id| format!("`{id}`")).collect();
    let shown: Vec<String> = ids.iter().take(MAX_NAMES).cloned().collect();
    match ids.len().saturating_sub(MAX_NAMES) {
        0 => shown.join(" and "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn names(workloads: &[Name<'_>]) -> String {
    let listed: Vec<String> = workloads.iter().take(MAX_NAMES).map(|name| format!("`{name}`")).collect();
    match workloads.len().saturating_sub(MAX_NAMES) {
        0 => listed.join(", "),
        more => format!("{} and {more} more", listed.join(", ")),
    }
}
