//! `bookend explain` over everything that policies can say.

use crate::{data, run};

fn explain(arguments: &[&str]) -> String {
    run(&data(""), &[&["explain", "-f", "model"], arguments].concat()).transcript()
}

macro_rules! explained {
    ($($name:ident: $arguments:expr;)*) => {
        $(#[test] fn $name() { insta::assert_snapshot!(explain(&$arguments)); })*
    };
}

/// Somebody of the partners, with a token.
const PARTNER: [&str; 6] =
    ["--from", "network:partners", "--principal", "spiffe://partner.example/a", "--to", "web:http"];

fn order(arguments: &[&str]) -> String {
    explain(&[&PARTNER, arguments].concat())
}

explained! {
    instances_that_a_rule_tells_apart_are_explained_apart: ["--from", "web", "--to", "db:9999"];
    a_rule_in_audit_mode_is_told_beside_the_verdict: ["--from", "web", "--to", "db:sql"];
    a_pass_rule_leaves_its_tier: ["--from", "scraper", "--to", "db:metrics"];
    a_tier_is_named_where_it_is_not_the_usual_one: ["--from", "198.51.100.1", "--to", "db:sql"];
    a_namespace_is_everybody_in_it: ["--from", "namespace:shop", "--to", "db", "--port", "5432", "--packet"];
    a_network_is_somebody_in_it: ["--from", "network:partners", "--to", "web:http", "--path", "/orders/7"];
    an_unknown_network_gets_a_suggestion: ["--from", "network:partner", "--to", "web:http"];
    an_icmp_message_has_a_type: ["--from", "192.0.2.1", "--to", "shop/web", "--icmp", "17"];
    icmp_over_ipv6_is_asked_for_by_name: ["--from", "scraper", "--to", "shop/db", "--protocol", "icmpv6"];
    sctp_has_ports_too: ["--from", "10.1.0.1", "--to", "db:7000", "--protocol", "sctp"];
    a_port_is_named_by_who_has_it: ["--from", "web", "--to", "db:sqll"];
    a_port_is_written_once: ["--from", "web", "--to", "db:sql", "--port", "5432"];
    programs_get_tiers_audits_and_addresses: ["--from", "10.1.0.2", "--to", "db:sql", "-o", "json"];
}

#[test]
fn every_condition_that_was_missed_is_named() {
    insta::assert_snapshot!(order(&[
        "--path",
        "/orders/ann",
        "--host",
        "shop.example",
        "-H",
        "x-tenant: other"
    ]));
}

#[test]
fn a_token_is_given_by_its_claims() {
    let claims = r#"{"iss": "https://issuer.example", "sub": "bob", "realm": {"roles": ["buyer"]}}"#;
    insta::assert_snapshot!(order(&[
        "--path",
        "/orders/ann",
        "--host",
        "shop.example",
        "-H",
        "x-tenant: acme-1",
        "--claims",
        claims,
    ]));
}

#[test]
fn claims_that_are_no_object_are_wrong_usage() {
    let transcript = order(&["--method", "POST", "--path", "/", "--claims", "7"]);
    assert!(transcript.starts_with("exit code: 2"), "{transcript}");
    assert!(transcript.contains("write a JSON object"), "{transcript}");
}
