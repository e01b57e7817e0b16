//! The policies of administrators: `ClusterNetworkPolicy` (policy.networking.k8s.io/v1alpha2), and before it
//! `AdminNetworkPolicy` and `BaselineAdminNetworkPolicy` (v1alpha1).

mod egress;
mod tie;

use super::{
    peer, port,
    rule::{self, Rule},
    values::{counted, described, items, mapping, only},
};
use crate::{
    Code, Span,
    decode::{
        container::present,
        fields::{Fields, integer, string, word},
        name,
    },
    diagnostic::Report,
    document::{PeerDocument, PolicyDocument, RuleDocument, Spanned, WorkloadsDocument},
    lower::{NETWORK_ADMIN_TIER, NETWORK_BASELINE_TIER},
    yaml::Node,
};
use bookend_engine::{Action, End, PortMatch};
use egress::Peers;
pub(crate) use tie::warn_of_ties;

/// Which of the kinds it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// ClusterNetworkPolicy.
    Cluster,
    /// AdminNetworkPolicy.
    Admin,
    /// BaselineAdminNetworkPolicy.
    Baseline,
}

/// How far apart the priorities of two policies are: as many rules as a policy may have in a direction.
const STEP: i32 = 100;
/// The largest `priority`.
const LAST: i64 = 1_000;

impl Form {
    const fn word(self) -> &'static str {
        match self {
            Self::Cluster => "ClusterNetworkPolicy",
            Self::Admin => "AdminNetworkPolicy",
            Self::Baseline => "BaselineAdminNetworkPolicy",
        }
    }

    /// The most rules in a direction.
    const fn rules(self) -> usize {
        match self {
            Self::Cluster => 25,
            Self::Admin | Self::Baseline => 100,
        }
    }

    /// The most peers of a rule.
    const fn peers(self) -> usize {
        self.rules()
    }

    const fn actions(self) -> &'static [(&'static str, Action)] {
        match self {
            Self::Cluster => &[("Accept", Action::Allow), ("Deny", Action::Deny), ("Pass", Action::Pass)],
            Self::Admin => &[("Allow", Action::Allow), ("Deny", Action::Deny), ("Pass", Action::Pass)],
            Self::Baseline => &[("Allow", Action::Allow), ("Deny", Action::Deny)],
        }
    }

    /// What the API wants to be there of a selector of pods.
    const fn wants_both_selectors(self) -> bool {
        !matches!(self, Self::Cluster)
    }
}

/// Reads a policy.
pub(super) fn policy(form: Form, mut fields: Fields<'_>, report: &mut Report) -> Option<PolicyDocument> {
    let metadata = name::cluster_metadata(&mut fields, form.word(), report)
        .filter(|metadata| described(metadata.labels, metadata.annotations, report));
    let metadata = metadata.filter(|metadata| form != Form::Baseline || is_default(&metadata.name, report));
    let spec = fields.required("spec", report).and_then(|node| mapping(node, "spec of the policy", report));
    fields.get("status");
    fields.finish(report);
    let mut spec = spec?;
    let tier = match form {
        Form::Cluster => spec.required("tier", report).and_then(|node| {
            let tiers = [("Admin", NETWORK_ADMIN_TIER), ("Baseline", NETWORK_BASELINE_TIER)];
            word(node, "tier", &tiers, report)
        }),
        Form::Admin => Some(NETWORK_ADMIN_TIER),
        Form::Baseline => Some(NETWORK_BASELINE_TIER),
    };
    let priority = match form {
        Form::Cluster | Form::Admin => spec
            .required("priority", report)
            .and_then(|node| i32::try_from(integer(node, "priority", 0..=LAST, report)?).ok()),
        // It comes after those that have a priority.
        Form::Baseline => i32::try_from(LAST).ok()?.checked_add(1),
    };
    let subject = spec.required("subject", report).and_then(|node| subject(form, node, report));
    let ingress = rules(form, &mut spec, End::Destination, report);
    let egress = rules(form, &mut spec, End::Source, report);
    let (place, unknown) = (spec.place(), spec.has_unknown());
    spec.finish(report);
    let (metadata, tier, priority, subject) = (metadata?, tier?, priority?, subject?);
    let (ingress, egress) = (ingress?, egress?);
    if unknown {
        return None;
    }
    if ingress.is_empty() && egress.is_empty() {
        let cure = "add `ingress` or `egress`, or leave the document out";
        report.add(Code::NoRules, place, "the policy has no rules, so it does nothing", cure);
    }
    let own = peer::workloads(subject);
    let mut all = Vec::new();
    for (end, written) in [(End::Destination, ingress), (End::Source, egress)] {
        for (index, written) in written.into_iter().enumerate() {
            let offset = i32::try_from(index).unwrap_or(STEP);
            let priority = priority.saturating_mul(STEP).saturating_add(offset);
            let name = Spanned { value: format!("{}[{index}]", rule::field(end)), span: written.place };
            all.extend(written.lower(name, priority, end, own.clone()));
        }
    }
    let span = metadata.name.span;
    Some(PolicyDocument {
        namespace: None,
        name: Spanned {
            value: format!("{}.{}", form.word().to_ascii_lowercase(), metadata.name.value),
            span,
        },
        tier: Some(Spanned { value: tier.to_owned(), span }),
        isolate: Vec::new(),
        rules: all,
    })
}

fn is_default(name: &Spanned<String>, report: &mut Report) -> bool {
    let sound = name.value == "default";
    if !sound {
        let message = format!("a `BaselineAdminNetworkPolicy` is called `default`, not `{}`", name.value);
        report.add(Code::BadName, name.span, message, "write `name: default`; there is only one");
    }
    sound
}

/// The pods that a policy applies to.
fn subject(form: Form, node: &Node, report: &mut Report) -> Option<WorkloadsDocument> {
    match only(node, "subject", &["namespaces", "pods"], report)? {
        ("namespaces", inner) => peer::all_pods(inner, report),
        (_, inner) => peer::namespaced_pods(inner, form.wants_both_selectors(), report),
    }
}

/// A rule as it is written.
struct Written {
    place: Span,
    action: Action,
    peers: Peers,
    ports: Vec<Spanned<PortMatch>>,
}

impl Written {
    /// The rule, or nothing where nothing is left of it.
    fn lower(
        self,
        name: Spanned<String>,
        priority: i32,
        end: End,
        own: PeerDocument,
    ) -> Option<RuleDocument> {
        let (action, peers) = self.peers.narrowed(self.action)?;
        Some(Rule { name, action, priority, end, peers, ports: self.ports }.lower(own))
    }
}

/// `ingress` or `egress`.
fn rules(form: Form, spec: &mut Fields<'_>, end: End, report: &mut Report) -> Option<Vec<Written>> {
    let name = rule::field(end);
    if let Some(node) = present(spec, name)
        && let crate::yaml::Value::Sequence(items) = &node.value
        && items.len() > form.rules()
    {
        let most = form.rules();
        let message =
            format!("`{name}` has {} rules, and {most} are the most that the API takes", items.len());
        report.add(Code::TooMany, node.span, message, "split it into several policies");
        return None;
    }
    items(spec, name, report, |node, report| written(form, node, end, report)).map(Option::unwrap_or_default)
}

fn written(form: Form, node: &Node, end: End, report: &mut Report) -> Option<Written> {
    let (what, field) = match end {
        End::Destination => ("ingress rule", "from"),
        End::Source => ("egress rule", "to"),
    };
    let mut fields = mapping(node, what, report)?;
    let place = fields.place();
    let named = match present(&mut fields, "name") {
        None => Some(()),
        Some(node) => string(node, "name", report).and_then(|name| is_short(&name, report)),
    };
    let action = fields.required("action", report);
    let action = action.and_then(|node| word(node, "action", form.actions(), report));
    let peers = counted(&mut fields, field, (true, form.peers()), report, |node, report| match end {
        End::Destination => ingress_peer(form, node, report),
        End::Source => egress::peer(form, node, report),
    });
    let ports = match form {
        Form::Cluster => port::protocols(&mut fields, report),
        Form::Admin | Form::Baseline => port::admin(&mut fields, report),
    };
    let unknown = fields.has_unknown();
    let ports_span = fields.key(if form == Form::Cluster { "protocols" } else { "ports" });
    fields.finish(report);
    let (_, action, peers, ports) = (named?, action?, peers?.unwrap_or_default(), ports?);
    let peers = Peers::all(peers);
    let names = ports.iter().any(|port| matches!(port.value, PortMatch::Named(..)));
    if names && peers.has_nameless() {
        let message = "networks, nodes and domain names have no named ports";
        report.add(
            Code::Conflict,
            ports_span,
            message,
            "name the port by its number, or write a rule of its own",
        );
        return None;
    }
    (!unknown).then_some(Written { place, action, peers, ports })
}

fn is_short(name: &Spanned<String>, report: &mut Report) -> Option<()> {
    const LONGEST: usize = 100;
    if name.value.chars().count() > LONGEST {
        let message = format!("the name of a rule has at most {LONGEST} characters");
        report.add(Code::BadLength, name.span, message, "shorten it");
        return None;
    }
    Some(())
}

/// An element of `from`.
fn ingress_peer(form: Form, node: &Node, report: &mut Report) -> Option<Peers> {
    let workloads = match only(node, "peer", &["namespaces", "pods"], report)? {
        ("namespaces", inner) => peer::all_pods(inner, report),
        (_, inner) => peer::namespaced_pods(inner, form.wants_both_selectors(), report),
    };
    Some(Peers::exact(vec![peer::workloads(workloads?)]))
}
