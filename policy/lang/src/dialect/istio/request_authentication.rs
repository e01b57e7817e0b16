//! `kind: RequestAuthentication`: whose tokens the proxies of some workloads verify.

use super::{
    target,
    values::{bad, field, values},
};
use crate::{
    Code,
    decode::{
        fields::{Fields, boolean, list, string, text},
        name,
    },
    diagnostic::Report,
    document::{RequestAuthenticationDocument, Spanned},
    limit,
    yaml::Node,
};

/// Reads a document. What changes neither which tokens are verified nor what is known of them is read and not used.
pub(super) fn request_authentication(
    mut fields: Fields<'_>,
    report: &mut Report,
) -> Option<RequestAuthenticationDocument> {
    let metadata = name::metadata(&mut fields, report).and_then(|metadata| {
        name::described(metadata.labels, metadata.annotations, report)?;
        Some(metadata)
    });
    let spec = field(&mut fields, "spec");
    fields.get("status");
    let place = fields.place();
    fields.finish(report);
    let (targets, rules) = match spec {
        None => (Some(target::everything(place)), Some(Vec::new())),
        Some(node) => {
            let mut spec = Fields::of(node, "policy's spec", report)?;
            let targets = target::targets(&mut spec, report);
            let rules = field(&mut spec, "jwtRules").map_or(Some(Vec::new()), |node| {
                let read: Vec<_> =
                    list(node, "jwtRules", report)?.iter().map(|node| rule(node, report)).collect();
                read.into_iter().collect()
            });
            let unknown = spec.has_unknown();
            spec.finish(report);
            (targets.filter(|_| !unknown), rules)
        }
    };
    let (metadata, targets, rules) = (metadata?, targets?, rules?);
    if rules.is_empty() {
        let message = "without `jwtRules` no token is verified";
        report.add(
            Code::IstioNeverMatches,
            metadata.name.span,
            message,
            "add `jwtRules`, or remove the document",
        );
    }
    let (issuers, split): (Vec<_>, Vec<_>) = rules.into_iter().unzip();
    Some(RequestAuthenticationDocument {
        namespace: metadata.namespace,
        name: metadata.name,
        targets,
        issuers,
        split_claims: split.into_iter().flatten().collect(),
    })
}

/// An element of `jwtRules`: the issuer, and the claims that are divided at spaces.
fn rule(node: &Node, report: &mut Report) -> Option<(Spanned<String>, Vec<String>)> {
    let mut fields = Fields::of(node, "JWT rule", report)?;
    let issuer = fields.required("issuer", report).and_then(|node| text(node, "issuer", limit::TEXT, report));
    let split = values(fields.get("spaceDelimitedClaims"), "spaceDelimitedClaims", report);
    let keys = [field(&mut fields, "jwksUri"), field(&mut fields, "jwks_uri"), field(&mut fields, "jwks")];
    let mut sound = true;
    for node in keys.iter().flatten() {
        sound &= string(node, "jwks", report).is_some();
    }
    if let [Some(first), Some(second), _] | [Some(first), _, Some(second)] | [_, Some(first), Some(second)] =
        keys
    {
        let message = "the rule says twice where the keys are";
        report.add_related(
            Code::Conflict,
            second.span,
            message,
            "keep one of them",
            (first.span, "said first here"),
        );
        sound = false;
    }
    for name in ["audiences", "fromParams", "fromCookies"] {
        sound &= values(fields.get(name), name, report).is_some();
    }
    for name in ["outputPayloadToHeader", "timeout"] {
        sound &= field(&mut fields, name).is_none_or(|node| string(node, name, report).is_some());
    }
    sound &= field(&mut fields, "forwardOriginalToken")
        .is_none_or(|node| boolean(node, "forwardOriginalToken", report).is_some());
    sound &= pairs(&mut fields, "fromHeaders", ["name", "prefix"], report);
    sound &= pairs(&mut fields, "outputClaimToHeaders", ["header", "claim"], report);
    let unknown = fields.has_unknown();
    fields.finish(report);
    let (issuer, split) = (issuer?, split?.unwrap_or_default());
    if issuer.value.contains('*') {
        bad(report, issuer.span, "an issuer is compared as it is", "write one rule for each issuer");
        return None;
    }
    (sound && !unknown).then(|| (issuer, split.into_iter().map(|claim| claim.value).collect()))
}

/// A list of mappings of two texts.
fn pairs(fields: &mut Fields<'_>, name: &'static str, inner: [&'static str; 2], report: &mut Report) -> bool {
    let Some(node) = field(fields, name) else { return true };
    let Some(items) = list(node, name, report) else { return false };
    let mut sound = true;
    for item in items {
        let Some(mut fields) = Fields::of(item, name, report) else {
            sound = false;
            continue;
        };
        for inner in inner {
            sound &= field(&mut fields, inner).is_none_or(|node| string(node, inner, report).is_some());
        }
        sound &= !fields.has_unknown();
        fields.finish(report);
    }
    sound
}
