//! What each part of the language becomes in the tables, one test for each.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod shop;

use bookend_abi::table::capacity;
use bookend_engine::{Action, Clause, HttpMatch, Program, Rule};
use bookend_plan::{Plan, PlanError, Step};
use shop::{app, check, cidr, inventory, inventory_of, isolated, lines, one, rule, tcp, workloads};
use std::collections::BTreeMap;

#[test]
fn without_rules_everything_is_allowed_by_default() {
    check(&Program::default(), "egress", &["else allow default-allow"]);
}

#[test]
fn isolation_denies_by_default() {
    check(&isolated(vec![]), "ingress", &["else deny a/p/isolate[0]"]);
}

#[test]
fn an_allowed_peer_is_one_entry() {
    let rule = Rule { to: one(app("a", "db")), ports: tcp(5432, 5432), ..rule(Action::Allow, "db") };
    check(&isolated(vec![rule]), "egress", &["else deny a/p/isolate[0]", "a/db@0 TCP 5432 allow a/p/db"]);
}

#[test]
fn a_rule_for_others_leaves_no_trace() {
    let rule = Rule { from: one(app("a", "db")), ..rule(Action::Allow, "db") };
    check(&isolated(vec![rule]), "egress", &["else deny a/p/isolate[0]"]);
}

#[test]
fn a_rule_of_another_namespace_leaves_no_trace() {
    let foreign = Rule { namespace: Some("b".to_owned()), ..rule(Action::Deny, "foreign") };
    check(&isolated(vec![foreign]), "egress", &["else deny a/p/isolate[0]"]);
}

#[test]
fn a_range_of_ports_is_powers_of_two() {
    let rule = Rule { to: one(app("a", "db")), ports: tcp(1024, 3071), ..rule(Action::Allow, "db") };
    check(
        &isolated(vec![rule]),
        "egress",
        &[
            "else deny a/p/isolate[0]",
            "a/db@0 TCP 1024-2047 allow a/p/db",
            "a/db@0 TCP 2048-3071 allow a/p/db",
        ],
    );
}

#[test]
fn every_protocol_is_one_entry_each() {
    let rule = Rule { to: one(app("a", "db")), ..rule(Action::Allow, "db") };
    check(
        &isolated(vec![rule]),
        "egress",
        &[
            "else deny a/p/isolate[0]",
            "a/db@0 ICMP allow a/p/db",
            "a/db@0 ICMPv6 allow a/p/db",
            "a/db@0 SCTP any allow a/p/db",
            "a/db@0 TCP any allow a/p/db",
            "a/db@0 UDP any allow a/p/db",
            "a/db@0 other allow a/p/db",
        ],
    );
}

#[test]
fn an_exception_is_a_block_of_its_own() {
    let peer = cidr("203.0.113.0/24", &["203.0.113.9/32"]);
    let rule = Rule { to: one(peer), ports: tcp(443, 443), ..rule(Action::Allow, "books") };
    check(
        &isolated(vec![rule]),
        "egress",
        &[
            "else deny a/p/isolate[0]",
            "203.0.113.0/24 is 1",
            "203.0.113.9/32 is 0",
            "outside@1 TCP 443 allow a/p/books",
        ],
    );
}

#[test]
fn blocks_that_no_rule_tells_apart_share_a_class() {
    let peers = vec![cidr("10.0.0.0/8", &[]), cidr("192.168.0.0/16", &[]), cidr("10.9.0.0/16", &[])];
    let rule =
        Rule { to: Clause::one_of(peers).unwrap(), ports: tcp(443, 443), ..rule(Action::Allow, "private") };
    check(
        &isolated(vec![rule]),
        "egress",
        &[
            "else deny a/p/isolate[0]",
            "10.0.0.0/8 is 1",
            "192.168.0.0/16 is 1",
            "a/api@1 TCP 443 allow a/p/private",
            "a/db@1 TCP 443 allow a/p/private",
            "a/web@1 TCP 443 allow a/p/private",
            "b/far@1 TCP 443 allow a/p/private",
            "outside@1 TCP 443 allow a/p/private",
        ],
    );
}

#[test]
fn all_of_ipv6_does_not_mean_ipv4() {
    let rule = Rule { to: one(cidr("::/0", &[])), ports: tcp(443, 443), ..rule(Action::Allow, "six") };
    check(
        &isolated(vec![rule]),
        "egress",
        &[
            "else deny a/p/isolate[0]",
            "0.0.0.0/0 is 0",
            "::/0 is 1",
            "a/db@1 TCP 443 allow a/p/six",
            "a/web@1 TCP 443 allow a/p/six",
            "outside@1 TCP 443 allow a/p/six",
        ],
    );
}

#[test]
fn a_rule_on_the_own_ipv4_address_does_not_concern_ipv6_peers() {
    let rule = Rule { from: one(cidr("10.0.0.0/24", &[])), ports: tcp(80, 80), ..rule(Action::Deny, "four") };
    let plan = Plan::build(&Program::new(vec![rule], vec![]), &inventory(), &[]).unwrap();
    let lines = lines(&plan, "egress");
    assert_eq!(lines[..3], ["else allow default-allow", "0.0.0.0/0 is 0", "::/0 is 1"]);
    assert!(lines.contains(&"outside@0 TCP 80 deny a/p/four".to_owned()));
    assert!(!lines.iter().any(|line| line.contains("@1")), "{lines:?}");
}

#[test]
fn conditions_on_requests_allow_connections_only_where_a_filter_sees_them() {
    let get = HttpMatch { methods: one("GET".to_owned()), ..HttpMatch::default() };
    let peers = Clause::one_of(vec![app("a", "api"), app("a", "db")]).unwrap();
    let rule = Rule { to: peers, http: one(get), ..rule(Action::Allow, "get") };
    check(&isolated(vec![rule]), "egress", &["else deny a/p/isolate[0]", "a/api@0 TCP any allow a/p/get"]);
}

#[test]
fn workloads_that_are_treated_alike_share_a_policy() {
    let mut workloads = workloads();
    workloads[1].instances[0].interface = Some("veth1".to_owned());
    let plan = Plan::build(&isolated(vec![]), &inventory_of(workloads), &[]).unwrap();
    assert_eq!(plan.policies.len(), 1);
    assert_eq!(plan.sizes().interfaces, 2);
}

#[test]
fn a_policy_is_named_by_what_is_in_it() {
    let rule = |port| Rule { to: one(app("a", "db")), ports: tcp(port, port), ..rule(Action::Allow, "db") };
    let plan = |port| Plan::build(&isolated(vec![rule(port)]), &inventory(), &[]).unwrap();
    assert_eq!(plan(80), plan(80));
    assert_ne!(plan(80).interfaces[0].egress, plan(81).interfaces[0].egress);
    assert_eq!(plan(80).interfaces[0].ingress, plan(81).interfaces[0].ingress);
}

#[test]
fn a_retained_identity_is_known_at_any_address() {
    let rule = Rule { to: one(app("a", "gone")), ports: tcp(80, 80), ..rule(Action::Allow, "gone") };
    let mut gone = workloads()[1].identity.clone();
    gone.labels.insert("app".to_owned(), "gone".to_owned());
    let plan = Plan::build(&isolated(vec![rule]), &inventory(), &[gone]).unwrap();
    assert_eq!(
        lines(&plan, "egress"),
        ["else deny a/p/isolate[0]", "the service account a/default@0 TCP 80 allow a/p/gone"]
    );
}

#[test]
fn an_address_of_two_workloads_is_refused() {
    let mut workloads = workloads();
    workloads[1].instances[0].addresses.push("::ffff:10.0.0.1".parse().unwrap());
    let error = Plan::build(&Program::default(), &inventory_of(workloads), &[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the address 10.0.0.1 belongs to both `a/web` and `a/db`; an address must belong to one instance of one \
         workload, so remove it from one of them in the inventory"
    );
}

#[test]
fn an_interface_of_two_workloads_is_refused() {
    let mut workloads = workloads();
    workloads[1].instances[0].interface = Some("veth0".to_owned());
    let error = Plan::build(&Program::default(), &inventory_of(workloads), &[]).unwrap_err();
    assert!(matches!(error, PlanError::SharedInterface { .. }), "{error}");
}

#[test]
fn an_address_that_names_no_host_is_refused() {
    for address in ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255"] {
        let mut workloads = workloads();
        workloads[1].instances[0].addresses.push(address.parse().unwrap());
        let error = Plan::build(&Program::default(), &inventory_of(workloads), &[]).unwrap_err();
        assert!(matches!(error, PlanError::ImpossibleAddress { .. }), "{address}: {error}");
    }
}

#[test]
fn two_own_addresses_that_a_rule_tells_apart_are_refused() {
    let mut workloads = workloads();
    workloads[0].instances[0].addresses.push("10.9.0.1".parse().unwrap());
    let inventory = inventory_of(workloads);
    let rule = Rule { from: one(cidr("10.0.0.0/24", &[])), ..rule(Action::Deny, "four") };
    let error = Plan::build(&Program::new(vec![rule.clone()], vec![]), &inventory, &[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the rule `a/p/four` speaks of the address 10.0.0.1 of `a/web` but not of its address 10.9.0.1, and both are \
         behind the interface `veth0`, which can have one policy only; select the workload by its labels, or let the \
         rule's CIDR hold both addresses or neither"
    );
    // A rule that tells them apart without governing them does not matter.
    let foreign = Rule { namespace: Some("b".to_owned()), ..rule };
    assert!(Plan::build(&Program::new(vec![foreign], vec![]), &inventory, &[]).is_ok());
}

#[test]
fn a_plan_that_does_not_fit_is_refused_before_anything_is_written() {
    let mut plan = Plan::build(&Program::default(), &inventory(), &[]).unwrap();
    plan.check_capacity(&Plan::default()).unwrap();
    let address = |number: u32| bookend_abi::address::mapped(number.to_be_bytes());
    let identities: BTreeMap<_, _> = (0..=capacity::IDENTITIES).map(|number| (address(number), 1)).collect();
    plan.identities = identities.into();
    let error = plan.check_capacity(&Plan::default()).unwrap_err().to_string();
    assert!(error.starts_with("the plan needs 262145 entries in the kernel table `identities`"), "{error}");
}

#[test]
fn during_a_change_old_and_new_policies_count() {
    let old = Plan::build(&Program::default(), &inventory(), &[]).unwrap();
    let new = Plan::build(&isolated(vec![]), &inventory(), &[]).unwrap();
    assert_eq!(new.sizes().policies, 1);
    assert_eq!(new.sizes_replacing(&old).policies, 2);
    assert_eq!(new.sizes_replacing(&new), new.sizes());
}

#[test]
fn nothing_changes_from_a_plan_to_itself() {
    let plan = Plan::build(&isolated(vec![]), &inventory(), &[]).unwrap();
    assert_eq!(plan.change_from(&plan).steps, []);
}

#[test]
fn the_steps_of_a_change_are_in_the_safe_order() {
    let old = Plan::build(&Program::default(), &inventory(), &[]).unwrap();
    let mut workloads = workloads();
    // One workload goes, another moves, the own one gets an address.
    workloads.remove(3);
    workloads[1].instances[0].addresses[0] = "10.0.0.9".parse().unwrap();
    workloads[0].instances[0].addresses.push("10.0.0.8".parse().unwrap());
    let new = Plan::build(&isolated(vec![]), &inventory_of(workloads), &[]).unwrap();
    let kinds: Vec<_> = new
        .change_from(&old)
        .steps
        .iter()
        .map(|step| match step {
            Step::WriteLimit(_) => "write limit",
            Step::WritePolicy(_) => "write policy",
            Step::RemoveInterface(_) => "remove interface",
            Step::DisownAddress { .. } => "disown",
            Step::RemoveIdentity(_) => "forget",
            Step::SwitchInterface { .. } => "switch",
            Step::WriteIdentity { .. } => "identify",
            Step::OwnAddress { .. } => "own",
            Step::RemovePolicy(_) => "remove policy",
            Step::RemoveLimit(_) => "remove limit",
        })
        .collect();
    assert_eq!(
        kinds,
        ["write policy", "forget", "forget", "switch", "identify", "identify", "own", "remove policy"]
    );
}
