//! Policies of other systems that mean something only in surroundings that are known.

use std::borrow::Cow;

use super::{Surroundings, calico};
use crate::{
    Span,
    diagnostic::Report,
    dialect,
    document::{Document, PolicyDocument},
};

/// The policy that a document is in these surroundings, if it is one. What is found wrong with it only there is reported.
pub(crate) fn settled<'d>(
    document: &'d Document,
    surroundings: &Surroundings,
    report: &mut Report,
) -> Option<Cow<'d, PolicyDocument>> {
    match document {
        Document::Policy(policy) => Some(Cow::Borrowed(policy)),
        Document::Authorization(authorization) => {
            dialect::istio::policy(authorization, &surroundings.mesh, report).map(Cow::Owned)
        }
        Document::Calico(policy) => calico::policy(policy, surroundings, report).map(Cow::Owned),
        Document::PeerAuthentication(authentication) => {
            Some(Cow::Owned(dialect::istio::peer_policy(authentication, &surroundings.mesh, report)))
        }
        _ => None,
    }
}

/// What tells a policy from others, whatever its surroundings: its namespace and its name, and where that is written.
pub(crate) fn policy_name(document: &Document) -> Option<(Option<&str>, Cow<'_, str>, Span)> {
    match document {
        Document::Policy(policy) => {
            let PolicyDocument { namespace, name, .. } = policy;
            Some((namespace.as_deref(), Cow::Borrowed(&name.value), name.span))
        }
        Document::Authorization(authorization) => {
            let name = &authorization.name;
            let shown = dialect::istio::authorization_name(&name.value);
            Some((Some(&authorization.namespace), Cow::Owned(shown), name.span))
        }
        Document::Calico(policy) => {
            Some((policy.namespace.as_deref(), Cow::Borrowed(&policy.name.value), policy.name.span))
        }
        Document::PeerAuthentication(authentication) => {
            let name = &authentication.name;
            let shown = dialect::istio::peer_authentication_name(&name.value);
            Some((Some(&authentication.encryption.namespace), Cow::Owned(shown), name.span))
        }
        _ => None,
    }
}
