//! NetworkPolicy, GlobalNetworkPolicy, and their staged forms.

use std::collections::BTreeSet;

use super::{
    entity::{ACCOUNT, ACCOUNT_PREFIX, NAMESPACE, NAMESPACE_PREFIX, in_namespace},
    field, rule,
};
use crate::{
    Code, Span,
    decode::{
        container::present,
        fields::{Fields, boolean, word, wrong_type},
        name,
    },
    diagnostic::Report,
    dialect::{Selector, Test, kubernetes},
    document::{CalicoPolicy, CalicoRule, Document, Order, Spanned},
    yaml::Value,
};
use bookend_engine::Mode;

/// What differs between the kinds.
#[derive(Clone, Copy)]
struct Kind {
    /// What stands before the policy's name.
    prefix: &'static str,
    global: bool,
    staged: bool,
}

/// A NetworkPolicy.
pub(super) fn namespaced(fields: Fields<'_>, report: &mut Report) -> Option<Document> {
    policy(Kind { prefix: "caliconetworkpolicy", global: false, staged: false }, fields, report)
}

/// A GlobalNetworkPolicy.
pub(super) fn global(fields: Fields<'_>, report: &mut Report) -> Option<Document> {
    policy(Kind { prefix: "globalnetworkpolicy", global: true, staged: false }, fields, report)
}

/// A StagedNetworkPolicy.
pub(super) fn staged(fields: Fields<'_>, report: &mut Report) -> Option<Document> {
    policy(Kind { prefix: "stagednetworkpolicy", global: false, staged: true }, fields, report)
}

/// A StagedGlobalNetworkPolicy.
pub(super) fn staged_global(fields: Fields<'_>, report: &mut Report) -> Option<Document> {
    policy(Kind { prefix: "stagedglobalnetworkpolicy", global: true, staged: true }, fields, report)
}

fn policy(kind: Kind, mut fields: Fields<'_>, report: &mut Report) -> Option<Document> {
    let metadata = match kind.global {
        true => name::cluster_metadata(&mut fields, "policy of the whole cluster", report)
            .filter(|meta| field::described(meta.labels, meta.annotations, report))
            .map(|meta| (None, meta.name)),
        false => name::metadata(&mut fields, report)
            .filter(|meta| field::described(meta.labels, meta.annotations, report))
            .map(|meta| (Some(meta.namespace), meta.name)),
    };
    let spec = fields.required("spec", report).and_then(|node| Fields::of(node, "policy's spec", report));
    fields.get("status");
    fields.finish(report);
    // What is wrong with the rules is said even where the namespace is not known.
    let namespace = metadata.as_ref().and_then(|(namespace, _)| namespace.clone());
    let read = body(kind, spec?, namespace.as_deref(), report);
    let (namespace, own) = metadata?;
    let Body { action, mut policy } = read?;
    policy.namespace = namespace;
    policy.name = Spanned { value: format!("{}.{}", kind.prefix, own.value), span: own.span };
    policy.own_name = own.value;
    settle(action, Document::Calico(Box::new(policy)), report)
}

/// What is staged (`stagedAction`).
#[derive(Clone, Copy, Debug)]
enum Staged {
    /// What the policy says.
    Set,
    /// That an enforced policy is removed.
    Delete(Span),
    /// Nothing.
    Nothing,
}

struct Body {
    action: Staged,
    policy: CalicoPolicy,
}

fn body(kind: Kind, mut spec: Fields<'_>, namespace: Option<&str>, report: &mut Report) -> Option<Body> {
    let place = spec.place();
    let action = match kind.staged {
        true => staged_action(&mut spec, report),
        false => Some(Staged::Set),
    };
    let tier = tier(&mut spec, place, report);
    let order = order(&mut spec, report);
    let selector = field::selector(&mut spec, "selector", false, report);
    let accounts = field::selector(&mut spec, "serviceAccountSelector", false, report);
    let namespaces = match kind.global {
        true => field::selector(&mut spec, "namespaceSelector", false, report),
        false => Some(None),
    };
    let types = types(&mut spec, report);
    let ingress = rule::rules(&mut spec, "ingress", namespace, report);
    let egress = rule::rules(&mut spec, "egress", namespace, report);
    let (writes_ingress, writes_egress) = (says_rules(&spec, "ingress"), says_rules(&spec, "egress"));
    let mut flag = |name| match kind.global {
        true => present(&mut spec, name).map(|node| (boolean(node, name, report), node.span)),
        false => None,
    };
    let (untracked, before_nat, forward) = (flag("doNotTrack"), flag("preDNAT"), flag("applyOnForward"));
    // They say how policies are worked through, and nothing about what is allowed.
    let hints = field::list(&mut spec, "performanceHints", report, |node, report| {
        word(node, "performanceHints", &[("AssumeNeededOnEveryNode", ())], report)
    });
    spec.finish(report);
    let asked = |flag: Option<(Option<bool>, Span)>| match flag {
        None => Some(None),
        Some((read, span)) => read.map(|is| is.then_some(span)),
    };
    let (untracked, before_nat, forward) = (asked(untracked)?, asked(before_nat)?, asked(forward)?);
    let (tier, order, types, action) = (tier?, order?, types?, action?);
    let (selector, accounts, namespaces) = (selector?, accounts?, namespaces?);
    let (mut ingress, mut egress) = (ingress?, egress?);
    hints?;
    let apart = apart(untracked, before_nat, forward, egress.first().map(|rule| rule.span), report)?;
    if apart {
        (ingress, egress) = (rule::narrowed(ingress), rule::narrowed(egress));
    }
    let (into, out) = types.unwrap_or((writes_ingress || !writes_egress, writes_egress));
    warn_of_idle("ingress", "Ingress", into, &ingress, report);
    warn_of_idle("egress", "Egress", out, &egress, report);
    let span = selector.as_ref().or(namespaces.as_ref()).map_or(place, |selector| selector.span);
    let value = applies_to(namespace, selector, namespaces, accounts);
    let policy = CalicoPolicy {
        namespace: None,
        name: Spanned { value: String::new(), span: place },
        own_name: String::new(),
        tier,
        order,
        mode: if kind.staged { Mode::Audit } else { Mode::Enforce },
        selector: Spanned { value, span },
        ingress: into.then_some(ingress),
        egress: out.then_some(egress),
        isolates: !apart,
        forwarded: forward.filter(|_| !apart),
    };
    Some(Body { action, policy })
}

/// The endpoints that a policy applies to. `all()` means, beside a selector of namespaces or of service accounts, whoever has
/// some (Calico, `convertGlobalNetworkPolicyV2ToV1Value`).
fn applies_to(
    namespace: Option<&str>,
    selector: Option<Spanned<Selector>>,
    namespaces: Option<Spanned<Selector>>,
    accounts: Option<Spanned<Selector>>,
) -> Selector {
    let global = namespace.is_none();
    let (lies, runs) = (Selector::label(NAMESPACE, Test::Has), Selector::label(ACCOUNT, Test::Has));
    let own = selector.map(|selector| match (global, &namespaces, &accounts) {
        (true, Some(_), _) => selector.value.prefixed("", &lies),
        (true, None, Some(_)) => selector.value.prefixed("", &runs),
        _ => selector.value,
    });
    let accounts = accounts.map(|accounts| match global {
        true => accounts.value.prefixed(ACCOUNT_PREFIX, &runs),
        false => accounts.value.prefixed(ACCOUNT_PREFIX, &Selector::All),
    });
    let parts = [
        namespace.map(in_namespace),
        own,
        namespaces.map(|namespaces| namespaces.value.prefixed(NAMESPACE_PREFIX, &lies)),
        accounts,
    ];
    parts.into_iter().flatten().reduce(Selector::and).unwrap_or(Selector::All)
}

/// Whether the policy is judged apart from the others, which Bookend cannot say.
fn apart(
    untracked: Option<Span>,
    before_nat: Option<Span>,
    forward: Option<Span>,
    egress: Option<Span>,
    report: &mut Report,
) -> Option<bool> {
    let Some(span) = untracked.or(before_nat) else { return Some(false) };
    if forward.is_none() || untracked.is_some() && before_nat.is_some() {
        let cure = "write one of them, with `applyOnForward: true`";
        report.add(
            Code::Conflict,
            span,
            "`preDNAT` and `doNotTrack` need `applyOnForward`, and exclude each other",
            cure,
        );
        return None;
    }
    if let (Some(_), Some(egress)) = (before_nat, egress) {
        let message = "a policy before address translation has no rules for egress";
        report.add(Code::Conflict, egress, message, "remove them, or `preDNAT`");
        return None;
    }
    let message = match untracked {
        Some(_) => {
            "every packet is tracked, and a policy that judges packets without their connection cannot be said"
        }
        None => "nothing is judged before addresses are translated",
    };
    let cure =
        "write an ordinary policy; with `--best-effort` only its rules that deny are read, for every port";
    report.add(Code::InexactCalico, span, message, cure);
    Some(true)
}

/// Whether rules are written; a list without any is as good as none.
fn says_rules(spec: &Fields<'_>, field: &str) -> bool {
    spec.peek(field).is_some_and(|node| matches!(&node.value, Value::Sequence(items) if !items.is_empty()))
}

/// Says that rules are never tried, because the policy is not of their type.
fn warn_of_idle(field: &str, kind: &str, applies: bool, rules: &[CalicoRule], report: &mut Report) {
    if let (false, Some(rule)) = (applies, rules.first()) {
        let message = format!("`types` does not name `{kind}`, so the rules in `{field}` are never tried");
        report.add(
            Code::IdleCalico,
            rule.span,
            message,
            format!("add `{kind}` to `types`, or remove the rules"),
        );
    }
}

fn tier(spec: &mut Fields<'_>, place: Span, report: &mut Report) -> Option<Spanned<String>> {
    match present(spec, "tier") {
        None => Some(Spanned { value: super::tier::DEFAULT.to_owned(), span: place }),
        Some(node) if matches!(&node.value, Value::Scalar(text) if text.kind() == "string" && text.text.is_empty()) => {
            Some(Spanned { value: super::tier::DEFAULT.to_owned(), span: node.span })
        }
        Some(node) => {
            let name = name::name(node, "tier", 253, report)?;
            if super::tier::is_for_others(&name.value) {
                let message =
                    format!("Calico keeps the tier `{}` for the policies of Kubernetes", name.value);
                report.add(Code::ReservedTier, name.span, message, "name another tier, or leave it out");
                return None;
            }
            Some(name)
        }
    }
}

/// `order`, if there is one.
pub(super) fn order(spec: &mut Fields<'_>, report: &mut Report) -> Option<Order> {
    let Some(node) = present(spec, "order") else { return Some(Order(None)) };
    let number = match &node.value {
        Value::Scalar(scalar) if scalar.kind() == "number" => scalar.text.parse::<f64>().ok(),
        _ => None,
    };
    match number.filter(|number| number.is_finite()) {
        Some(number) => Some(Order(Some(number))),
        None => {
            wrong_type(node, "order", "a number", report);
            None
        }
    }
}

/// Whether a policy is for ingress, and for egress, if `types` says so.
fn types(spec: &mut Fields<'_>, report: &mut Report) -> Option<Option<(bool, bool)>> {
    let named = field::list(spec, "types", report, |node, report| {
        word(node, "types", &[("Ingress", true), ("Egress", false)], report)
    })?;
    Some((!named.is_empty()).then(|| (named.contains(&true), named.contains(&false))))
}

fn staged_action(spec: &mut Fields<'_>, report: &mut Report) -> Option<Staged> {
    let Some(node) = present(spec, "stagedAction") else { return Some(Staged::Set) };
    // What is learnt is not proposed yet.
    let words = [
        ("Set", Staged::Set),
        ("Delete", Staged::Delete(node.span)),
        ("Learn", Staged::Nothing),
        ("Ignore", Staged::Nothing),
    ];
    word(node, "stagedAction", &words, report)
}

fn inexact_removal(span: Span, report: &mut Report) {
    let message = "what would be without a policy that is enforced cannot be rehearsed";
    let cure = "ask `bookend diff` with the policies as they would be; with `--best-effort` the document is left out";
    report.add(Code::InexactCalico, span, message, cure);
}

/// A StagedKubernetesNetworkPolicy: what a NetworkPolicy of Kubernetes says, and does not do yet.
pub(super) fn staged_kubernetes(fields: Fields<'_>, report: &mut Report) -> Option<Document> {
    let action = match fields.peek("spec") {
        Some(node) if field::is_mapping(node) => {
            let mut spec = Fields::of(node, "policy's spec", report)?;
            staged_action(&mut spec, report)
        }
        _ => Some(Staged::Set),
    };
    let read = kubernetes::network_policy_with(fields, &["stagedAction"], report);
    let (action, mut policy) = (action?, read?);
    policy.name.value = format!("{STAGED_KUBERNETES}{}", policy.name.value);
    policy.isolate.iter_mut().for_each(|isolate| isolate.mode = Mode::Audit);
    policy.rules.iter_mut().for_each(|rule| rule.mode = Mode::Audit);
    settle(action, Document::Policy(policy), report)
}

/// What stands before the name of the policy of Kubernetes that is staged.
const STAGED_KUBERNETES: &str = "stagedkubernetes";

/// The document, if anything is staged by it that can be rehearsed.
fn settle(action: Staged, document: Document, report: &mut Report) -> Option<Document> {
    match action {
        Staged::Set => Some(document),
        Staged::Nothing => None,
        Staged::Delete(span) => {
            inexact_removal(span, report);
            None
        }
    }
}

/// Says that policies of Kubernetes are staged in the place of others that are enforced, which a rehearsal cannot leave out.
pub(crate) fn refuse_replacements<'p>(
    policies: impl Iterator<Item = (Option<&'p str>, &'p str, Span)> + Clone,
    report: &mut Report,
) {
    let mut staged = policies.clone().filter(|(_, name, _)| name.starts_with(STAGED_KUBERNETES)).peekable();
    if staged.peek().is_none() {
        return;
    }
    let names: BTreeSet<(Option<&str>, &str)> =
        policies.map(|(namespace, name, _)| (namespace, name)).collect();
    for (namespace, name, span) in staged {
        let Some(enforced) = name.strip_prefix(STAGED_KUBERNETES) else { continue };
        if names.contains(&(namespace, enforced)) {
            let message =
                "the policy would take the place of one that is enforced, which a rehearsal cannot leave out";
            let cure = "ask `bookend diff` with the policies as they would be; with `--best-effort` both are rehearsed";
            report.add(Code::InexactCalico, span, message, cure);
        }
    }
}
