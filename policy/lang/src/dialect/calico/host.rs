//! `HostEndpoint`.

use super::{
    field,
    port::{self, Named},
};
use crate::{
    Code, Span,
    decode::{
        container::present,
        fields::{Fields, quoted, string},
        inventory, name, port as numbers,
    },
    diagnostic::Report,
    document::{
        Document, FailsafeDocument, FailsafePort, HOSTS, HostDocument, Injection, IsolateDocument, Kind,
        NamespacesDocument, PolicyDocument, Rewriting, Spanned, WorkloadDocument, WorkloadsDocument,
    },
    lower::PROFILES_TIER,
    yaml::{self, Node, Value},
};
use bookend_engine::{Clause, HOST_LABEL, Instance, Labels, Mode, NamedPort, Protocol, Role};

/// The annotation in which Calico keeps the labels of its objects where `kubectl` prints what it keeps.
const STORED: &str = "projectcalico.org/metadata";

/// The profile that allows everything.
const ALLOWING: &str = "projectcalico-default-allow";

/// The longest name: it is the value of a label.
const MAX_NAME: usize = 63;

/// Reads the endpoint of a host, as a host, and as the isolation that such an endpoint has by itself: of a host nothing is allowed
/// that no policy allows, and of a pod everything that none denies (S98).
pub(super) fn endpoint(mut fields: Fields<'_>, report: &mut Report, documents: &mut Vec<Document>) {
    let metadata = name::cluster_metadata(&mut fields, "host endpoint", report);
    let spec =
        fields.required("spec", report).and_then(|node| Fields::of(node, "host endpoint's spec", report));
    fields.get("status");
    fields.finish(report);
    let (Some(metadata), Some(spec)) = (metadata, spec) else { return };
    if !field::described(None, metadata.annotations, report) {
        return;
    }
    let labels = stored_labels(metadata.labels, metadata.annotations, report);
    let read = read(spec, report);
    let (Some(mut labels), Some(read)) = (labels, read) else { return };
    let name = metadata.name;
    if name.value.len() > MAX_NAME {
        let message = format!("the name of a host has at most {MAX_NAME} characters");
        report.add(Code::HostName, name.span, message, "shorten it; it is the value of a label, too");
        return;
    }
    labels.remove(HOST_LABEL);
    if !read.allows {
        documents.push(Document::Policy(isolation(&name)));
    }
    documents.push(Document::Host(HostDocument {
        workload: WorkloadDocument {
            kind: Some(Kind::Host),
            namespace: HOSTS.to_owned(),
            name,
            service_account: None,
            labels: Some(labels),
            proxied: Some(false),
            jwt: None,
            injection: Injection::Never,
            // Without any they are not known, as those of a `Host` document are not.
            ports: (!read.ports.is_empty()).then_some(read.ports),
            host_network: None,
            probes: Vec::new(),
            rewriting: Rewriting::default(),
            instances: vec![read.instance],
            seen: None,
        },
        failsafe: failsafe(),
    }));
}

/// What the spec says.
struct Read {
    instance: Spanned<Instance>,
    ports: Vec<NamedPort>,
    /// Whether its profile allows what no policy denies.
    allows: bool,
}

fn read(mut spec: Fields<'_>, report: &mut Report) -> Option<Read> {
    let place = spec.place();
    let node = spec.required("node", report).and_then(|node| string(node, "node", report));
    let interface = field::text(&mut spec, "interfaceName", report);
    let addresses = field::list(&mut spec, "expectedIPs", report, inventory::address);
    let profiles =
        field::list(&mut spec, "profiles", report, |node, report| string(node, "profiles", report));
    let ports = field::list(&mut spec, "ports", report, named_port);
    spec.finish(report);
    let (_, interface, mut addresses, profiles, mut ports) =
        (node?, interface?, addresses?, profiles?, ports?);
    addresses.sort_unstable();
    addresses.dedup();
    ports.sort();
    ports.dedup();
    if addresses.is_empty() {
        let Some(interface) = &interface else {
            let message = "the endpoint says neither `interfaceName` nor `expectedIPs`";
            report.add(Code::MissingField, place, message, "add one of them");
            return None;
        };
        let message = "a host is known by its addresses, and nothing says which this endpoint has";
        let cure =
            "add `expectedIPs`; with `--best-effort` nobody has them, and the interface drops everything";
        report.add(Code::InexactCalico, interface.span, message, cure);
    }
    let named = interface.filter(|interface| interface.value != "*");
    if named.is_none() && !addresses.is_empty() {
        let message = "nothing names the interfaces of this host, so an enforcer there polices none";
        let cure = "add `interfaceName`, or describe the machine in a `Host` document";
        report.add(Code::HostInterfaces, place, message, cure);
    }
    let mut allows = false;
    for profile in &profiles {
        if profile.value == ALLOWING {
            allows = true;
            continue;
        }
        let message = format!("the profile `{}` is not read", quoted(&profile.value));
        let cure = "write policies instead; with `--best-effort` the profile allows nothing";
        report.add(Code::InexactCalico, profile.span, message, cure);
    }
    let instance = Instance {
        addresses,
        interface: named.map(|interface| interface.value),
        // What it forwards is judged by policies that ask for it, which cannot be said.
        role: Role::Router,
    };
    Some(Read { instance: Spanned { value: instance, span: place }, ports, allows })
}

/// An element of `ports`.
fn named_port(node: &Node, report: &mut Report) -> Option<NamedPort> {
    let mut fields = Fields::of(node, "endpoint's port", report)?;
    let name = fields.required("name", report).and_then(|node| string(node, "name", report));
    let protocol = match present(&mut fields, "protocol") {
        None => {
            fields.required("protocol", report);
            None
        }
        Some(_) => port::protocol(&mut fields, "protocol", report).flatten(),
    };
    let number = fields.required("port", report).and_then(|node| numbers::number(node, "port", report));
    fields.finish(report);
    let (name, protocol, number) = (name?, protocol?, number?);
    match protocol.value {
        Named::Known(protocol) if protocol.has_ports() => {
            Some(NamedPort { name: name.value, protocol, port: number })
        }
        _ => {
            let cure = "write `TCP`, `UDP` or `SCTP`";
            report.add(Code::BadProtocol, protocol.span, "the protocol has no ports with names", cure);
            None
        }
    }
}

/// What denies at the end of all tiers what nothing has allowed.
fn isolation(name: &Spanned<String>) -> PolicyDocument {
    let workloads = WorkloadsDocument {
        span: name.span,
        namespaces: NamespacesDocument::Own,
        labels: Labels::from([(HOST_LABEL.to_owned(), name.value.clone())]),
        expressions: Vec::new(),
        service_accounts: Clause::Any,
        proxied: None,
    };
    PolicyDocument {
        namespace: Some(HOSTS.to_owned()),
        name: Spanned { value: format!("hostendpoint.{}", name.value), span: name.span },
        tier: Some(Spanned { value: PROFILES_TIER.to_owned(), span: name.span }),
        isolate: vec![IsolateDocument { workloads, ingress: true, egress: true, mode: Mode::Enforce }],
        rules: Vec::new(),
    }
}

/// What Calico never denies a host unless it is told otherwise (Felix, `FailsafeInboundHostPorts` and
/// `FailsafeOutboundHostPorts`).
fn failsafe() -> FailsafeDocument {
    const BOTH: [u16; 7] = [179, 2379, 2380, 5473, 6443, 6666, 6667];
    let port = |protocol, port| FailsafePort { peers: None, protocol, first: port, last: port };
    let with = |own: [(Protocol, u16); 2]| {
        let both = BOTH.into_iter().map(|number| (Protocol::Tcp, number));
        own.into_iter().chain(both).map(|(protocol, number)| port(protocol, number)).collect()
    };
    FailsafeDocument {
        inbound: with([(Protocol::Tcp, 22), (Protocol::Udp, 68)]),
        outbound: with([(Protocol::Udp, 53), (Protocol::Udp, 67)]),
    }
}

/// The labels of an object, which are in an annotation where `kubectl` prints what Calico keeps.
pub(super) fn stored_labels(
    labels: Option<&Node>,
    annotations: Option<&Node>,
    report: &mut Report,
) -> Option<Labels> {
    let mut found = match labels.filter(|node| !node.is_null()) {
        None => Labels::new(),
        Some(node) => name::labels(node, "labels", report)?,
    };
    let stored = annotations.and_then(|node| match &node.value {
        Value::Mapping(entries) => entries.iter().find(|entry| entry.key == STORED),
        _ => None,
    });
    if let Some(entry) = stored {
        found.extend(in_annotation(&entry.value, report)?);
    }
    Some(found)
}

/// The labels in the text of the annotation, which is JSON, as YAML is too.
fn in_annotation(node: &Node, report: &mut Report) -> Option<Labels> {
    let text = string(node, STORED, report)?;
    let mut unread = Report::default();
    let read = yaml::read(text.span.source, &text.value, &mut unread);
    let labels = read.as_ref().and_then(|read| match read.documents.as_slice() {
        [Node { value: Value::Mapping(entries), .. }] => {
            Some(entries.iter().find(|entry| entry.key == "labels").map(|entry| &entry.value))
        }
        _ => None,
    });
    let read = match labels {
        Some(None) => Some(Labels::new()),
        Some(Some(node)) if node.is_null() => Some(Labels::new()),
        Some(Some(node)) => name::labels(node, "labels", &mut unread),
        None => None,
    };
    if read.is_none() {
        bad_annotation(text.span, report);
    }
    read
}

fn bad_annotation(span: Span, report: &mut Report) {
    let message = format!("the labels in the annotation `{STORED}` cannot be read");
    report.add(Code::BadLabel, span, message, "write the object as `projectcalico.org/v3`, with its labels");
}
