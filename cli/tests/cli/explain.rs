//! `bookend explain`

use crate::{data, root, run};

fn explain(arguments: &[&str]) -> String {
    run(&root(), &[&["explain", "-f", "examples/bookinfo"], arguments].concat()).transcript()
}

macro_rules! explained {
    ($($name:ident: $arguments:expr;)*) => {
        $(#[test] fn $name() { insta::assert_snapshot!(explain(&$arguments)); })*
    };
}

explained! {
    a_service_stands_for_all_workloads_behind_it: [
        "--from", "reviews", "--to", "ratings", "--path", "/ratings/7",
    ];
    a_wrong_method_is_denied_by_the_proxy_alone: [
        "--from", "reviews-v2", "--to", "ratings", "--method", "POST", "--path", "/ratings/7",
    ];
    programs_get_the_same_answer: [
        "--from", "reviews-v2", "--to", "ratings", "--method", "POST", "--path", "/ratings/7", "-o", "json",
    ];
    a_stranger_is_denied_before_the_first_packet_leaves: ["--from", "details", "--to", "ratings"];
    a_stream_never_meets_http_conditions: ["--from", "productpage", "--to", "app=reviews,version=v1"];
    only_the_source_end_is_judged_toward_the_outside: [
        "--from", "details", "--to", "203.0.113.7", "--port", "443",
    ];
    an_exception_is_not_in_its_block: ["--from", "details", "--to", "203.0.113.9", "--port", "443"];
    a_deny_rule_is_named: ["--from", "10.244.0.16", "--to", "169.254.169.254", "--port", "80"];
    icmp_passes_no_proxy: ["--from", "app=intruder", "--to", "default/ratings-v1", "--protocol", "icmp"];
    a_path_that_servers_read_differently_matches_no_allow_rule: [
        "--from", "istio-ingressgateway", "--to", "productpage", "--path", "/static/%2e%2e/productpage",
    ];
    the_outside_reaches_nobody: ["--from", "198.51.100.1", "--to", "productpage", "--path", "/productpage"];
    ipv6_is_judged_like_ipv4: [
        "--from", "fd00:10:244::14", "--to", "ratings", "--path", "/ratings/7",
    ];
    a_misspelt_name_gets_a_suggestion: ["--from", "reviws", "--to", "ratings"];
    strangers_among_themselves_are_nobodys_business: [
        "--from", "192.0.2.1", "--to", "192.0.2.2", "--port", "80",
    ];
    a_port_that_cannot_be_told_is_asked_for: ["--from", "ratings", "--to", "192.0.2.33"];
    icmp_has_no_port: ["--from", "ratings", "--to", "details", "--protocol", "icmp", "--port", "7"];
    http_is_not_udp: ["--from", "ratings", "--to", "details", "--protocol", "udp", "--path", "/"];
}

#[test]
fn a_refusal_tells_what_the_peer_is_answered() {
    let asked = |policy: &str, path: &str, more: &[&str]| {
        let files =
            ["explain", "-f", policy, "-i", "world.yaml", "--from", "web", "--to", "shop", "--port", "80"];
        let run = run(&data("answered"), &[&files[..], &["--path", path], more].concat());
        assert_eq!(run.code, Some(3), "{}", run.transcript());
        run.out
    };
    let line =
        |text: String| text.lines().find(|line| line.starts_with("The peer")).unwrap_or_default().to_owned();
    assert_eq!(line(asked("old", "/old/a", &[])), "The peer is answered 410 `gone for good`");
    assert_eq!(
        line(asked("new", "/old/a", &[])),
        "The peer is answered 308 without a body with `location: /new`"
    );
    assert_eq!(
        line(asked("new", "/private/a", &[])),
        "The peer is answered 403 `denied by policy: default/shop/nobody-from-web`"
    );
    assert_eq!(line(asked("old", "/", &["--method", "PUT"])), "The peer is answered 403 `denied by policy`");
    let grpc = ["--method", "PUT", "-H", "content-type: application/grpc"];
    assert_eq!(line(asked("old", "/", &grpc)), "The peer is answered gRPC status 7 `denied by policy`");
    let json: serde_json::Value = serde_json::from_str(&asked("new", "/old/a", &["-o", "json"])).unwrap();
    let answer = json.pointer("/0/points/2/answer").unwrap();
    assert_eq!(*answer, serde_json::json!({ "status": 308, "body": "", "headers": { "location": "/new" } }));
}

#[test]
fn a_manifest_alone_is_explained_with_a_note_about_what_it_lacks() {
    let arguments = [
        "explain",
        "-f",
        "examples/bookinfo/policy.yaml",
        "-i",
        "examples/bookinfo/bookinfo.yaml",
        "--from",
        "reviews",
        "--to",
        "ratings",
    ];
    insta::assert_snapshot!(run(&root(), &arguments).transcript());
}
