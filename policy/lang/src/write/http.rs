//! Conditions on requests to trees.

use super::{
    peer::{Entries, clause, list, push},
    tree::Tree,
};
use bookend_engine::{Block, ClaimMatch, Clause, HttpMatch, TextMatch, TextPattern, TokenMatch, ValueMatch};

/// An element of `http`, or of the `not` of one.
pub(super) fn condition(http: &HttpMatch) -> Tree {
    let HttpMatch { methods, hosts, clients, paths, headers, query, grpc, jwt, when, not } = http;
    let mut entries = Entries::new();
    push(&mut entries, "methods", clause(methods, |method| Tree::text(method)));
    push(&mut entries, "hosts", clause(hosts, |host| Tree::text(host.as_str())));
    // They have no exceptions.
    let client =
        |block: &Block| Tree::text(block.nets().next().map(|net| net.to_string()).unwrap_or_default());
    push(&mut entries, "clientCidrs", clause(clients, client));
    push(&mut entries, "paths", clause(paths, |path| Tree::text(path.as_str())));
    push(
        &mut entries,
        "headers",
        list(headers.iter().map(|header| named("name", Tree::text(header.name()), header.value()))),
    );
    push(
        &mut entries,
        "query",
        list(query.iter().map(|query| named("name", Tree::text(query.name()), query.value()))),
    );
    push(
        &mut entries,
        "grpc",
        clause(grpc, |grpc| {
            let mut entries = Entries::new();
            push(&mut entries, "service", Some(Tree::text(grpc.service())));
            push(&mut entries, "method", grpc.method().map(Tree::text));
            Tree::Map(entries)
        }),
    );
    push(&mut entries, "jwt", clause(jwt, token));
    push(&mut entries, "when", when.as_ref().map(|when| Tree::text(when.as_str())));
    push(&mut entries, "not", list(not.iter().map(condition)));
    Tree::Map(entries)
}

/// What is asked of something that has a name.
fn named(key: &str, name: Tree, value: &ValueMatch) -> Tree {
    let mut entries = Entries::new();
    push(&mut entries, key, Some(name));
    match value {
        ValueMatch::Present(present) => push(&mut entries, "present", Some(Tree::Plain(present.to_string()))),
        ValueMatch::Text(texts) => entries.extend(comparisons(texts)),
    }
    Tree::Map(entries)
}

/// `exact`, `prefix`, `suffix` and `regex`, each one text or a list.
fn comparisons(texts: &TextMatch) -> Entries {
    let mut entries = Entries::new();
    for kind in ["exact", "prefix", "suffix", "regex"] {
        let of_kind = texts.patterns().iter().filter(|pattern| pattern.kind() == kind);
        push(&mut entries, kind, one_or_list(of_kind.map(|pattern| Tree::text(pattern.as_str()))));
    }
    entries
}

fn one_or_list(items: impl IntoIterator<Item = Tree>) -> Option<Tree> {
    match list(items) {
        Some(Tree::List(mut items)) if items.len() == 1 => items.pop(),
        other => other,
    }
}

fn one_or_clause(clause: &Clause<String>) -> Option<Tree> {
    one_or_list(clause.alternatives()?.iter().map(Tree::text))
}

fn token(token: &TokenMatch) -> Tree {
    let TokenMatch { issuer, subject, audiences, claims } = token;
    let mut entries = Entries::new();
    push(&mut entries, "issuer", one_or_clause(issuer));
    push(&mut entries, "subject", subject.as_ref().and_then(subjects));
    push(&mut entries, "audiences", clause(audiences, |audience| Tree::text(audience)));
    push(&mut entries, "claims", list(claims.iter().map(claim)));
    Tree::Map(entries)
}

/// Whole subjects as they are, others as comparisons.
fn subjects(texts: &TextMatch) -> Option<Tree> {
    // What is written without `exact` has to be what a token can say.
    let whole = |pattern: &TextPattern| matches!(pattern, TextPattern::Exact(text) if !text.is_empty() && text.trim() == text && text != "*");
    if texts.patterns().iter().all(whole) {
        return one_or_list(texts.patterns().iter().map(|pattern| Tree::text(pattern.as_str())));
    }
    Some(Tree::Map(comparisons(texts)))
}

fn claim(claim: &ClaimMatch) -> Tree {
    let name = match claim.claim() {
        [only] => Tree::text(only),
        // On the way to a claim a key may come twice.
        keys => Tree::List(keys.iter().map(Tree::text).collect()),
    };
    named("claim", name, claim.value())
}
