use super::*;

fn isolating() -> Value {
    json!({ "isolate": [{ "workloads": {} }] })
}

fn allowing() -> Value {
    json!({ "isolate": [{ "workloads": {} }], "allow": [{ "name": "in", "ports": [{ "port": 80 }] }] })
}

fn of(view: &View, name: &str) -> Standing {
    view.standings().find(|standing| standing.object.name == name).unwrap()
}

fn rules(view: &mut View) -> Vec<String> {
    let compiled = view.compile(&[]).unwrap();
    let rules = compiled.program.rules().iter().map(|rule| rule.id.clone());
    rules.chain(compiled.program.isolations().iter().map(|isolation| isolation.id.clone())).collect()
}

fn generation(mut object: Value, generation: i64, spec: Value) -> Value {
    object["metadata"]["generation"] = generation.into();
    object["spec"] = spec;
    object
}

#[test]
fn a_policy_that_became_invalid_stays_as_it_was_and_others_change() {
    let mut view = empty();
    put(&mut view, policy("p", allowing()));
    put(&mut view, policy("q", isolating()));
    assert_eq!(rules(&mut view).len(), 3);
    let before = view.policies().to_owned();
    put(
        &mut view,
        generation(
            policy("p", json!({})),
            2,
            json!({ "allow": [{ "name": "in", "ports": [{ "port": 0 }] }] }),
        ),
    );
    gone(&mut view, &policy("q", isolating()));
    assert_eq!(rules(&mut view), ["shop/p/in", "shop/p/isolate[0]"]);
    let standing = of(&view, "p");
    assert_eq!((standing.generation, standing.in_force), (2, InForce::Before(1)));
    assert!(standing.complaints[0].starts_with("policy shop/p:"), "{:?}", standing.complaints);
    assert_ne!(view.policies(), before, "the other one is gone");
    put(&mut view, generation(policy("p", json!({})), 3, allowing()));
    view.compile(&[]).unwrap();
    assert!(of(&view, "p").is_accepted() && of(&view, "p").complaints.is_empty());
}

#[test]
fn a_policy_that_never_was_valid_isolates_its_namespace() {
    let mut view = empty();
    put(&mut view, policy("p", json!({ "allow": [{ "name": "Not A Name" }] })));
    put(&mut view, pod("web-5d4f-a", "web", "10.0.0.1"));
    assert_eq!(rules(&mut view), ["shop/p/isolate[0]"]);
    assert_eq!(of(&view, "p").in_force, InForce::Isolated);
    assert_eq!(at(&mut view, "10.0.0.1").as_deref(), Some("web"), "pods are followed all the same");
}

#[test]
fn what_was_good_before_a_restart_is_in_force_after_it() {
    let mut view = empty();
    put(&mut view, policy("p", allowing()));
    view.compile(&[]).unwrap();
    let good = serde_json::to_string(&view.good()).unwrap();
    let mut view = empty();
    view.restore(serde_json::from_str(&good).unwrap());
    put(&mut view, generation(policy("p", json!({})), 2, json!({ "alow": [] })));
    assert_eq!(rules(&mut view), ["shop/p/in", "shop/p/isolate[0]"]);
    // One of the same name that was created anew has no past.
    let mut view = empty();
    view.restore(serde_json::from_str(&good).unwrap());
    let mut another = generation(policy("p", json!({})), 1, json!({ "alow": [] }));
    another["metadata"]["uid"] = "another".into();
    put(&mut view, another);
    view.compile(&[]).unwrap();
    assert_eq!(of(&view, "p").in_force, InForce::Isolated);
}

#[test]
fn an_invalid_policy_for_all_namespaces_holds_all_policies_as_they_were_and_no_pods() {
    let mut view = empty();
    put(&mut view, policy("p", allowing()));
    view.compile(&[]).unwrap();
    let mut bad = json!({
        "apiVersion": "bookend.dev/v1alpha1", "kind": "ClusterPolicy", "metadata": { "name": "c", "generation": 1 },
        "spec": { "deny": [{ "name": "in", "from": [] }] },
    });
    put(&mut view, bad.clone());
    put(&mut view, generation(policy("p", json!({})), 2, isolating()));
    put(&mut view, policy("q", isolating()));
    put(&mut view, pod("web-5d4f-a", "web", "10.0.0.1"));
    assert_eq!(rules(&mut view), ["shop/p/in", "shop/p/isolate[0]", "shop/q/isolate[0]"]);
    assert_eq!(at(&mut view, "10.0.0.1").as_deref(), Some("web"));
    let standing = |view: &View, name: &str| of(view, name).in_force;
    assert_eq!(
        (standing(&view, "p"), standing(&view, "q"), standing(&view, "c")),
        (InForce::Before(1), InForce::Isolated, InForce::Nothing)
    );
    bad["spec"] = json!({ "deny": [{ "name": "in" }] });
    put(&mut view, bad);
    assert_eq!(rules(&mut view).len(), 3);
    assert!(view.standings().all(|standing| standing.is_accepted()));
}

#[test]
fn a_policy_for_all_namespaces_that_never_was_valid_where_nothing_else_was_refuses_everything() {
    let mut view = empty();
    put(
        &mut view,
        json!({
            "apiVersion": "bookend.dev/v1alpha1", "kind": "ClusterPolicy", "metadata": { "name": "c" }, "spec": { "deny": [{ "name": "in", "from": [] }] },
        }),
    );
    put(&mut view, policy("p", allowing()));
    let refusal = view.compile(&[]).unwrap_err();
    assert!(refusal.to_string().contains("clusterpolicy c:"), "{refusal}");
}

#[test]
fn of_two_that_contradict_each_other_the_later_one_is_blamed() {
    for turned in [false, true] {
        let tier = |name: &str, created: &str| {
            json!({
                "apiVersion": "bookend.dev/v1alpha1", "kind": "Tier", "spec": { "order": 7 },
                "metadata": { "name": name, "creationTimestamp": created },
            })
        };
        let mut tiers = vec![tier("z", "2026-01-01T00:00:00Z"), tier("a", "2026-02-01T00:00:00Z")];
        if turned {
            tiers.reverse();
        }
        let mut view = empty();
        put(&mut view, policy("p", allowing()));
        view.compile(&[]).unwrap();
        for tier in tiers {
            put(&mut view, tier);
        }
        view.compile(&[]).unwrap();
        assert!(!of(&view, "a").complaints.is_empty() && of(&view, "z").complaints.is_empty());
    }
}

#[test]
fn the_revision_is_of_what_policies_say_and_not_of_their_labels() {
    let mut view = empty();
    put(&mut view, policy("p", allowing()));
    view.compile(&[]).unwrap();
    let revision = view.policies().to_owned();
    assert_eq!(revision.len(), 12);
    let mut labelled = policy("p", allowing());
    labelled["metadata"]["labels"] = json!({ "team": "a" });
    put(&mut view, labelled);
    put(&mut view, pod("web-5d4f-a", "web", "10.0.0.1"));
    view.compile(&[]).unwrap();
    assert_eq!(view.policies(), revision);
    put(&mut view, policy("p", isolating()));
    view.compile(&[]).unwrap();
    assert_ne!(view.policies(), revision);
}

#[test]
fn a_list_that_is_read_again_forgets_what_it_does_not_name() {
    let mut view = empty();
    put(&mut view, policy("p", allowing()));
    put(&mut view, pod("web-5d4f-a", "web", "10.0.0.1"));
    put(&mut view, pod("web-5d4f-b", "web", "10.0.0.2"));
    view.take(&kinds::POLICY, Event::Listing);
    view.take_pod(Event::Listing);
    put(&mut view, pod("web-5d4f-b", "web", "10.0.0.2"));
    assert_eq!(places(&mut view).len(), 2, "nothing is gone before the list is complete");
    view.take(&kinds::POLICY, Event::Synced);
    view.take_pod(Event::Synced);
    assert_eq!(places(&mut view).into_keys().collect::<Vec<_>>(), ["10.0.0.2"]);
    assert!(rules(&mut view).is_empty());
}

#[test]
fn a_service_follows_the_pods_that_it_selects() {
    let mut view = empty();
    put(
        &mut view,
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web", "namespace": "shop" },
            "spec": { "clusterIP": "172.20.0.1", "clusterIPs": ["172.20.0.1"], "selector": { "app": "web" }, "externalIPs": ["203.0.113.1"],
                      "ports": [{ "port": 80, "targetPort": 8080, "nodePort": 30000 }] },
        }),
    );
    for (number, address) in ["10.0.0.1", "10.0.0.2"].into_iter().enumerate() {
        put(&mut view, pod(&format!("web-5d4f-{number}"), "web", address));
    }
    let behind = |view: &mut View| view.compile(&[]).unwrap().inventory.services()[0].ports[0].backends.len();
    assert_eq!(behind(&mut view), 2);
    put(&mut view, pod("web-5d4f-7", "web", "10.0.0.7"));
    assert_eq!(behind(&mut view), 3);
    assert!(view.compile(&[]).unwrap().moved.is_some(), "a pod more is no reason to lower everything");
}
