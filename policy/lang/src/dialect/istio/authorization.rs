//! `kind: AuthorizationPolicy`.

use super::{
    attribute::Attribute,
    host, target,
    values::{bad, field, inexact, values, written},
};
use crate::{
    Code,
    decode::{
        fields::{Fields, list, string, word, wrong_type},
        name,
    },
    diagnostic::Report,
    document::{AuthorizationAction, AuthorizationDocument, AuthorizationRule, Requirement, Spanned},
    limit,
    yaml::{Node, Value},
};
use bookend_engine::Mode;

/// What the parts of a policy must know of the whole.
#[derive(Clone, Copy)]
struct Scope<'s> {
    namespace: &'s str,
    denies: bool,
}

/// Everything after `spec:` is optional: a policy without rules is for nobody, so who is allowed nothing else is denied everything.
pub(super) fn authorization(mut fields: Fields<'_>, report: &mut Report) -> Option<AuthorizationDocument> {
    let metadata = name::metadata(&mut fields, report).and_then(|metadata| {
        name::described(metadata.labels, metadata.annotations, report)?;
        Some(metadata)
    });
    let mode = metadata.as_ref().and_then(|metadata| mode(metadata.annotations, report));
    let namespace = metadata.as_ref().map_or("default", |metadata| metadata.namespace.as_str());
    let spec = field(&mut fields, "spec");
    fields.get("status");
    let place = fields.place();
    fields.finish(report);
    let (action, targets, rules) = match spec {
        None => {
            let targets = target::everything(place);
            (Some(AuthorizationAction::Allow), Some(targets), Some(Vec::new()))
        }
        Some(node) => {
            let mut spec = Fields::of(node, "policy's spec", report)?;
            let action = action(&mut spec, report);
            let targets = target::targets(&mut spec, report);
            let denies = action.is_some_and(|action| action != AuthorizationAction::Allow);
            let scope = Scope { namespace, denies };
            let rules = rules(field(&mut spec, "rules"), scope, report);
            let idle = spec.place();
            spec.finish(report);
            if let (Some(action), Some([])) = (action, rules.as_deref())
                && action != AuthorizationAction::Allow
            {
                let message = "without `rules` the policy says nothing";
                report.add(Code::IstioNeverMatches, idle, message, "add `rules: [{}]` to mean everything");
            }
            (action, targets, rules)
        }
    };
    let (metadata, action, targets, rules) = (metadata?, action?, targets?, rules?);
    // Where nobody can say whom a policy is for, everybody is isolated, and nobody is allowed anything.
    let nobody = targets.unsayable && action == AuthorizationAction::Allow;
    Some(AuthorizationDocument {
        namespace: metadata.namespace,
        name: metadata.name,
        action,
        mode: mode?,
        targets,
        rules: if nobody { Vec::new() } else { rules },
    })
}

/// `action`, and `provider`, which goes with one of them.
fn action(spec: &mut Fields<'_>, report: &mut Report) -> Option<AuthorizationAction> {
    use AuthorizationAction::{Allow, Audit, Custom, Deny};
    let words = [("ALLOW", Allow), ("DENY", Deny), ("AUDIT", Audit), ("CUSTOM", Custom)];
    let (node, provider) = (field(spec, "action"), field(spec, "provider"));
    let action = node.map_or(Some(Allow), |node| word(node, "action", &words, report));
    let named = provider.map(|node| {
        let mut fields = Fields::of(node, "provider", report)?;
        let name = written(fields.get("name")).map(|node| string(node, "name", report));
        fields.finish(report);
        name.is_none_or(|name| name.is_some()).then_some(())
    });
    let action = action?;
    match (action, provider, node) {
        (Custom, None, Some(node)) => {
            bad(report, node.span, "`CUSTOM` needs a `provider`", "add `provider: { name: … }`");
            return None;
        }
        (Custom, Some(_), Some(node)) => {
            let message = "who decides about `CUSTOM` is asked elsewhere, so what it allows is not known";
            inexact(report, node.span, message, "with `--best-effort`, what it matches is denied");
        }
        (Allow | Deny | Audit, Some(provider), _) => {
            bad(report, provider.span, "only `CUSTOM` has a `provider`", "remove it");
            return None;
        }
        _ => {}
    }
    named.is_none_or(|named| named.is_some()).then_some(action)
}

/// Whether the policy is only rehearsed. Istio reads what Go reads as a boolean, and anything else as `false`.
fn mode(annotations: Option<&Node>, report: &mut Report) -> Option<Mode> {
    let entries = match annotations.map(|node| &node.value) {
        Some(Value::Mapping(entries)) => entries.as_slice(),
        _ => &[],
    };
    let Some(entry) = entries.iter().find(|entry| entry.key == "istio.io/dry-run") else {
        return Some(Mode::Enforce);
    };
    let text = string(&entry.value, "istio.io/dry-run", report)?;
    match text.value.as_str() {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(Mode::Audit),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(Mode::Enforce),
        _ => {
            let message = "`istio.io/dry-run` is neither true nor false, and Istio would enforce the policy";
            bad(report, text.span, message, "write `\"true\"` or `\"false\"`");
            None
        }
    }
}

/// `rules`; without any, nothing matches.
fn rules(node: Option<&Node>, scope: Scope<'_>, report: &mut Report) -> Option<Vec<AuthorizationRule>> {
    let Some(node) = node else { return Some(Vec::new()) };
    let Value::Sequence(items) = &node.value else {
        wrong_type(node, "rules", "a list", report);
        return None;
    };
    if items.len() > limit::RULES {
        let message = format!("the policy has {} rules, and {} are the most", items.len(), limit::RULES);
        report.add(Code::TooMany, node.span, message, "split it into several policies");
        return None;
    }
    let read: Vec<_> = items.iter().map(|node| rule(node, scope, report)).collect();
    read.into_iter().collect()
}

fn rule(node: &Node, scope: Scope<'_>, report: &mut Report) -> Option<AuthorizationRule> {
    let mut fields = Fields::of(node, "rule", report)?;
    let from = alternatives(&mut fields, "from", "source", &SOURCE, scope, report);
    let to = alternatives(&mut fields, "to", "operation", &OPERATION, scope, report);
    let when = field(&mut fields, "when").map_or(Some(Vec::new()), |node| {
        let read: Vec<_> =
            list(node, "when", report)?.iter().map(|node| condition(node, scope, report)).collect();
        let read: Option<Vec<_>> = read.into_iter().collect();
        read.map(|read| read.into_iter().flatten().collect())
    });
    let unknown = fields.has_unknown();
    fields.finish(report);
    let rule = AuthorizationRule { span: node.span, from: from?, to: to?, when: when? };
    (!unknown).then_some(rule)
}

/// The names of a field, of its negation, and what it speaks of.
type Names = (&'static str, &'static str, Attribute);

/// The fields of a source.
const SOURCE: [Names; 7] = [
    ("principals", "notPrincipals", Attribute::Principal),
    ("requestPrincipals", "notRequestPrincipals", Attribute::RequestPrincipal),
    ("namespaces", "notNamespaces", Attribute::Namespace),
    ("serviceAccounts", "notServiceAccounts", Attribute::ServiceAccount),
    ("ipBlocks", "notIpBlocks", Attribute::SourceIp),
    ("remoteIpBlocks", "notRemoteIpBlocks", Attribute::RemoteIp),
    ("trustDomains", "notTrustDomains", Attribute::TrustDomain),
];

/// The fields of an operation.
const OPERATION: [Names; 4] = [
    ("hosts", "notHosts", Attribute::Host),
    ("ports", "notPorts", Attribute::DestinationPort),
    ("methods", "notMethods", Attribute::Method),
    ("paths", "notPaths", Attribute::Path),
];

/// `from` or `to`: what one element says must hold together; one without requirements where nothing is written.
fn alternatives(
    fields: &mut Fields<'_>,
    name: &'static str,
    inner: &'static str,
    names: &[Names],
    scope: Scope<'_>,
    report: &mut Report,
) -> Option<Vec<Vec<Requirement>>> {
    let Some(node) = field(fields, name) else { return Some(vec![Vec::new()]) };
    let element = |node: &Node, report: &mut Report| {
        let mut outer = Fields::of(node, "entry", report)?;
        let node = outer.get(inner);
        // What it says instead is refused already.
        let node = if outer.has_unknown() { node } else { outer.required(inner, report) };
        outer.finish(report);
        let mut fields = Fields::of(node?, inner, report)?;
        let read: Vec<_> = names
            .iter()
            .flat_map(|(positive, negative, attribute)| {
                [(*positive, false, attribute), (*negative, true, attribute)]
            })
            .map(|(name, negated, attribute)| {
                let node = fields.get(name);
                requirement(node, name, negated, attribute, scope, report)
            })
            .collect();
        let (place, unknown) = (fields.place(), fields.has_unknown());
        let exclusive = exclusive(&mut fields, report);
        fields.finish(report);
        let read: Option<Vec<_>> = read.into_iter().collect();
        let read: Vec<Requirement> = read?.into_iter().flatten().collect();
        if read.is_empty() && !unknown {
            let message = format!("the {inner} says nothing");
            bad(report, place, message, format!("leave `{name}` out to mean everything"));
        }
        (!read.is_empty() && !unknown && exclusive).then_some(read)
    };
    let read: Vec<_> = list(node, name, report)?.iter().map(|node| element(node, report)).collect();
    read.into_iter().collect()
}

/// Refuses accounts beside what already says who it is, as Istio does.
fn exclusive(fields: &mut Fields<'_>, report: &mut Report) -> bool {
    let accounts = written(fields.get("serviceAccounts")).or(written(fields.get("notServiceAccounts")));
    let others = ["principals", "notPrincipals", "namespaces", "notNamespaces"];
    let other = others.into_iter().find_map(|name| written(fields.get(name)));
    let (Some(accounts), Some(other)) = (accounts, other) else { return true };
    let message = "`serviceAccounts` stand beside neither `principals` nor `namespaces`";
    let cure = "write `namespace/name` in `serviceAccounts`, or principals alone";
    report.add_related(Code::Conflict, accounts.span, message, cure, (other.span, "the other field"));
    false
}

/// An element of `when`: what its values say, and what those that must not be say.
fn condition(node: &Node, scope: Scope<'_>, report: &mut Report) -> Option<Vec<Requirement>> {
    let mut fields = Fields::of(node, "condition", report)?;
    let key = fields.required("key", report).and_then(|node| string(node, "key", report));
    let (values_node, not_node) = (fields.get("values"), fields.get("notValues"));
    let unknown = fields.has_unknown();
    fields.finish(report);
    let key: Spanned<String> = key?;
    let attribute = Attribute::of(&key, report)?;
    let positive = requirement(values_node, "values", false, &attribute, scope, report);
    let negative = requirement(not_node, "notValues", true, &attribute, scope, report);
    let read: Vec<Requirement> = [positive?, negative?].into_iter().flatten().collect();
    if read.is_empty() && !unknown {
        bad(
            report,
            key.span,
            "the condition has no values",
            "add `values` or `notValues`; `\"*\"` means any",
        );
    }
    (!read.is_empty() && !unknown).then_some(read)
}

/// What the values of a field say; nothing where none is written.
fn requirement(
    node: Option<&Node>,
    name: &str,
    negated: bool,
    attribute: &Attribute,
    scope: Scope<'_>,
    report: &mut Report,
) -> Option<Option<Requirement>> {
    let Some(values) = values(node, name, report)? else { return Some(None) };
    if *attribute == Attribute::Host && scope.denies != negated {
        host::warn_of_ports(&values, report);
    }
    let span =
        node.map_or(values.first().map_or(crate::Span::whole(0), |value| value.span), |node| node.span);
    attribute.requirement(span, negated, &values, scope.namespace, report).map(Some)
}
