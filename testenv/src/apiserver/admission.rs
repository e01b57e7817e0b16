//! ValidatingAdmissionPolicies, as far as their expressions are known here.
//!
//! This server evaluates no CEL. It knows the expressions that Bookend renders, by their text, and what they mean by the functions
//! below; a policy with any other expression refuses what it is asked about, as a real server does with one that fails.
//!
//! Source: `k8s.io/apiserver/pkg/admission/plugin/policy/validating`. Not evaluated: selectors, `paramKind`, `variables`,
//! `auditAnnotations`, `messageExpression`, and policies about deletion.

use bookend_objects::install::{OWN_NODE, by_enforcer};
use serde_json::Value;

use super::access::User;
use super::refusal::{Outcome, Refusal};
use super::store::Store;
use super::write::Order;

const POLICIES: &str = "validatingadmissionpolicies.admissionregistration.k8s.io";
const BINDINGS: &str = "validatingadmissionpolicybindings.admissionregistration.k8s.io";

/// Whether all policies that are bound to deny take an object that takes the place of `live`.
pub(crate) fn admit(store: &Store, order: Order<'_>, live: Option<&Value>, object: &Value) -> Outcome<()> {
    let operation = if live.is_some() { "UPDATE" } else { "CREATE" };
    for binding in store.all(BINDINGS) {
        let name = text(&binding, "/spec/policyName");
        let denies = texts(binding.pointer("/spec/validationActions")).any(|action| action == "Deny");
        // A binding of a policy that is not there yet does nothing.
        let Some(policy) = store.get(POLICIES, "", name).filter(|_| denies) else { continue };
        if !concerns(&policy, order, operation) {
            continue;
        }
        let refuse = |why: &str| {
            let binding = text(&binding, "/metadata/name");
            let why =
                format!("ValidatingAdmissionPolicy '{name}' with binding '{binding}' denied request: {why}");
            Err(Refusal::forbidden(order.kind, order.name, &why))
        };
        let ask = |condition: &Value| evaluate(text(condition, "/expression"), order.who, object);
        let mut asked = true;
        for condition in list(policy.pointer("/spec/matchConditions")) {
            match ask(condition) {
                Ok(met) => asked &= met,
                Err(why) => return refuse(&why),
            }
        }
        for validation in list(policy.pointer("/spec/validations")).filter(|_| asked) {
            match ask(validation) {
                Ok(true) => {}
                Ok(false) => return refuse(text(validation, "/message")),
                Err(why) => return refuse(&why),
            }
        }
    }
    Ok(())
}

/// Whether a policy is about such a request.
fn concerns(policy: &Value, order: Order<'_>, operation: &str) -> bool {
    let resource = match order.subresource {
        "" => order.kind.plural.clone(),
        subresource => format!("{}/{subresource}", order.kind.plural),
    };
    list(policy.pointer("/spec/matchConstraints/resourceRules")).any(|rule| {
        let names = |key: &str, wanted: &str| texts(rule.get(key)).any(|name| name == "*" || name == wanted);
        names("apiGroups", &order.kind.group)
            && names("apiVersions", &order.version.name)
            && names("operations", operation)
            && names("resources", &resource)
    })
}

/// What an expression comes to.
///
/// # Errors
/// If it is none that is known here.
fn evaluate(expression: &str, who: &User, object: &Value) -> Result<bool, String> {
    if expression == OWN_NODE {
        let name = text(object, "/metadata/name");
        return Ok(who.node.as_deref().is_none_or(|node| node == name));
    }
    let namespace = who.name.split(':').nth(2).unwrap_or_default();
    if expression == by_enforcer(namespace) {
        return Ok(who.name == format!("system:serviceaccount:{namespace}:bookend-enforcer"));
    }
    // The account of another installation's enforcers.
    let (start, end) = ("request.userInfo.username == 'system:serviceaccount:", ":bookend-enforcer'");
    match expression.strip_prefix(start).and_then(|rest| rest.strip_suffix(end)) {
        Some(namespace) if expression == by_enforcer(namespace) => Ok(false),
        _ => Err(format!(
            "expression '{expression}' resulted in error: this server evaluates no such expression"
        )),
    }
}

fn text<'v>(value: &'v Value, path: &str) -> &'v str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    list(value).filter_map(Value::as_str)
}
