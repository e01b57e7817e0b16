//! `source` and `destination` of a rule.

use core::net::IpAddr;

use super::{
    field::{self, inexact},
    port::{self, Written},
};
use crate::{
    Code, Span,
    decode::{
        container::present,
        fields::{Fields, string},
        name,
    },
    diagnostic::Report,
    dialect::{Selector, Test},
    document::{CalicoEntity, ServiceName, Spanned},
    yaml::Node,
};
use bookend_engine::{Action, Block, IpNet};

/// The label that names the namespace of an endpoint.
pub(super) const NAMESPACE: &str = "projectcalico.org/namespace";
/// The label that names the service account of an endpoint.
pub(super) const ACCOUNT: &str = "projectcalico.org/serviceaccount";
/// What stands before the labels of an endpoint's namespace, and of its service account.
pub(super) const NAMESPACE_PREFIX: &str = "pcns.";
pub(super) const ACCOUNT_PREFIX: &str = "pcsa.";

/// An end of a rule, with its ports.
#[derive(Default)]
pub(super) struct End {
    /// `None` where nothing is said.
    pub(super) entity: Option<CalicoEntity>,
    pub(super) ports: Vec<Spanned<Written>>,
    pub(super) not_ports: Vec<Spanned<Written>>,
    /// Whether something cannot be said.
    pub(super) inexact: bool,
}

/// Reads an end of a rule of a policy in `namespace`, if it has one.
pub(super) fn end(
    node: Option<&Node>,
    what: &'static str,
    namespace: Option<&str>,
    action: Action,
    report: &mut Report,
) -> Option<End> {
    let Some(node) = node else { return Some(End::default()) };
    let mut fields = Fields::of(node, what, report)?;
    let nets = field::list(&mut fields, "nets", report, net);
    let not_nets = field::list(&mut fields, "notNets", report, net);
    let selector = field::selector(&mut fields, "selector", false, report);
    let not_selector = field::selector(&mut fields, "notSelector", false, report);
    let namespaces = field::selector(&mut fields, "namespaceSelector", true, report);
    let accounts = present(&mut fields, "serviceAccounts").map(|node| accounts(node, report));
    let service = present(&mut fields, "services").map(|node| service(node, namespace, report));
    let ports = field::list(&mut fields, "ports", report, port::written);
    let not_ports = field::list(&mut fields, "notPorts", report, port::written);
    let domains = present(&mut fields, "domains").map(|node| node.span);
    fields.finish(report);
    let (nets, not_nets, selector, not_selector) = (nets?, not_nets?, selector?, not_selector?);
    let (namespaces, ports, not_ports) = (namespaces?, ports?, not_ports?);
    let accounts = crate::decode::fields::optional(accounts)?.flatten();
    let service = crate::decode::fields::optional(service)?;
    let meant = meant(namespace, namespaces, accounts, selector, not_selector.is_some(), node.span);
    if let Some(service) = &service {
        let others = meant.is_some() || not_selector.is_some() || !nets.is_empty() || !not_nets.is_empty();
        if others || !ports.is_empty() || !not_ports.is_empty() {
            let message = "`services` stands alone";
            let cure = "remove the selectors, `nets` and `ports` beside it, or write a rule of its own";
            report.add(Code::Conflict, service.span, message, cure);
            return None;
        }
    }
    if let Some(span) = domains {
        inexact(action, span, "names of domains are not resolved, so nobody knows their addresses", report);
    }
    let says = meant.is_some()
        || not_selector.is_some()
        || !nets.is_empty()
        || !not_nets.is_empty()
        || service.is_some();
    let entity = CalicoEntity { span: node.span, nets, not_nets, selector: meant, not_selector, service };
    Some(End { entity: says.then_some(entity), ports, not_ports, inexact: domains.is_some() })
}

/// What all that selects endpoints says together. As soon as anything does, a rule of a policy in a namespace means endpoints
/// of that namespace, unless it says which (Calico, `getEndpointSelector`).
fn meant(
    own: Option<&str>,
    namespaces: Option<Spanned<Selector>>,
    accounts: Option<Selector>,
    selector: Option<Spanned<Selector>>,
    not_selector: bool,
    span: Span,
) -> Option<Spanned<Selector>> {
    let says = accounts.is_some() || selector.is_some();
    let place = selector.as_ref().or(namespaces.as_ref()).map_or(span, |selector| selector.span);
    let lies = match (namespaces, own) {
        (Some(namespaces), _) => {
            Some(namespaces.value.prefixed(NAMESPACE_PREFIX, &Selector::label(NAMESPACE, Test::Has)))
        }
        (None, Some(own)) if says || not_selector => Some(in_namespace(own)),
        _ => None,
    };
    let parts = [lies, accounts, selector.map(|selector| selector.value)];
    let value = parts.into_iter().flatten().reduce(Selector::and)?;
    Some(Spanned { value, span: place })
}

/// Endpoints of one namespace.
pub(super) fn in_namespace(namespace: &str) -> Selector {
    Selector::label(NAMESPACE, Test::In(vec![namespace.to_owned()]))
}

/// `serviceAccounts`, if something is said.
fn accounts(node: &Node, report: &mut Report) -> Option<Option<Selector>> {
    let mut fields = Fields::of(node, "service accounts", report)?;
    let names = field::list(&mut fields, "names", report, |node, report| {
        name::name(node, "names", 253, report).map(|name| name.value)
    });
    let selector = field::selector(&mut fields, "selector", false, report);
    fields.finish(report);
    let (names, selector) = (names?, selector?);
    let labelled = selector.map(|selector| selector.value.prefixed(ACCOUNT_PREFIX, &Selector::All));
    let named = (!names.is_empty()).then(|| Selector::label(ACCOUNT, Test::In(names)));
    Some(labelled.into_iter().chain(named).reduce(Selector::and))
}

fn service(node: &Node, own: Option<&str>, report: &mut Report) -> Option<Spanned<ServiceName>> {
    let mut fields = Fields::of(node, "service", report)?;
    let name = fields.required("name", report).and_then(|node| name::name(node, "name", 253, report));
    let namespace = present(&mut fields, "namespace").map(|node| name::name(node, "namespace", 63, report));
    let place = fields.place();
    fields.finish(report);
    let (name, namespace) = (name?, crate::decode::fields::optional(namespace)?);
    let Some(namespace) = namespace.map(|name| name.value).or_else(|| own.map(str::to_owned)) else {
        let message = "a policy of the whole cluster has no namespace in which the Service could be";
        report.add(Code::MissingField, place, message, "add `namespace`");
        return None;
    };
    Some(Spanned { value: ServiceName { namespace, name: name.value }, span: node.span })
}

/// A block, or an address alone. Bits behind the prefix say nothing to Calico.
pub(super) fn net(node: &Node, report: &mut Report) -> Option<Spanned<IpNet>> {
    let text = string(node, "nets", report)?;
    let address = || text.value.parse::<IpAddr>().ok().map(IpNet::from);
    let net = text.value.parse::<IpNet>().ok().or_else(address).map(|net| net.trunc());
    let plain =
        |text: &str| text.split_once('/').is_none_or(|(_, length)| length == "0" || !length.starts_with('0'));
    match net.filter(|net| plain(&text.value) && Block::new(*net, Vec::new()).is_ok()) {
        Some(value) => Some(Spanned { value, span: text.span }),
        None => {
            let message =
                format!("`{}` is not a block of addresses", crate::decode::fields::quoted(&text.value));
            let cure = "write it like `10.0.0.0/8`, `192.0.2.7` or `2001:db8::/32`";
            report.add(Code::BadCidr, text.span, message, cure);
            None
        }
    }
}
