//! What one person writes does not stop the policies of all others.

use super::*;
use crate::Unread;

pub(super) fn isolating() -> Value {
    json!({ "isolate": [{ "workloads": {} }] })
}

pub(super) fn of(view: &View, name: &str) -> Standing {
    view.standings().find(|standing| standing.object.name == name).unwrap()
}

pub(super) fn rules(view: &mut View) -> Vec<String> {
    let compiled = view.compile(&[]).unwrap();
    let rules = compiled.program.rules().iter().map(|rule| rule.id.clone());
    let isolations = compiled.program.isolations().iter().map(|isolation| isolation.id.clone());
    rules.filter(|id| id != "failsafe").chain(isolations).collect()
}

fn unread(view: &mut View, kind: &Kind, namespace: Option<&str>, name: &str, generation: i64) {
    let namespace = namespace.map(str::to_owned);
    let key = Key { namespace, name: name.to_owned(), uid: format!("uid of {name}") };
    let unread = Unread { reason: "recursion limit exceeded".to_owned(), generation, created: String::new() };
    view.take(kind, Event::Unread(key, unread));
}

pub(super) fn host(namespace: &str, name: &str, address: &str) -> Value {
    json!({
        "apiVersion": "bookend.dev/v1alpha1", "kind": "Host",
        "metadata": { "name": name, "namespace": namespace, "labels": { "app.kubernetes.io/managed-by": "bookend" }, "generation": 1 },
        "spec": { "interfaces": [{ "name": "eth0", "addresses": [address] }] },
    })
}

pub(super) fn global(kind: &str, name: &str, rest: Value) -> Value {
    let mut object = json!({ "apiVersion": "v1", "kind": kind, "metadata": { "name": name } });
    object.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    object
}

fn many_labels() -> Value {
    (0..1_001).map(|number| (format!("k{number}"), json!("v"))).collect::<serde_json::Map<_, _>>().into()
}

fn labels_of(view: &mut View, namespace: &str) -> Option<Vec<String>> {
    let compiled = view.compile(&[]).unwrap();
    let workloads = compiled.inventory.workloads();
    let workload = workloads.iter().find(|workload| workload.identity.namespace == namespace).unwrap();
    workload.identity.namespace_labels.as_ref().map(|labels| labels.keys().cloned().collect())
}

#[test]
fn a_policy_that_cannot_be_read_isolates_its_namespace_or_stays_as_it_was() {
    let mut view = empty();
    put(&mut view, policy("old", json!({ "allow": [{ "name": "in" }] })));
    rules(&mut view);
    unread(&mut view, &kinds::POLICY, Some("shop"), "old", 7);
    unread(&mut view, &kinds::POLICY, Some("shop"), "new", 1);
    assert_eq!(rules(&mut view), ["shop/old/in", "shop/new/isolate[0]"]);
    let (old, new) = (of(&view, "old"), of(&view, "new"));
    assert_eq!((old.in_force, old.generation, new.in_force), (InForce::Before(1), 7, InForce::Isolated));
    let told =
        "policy shop/new: error: it cannot be read: recursion limit exceeded; correct it, or delete it";
    assert_eq!(new.complaints, [told]);
    put(&mut view, policy("new", json!({ "allow": [{ "name": "out" }] })));
    put(&mut view, policy("old", isolating()));
    assert_eq!(rules(&mut view), ["shop/new/out", "shop/old/isolate[0]"]);
    assert!(view.standings().all(|standing| standing.is_accepted() && standing.complaints.is_empty()));
}

#[test]
fn what_cannot_be_read_and_is_for_all_namespaces_holds_every_policy_and_isolates_new_ones() {
    let mut view = empty();
    put(&mut view, policy("p", json!({ "allow": [{ "name": "in" }] })));
    rules(&mut view);
    unread(&mut view, &kinds::CLUSTER_POLICY, None, "c", 1);
    put(&mut view, policy("q", json!({ "allow": [{ "name": "out" }] })));
    assert_eq!(rules(&mut view), ["shop/p/in", "shop/q/isolate[0]"]);
    assert_eq!((of(&view, "q").in_force, of(&view, "c").in_force), (InForce::Isolated, InForce::Nothing));
    let mut fresh = empty();
    unread(&mut fresh, &kinds::CLUSTER_POLICY, None, "c", 1);
    let refusal = fresh.compile(&[]).unwrap_err();
    assert!(refusal.to_string().starts_with("clusterpolicy c: error: it cannot be read"), "{refusal}");
}

#[test]
fn several_that_are_invalid_for_all_namespaces_at_once_hold_every_policy_as_one_does() {
    let nonsense = |name: &str| {
        json!({
            "apiVersion": "bookend.dev/v1alpha1", "kind": "ClusterPolicy",
            "metadata": { "name": name, "generation": 1 }, "spec": { "allow": [{ "name": "Not A Name" }] },
        })
    };
    for readable in [true, false] {
        let mut view = empty();
        put(&mut view, policy("p", json!({ "allow": [{ "name": "in" }] })));
        rules(&mut view);
        for name in ["c", "d"] {
            match readable {
                true => _ = put(&mut view, nonsense(name)),
                false => unread(&mut view, &kinds::CLUSTER_POLICY, None, name, 1),
            }
        }
        // What was good before is what it was then, also where it goes wrong at the same time.
        let mut wrong = policy("p", json!({ "allow": [{ "name": "Not A Name" }] }));
        wrong["metadata"]["generation"] = json!(2);
        put(&mut view, wrong);
        assert_eq!(rules(&mut view), ["shop/p/in"], "{readable}");
        assert!(["c", "d"].iter().all(|name| of(&view, name).in_force == InForce::Nothing), "{readable}");
    }
}

#[test]
fn a_pod_that_cannot_be_read_stays_who_it_was_or_is_nowhere() {
    let mut view = empty();
    put(&mut view, pod("web-5d4f-a", "web", "10.0.0.1"));
    let key = |name: &str, uid: &str| Key {
        namespace: Some("shop".to_owned()),
        name: name.to_owned(),
        uid: uid.to_owned(),
    };
    view.take_pod(Event::Listing);
    view.take_pod(Event::Unread(key("web-5d4f-a", "uid of web-5d4f-a"), Unread::default()));
    view.take_pod(Event::Unread(key("web-5d4f-b", "another"), Unread::default()));
    view.take_pod(Event::Synced);
    assert_eq!(places(&mut view), BTreeMap::from([("10.0.0.1".to_owned(), "web".to_owned())]));
    view.take_pod(Event::Unread(key("web-5d4f-a", "another"), Unread::default()));
    assert!(places(&mut view).is_empty(), "another pod of that name is not the one that was known");
}

#[test]
fn a_host_may_have_labels_and_one_that_is_invalid_stops_nobody() {
    let mut view = empty();
    put(&mut view, policy("p", isolating()));
    put(&mut view, host("ops", "good", "192.0.2.1"));
    rules(&mut view);
    assert!(of(&view, "good").is_accepted(), "{:?}", of(&view, "good"));
    put(&mut view, host("evil", "bad", "nonsense"));
    unread(&mut view, &kinds::HOST, Some("evil"), "worse", 1);
    put(&mut view, policy("q", isolating()));
    assert_eq!(rules(&mut view), ["shop/p/isolate[0]", "shop/q/isolate[0]"]);
    assert_eq!(
        (of(&view, "bad").in_force, of(&view, "worse").in_force),
        (InForce::Nothing, InForce::Nothing)
    );
    assert!(of(&view, "bad").complaints[0].starts_with("host evil/bad:"));
    assert_eq!(at(&mut view, "192.0.2.1").as_deref(), Some("good behind eth0"));
    // What it was when it was valid stays.
    put(&mut view, host("ops", "good", "nonsense"));
    assert_eq!(at(&mut view, "192.0.2.1").as_deref(), Some("good behind eth0"));
    assert_eq!(of(&view, "good").in_force, InForce::Before(1));
}

#[test]
fn a_host_that_claims_the_address_of_a_pod_does_not_have_it_whoever_came_first() {
    let mut view = empty();
    put(&mut view, host("evil", "h", "10.0.0.7"));
    rules(&mut view);
    put(&mut view, pod("web-5d4f-a", "web", "10.0.0.7"));
    put(&mut view, policy("later", isolating()));
    assert_eq!(at(&mut view, "10.0.0.7").as_deref(), Some("web"));
    assert_eq!(
        (rules(&mut view), of(&view, "h").in_force),
        (vec!["shop/later/isolate[0]".to_owned()], InForce::Nothing)
    );
}

#[test]
fn of_a_namespace_that_is_invalid_or_not_told_the_labels_are_in_doubt() {
    let mut view = empty();
    put(&mut view, pod("web-5d4f-a", "web", "10.0.0.1"));
    assert_eq!(labels_of(&mut view, "shop"), None, "it was not told");
    let shop = |labels: Value| json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop", "labels": labels } });
    put(&mut view, shop(many_labels()));
    put(&mut view, policy("p", isolating()));
    assert_eq!(
        (labels_of(&mut view, "shop"), rules(&mut view)),
        (None, vec!["shop/p/isolate[0]".to_owned()])
    );
    assert_eq!(of(&view, "shop").in_force, InForce::Nothing);
    put(&mut view, shop(json!({ "a": "b" })));
    let told = Some(vec!["a".to_owned(), "kubernetes.io/metadata.name".to_owned()]);
    assert_eq!(labels_of(&mut view, "shop"), told);
    put(&mut view, shop(many_labels()));
    assert_eq!(labels_of(&mut view, "shop"), told, "those that it had before");
    let mut restarted = empty();
    restarted.restore(view.good());
    put(&mut restarted, pod("web-5d4f-a", "web", "10.0.0.1"));
    put(&mut restarted, shop(many_labels()));
    assert_eq!(labels_of(&mut restarted, "shop"), told, "also after a restart");
    unread(&mut view, &kinds::NAMESPACE, None, "other", 0);
    assert!(rules(&mut view).len() == 1 && of(&view, "other").in_force == InForce::Nothing);
}

#[test]
fn a_node_has_what_makes_sense_of_its_addresses() {
    let mut view = empty();
    let network = json!({
        "apiVersion": "bookend.dev/v1alpha1", "kind": "ClusterPolicy", "metadata": { "name": "c" },
        "spec": { "allow": [{ "name": "in", "from": [{ "entities": ["node"] }] }] },
    });
    put(&mut view, network);
    let node = |name: &str, addresses: &[&str]| {
        let addresses = addresses.iter().map(|address| json!({ "type": "InternalIP", "address": address }));
        let addresses = addresses.chain([json!({ "type": "Hostname", "address": name })]);
        global("Node", name, json!({ "status": { "addresses": addresses.collect::<Vec<_>>() } }))
    };
    put(&mut view, node("a", &["192.0.2.1", "nonsense", "2001:db8::1"]));
    put(&mut view, node("b", &["192.0.2.2"]));
    unread(&mut view, &kinds::NODE, None, "c", 0);
    let mut nodes: Vec<String> =
        view.compile(&[]).unwrap().nodes.iter().map(|block| format!("{block:?}")).collect();
    nodes.sort();
    let block = |address: &str| format!("Block {{ cidr: {address}, except: [] }}");
    assert_eq!(nodes, ["192.0.2.1/32", "192.0.2.2/32", "2001:db8::1/128"].map(block));
    assert_eq!(
        of(&view, "a").complaints,
        ["node a: error: \"nonsense\" is not the address of a node, and left out"]
    );
    assert!(of(&view, "a").is_accepted());
}

#[test]
fn noise_that_only_an_older_version_or_a_file_mentions_tells_pods_apart() {
    let job = |name: &str, of: &str, address: &str| {
        let mut pod = pod(name, "job", address);
        pod["metadata"]["labels"]["job-name"] = of.into();
        pod
    };
    let mut view = empty();
    put(&mut view, job("a", "secret", "10.0.0.3"));
    put(&mut view, job("b", "open", "10.0.0.4"));
    let workloads =
        |view: &mut View, extra: &[Source]| view.compile(extra).unwrap().inventory.workloads().len();
    assert_eq!(workloads(&mut view, &[]), 1);
    let about = json!({ "isolate": [{ "workloads": { "labels": { "job-name": "secret" } } }] });
    put(&mut view, policy("p", about.clone()));
    assert_eq!(workloads(&mut view, &[]), 2);
    let good = view.good();
    let mut bad = policy("p", json!({ "allow": [{ "name": "Not A Name" }] }));
    bad["metadata"]["generation"] = 2.into();
    put(&mut view, bad.clone());
    assert_eq!(workloads(&mut view, &[]), 2, "its last good version is in force");
    let mut restarted = empty();
    restarted.restore(good);
    for object in [job("a", "secret", "10.0.0.3"), job("b", "open", "10.0.0.4"), bad.clone()] {
        put(&mut restarted, object);
    }
    assert_eq!(workloads(&mut restarted, &[]), 2);
    gone(&mut view, &bad);
    assert_eq!(workloads(&mut view, &[]), 1);
    let mut document = policy("p", about);
    document["metadata"].as_object_mut().unwrap().retain(|name, _| name == "name" || name == "namespace");
    let file = Source::new("p.yaml", document.to_string().replace("job-name", "\\u006aob-name"));
    assert_eq!(workloads(&mut view, &[file]), 2);
    assert_eq!(workloads(&mut view, &[]), 1);
}

#[test]
fn a_flood_of_what_is_wrong_with_one_object_does_not_hide_what_is_wrong_with_others() {
    let mut view = empty();
    let flood: Vec<Value> = (0..1_500).map(|_| json!({ "name": "Not A Name" })).collect();
    for number in 0..120 {
        put(&mut view, policy(&format!("p{number}"), json!({ "allow": flood })));
    }
    put(&mut view, policy("good", json!({ "allow": [{ "name": "in" }] })));
    let rules = rules(&mut view);
    assert!(rules.contains(&"shop/good/in".to_owned()) && rules.len() == 121, "{}", rules.len());
}

#[test]
fn a_kind_that_is_not_served_for_a_moment_takes_nothing_away() {
    let mut view = empty();
    let tokens = json!({
        "apiVersion": "security.istio.io/v1", "kind": "RequestAuthentication",
        "metadata": { "name": "jwt", "namespace": "shop" }, "spec": { "jwtRules": [{ "issuer": "https://issuer.example" }] },
    });
    let known = |view: &mut View| view.compile(&[]).unwrap().verifiers.len();
    put(&mut view, tokens.clone());
    assert_eq!(known(&mut view), 1);
    // In the middle of a list that has not named it yet.
    view.take(&kinds::REQUEST_AUTHENTICATION, Event::Listing);
    assert!(!view.absent(&kinds::REQUEST_AUTHENTICATION));
    assert_eq!(known(&mut view), 1);
    view.take(&kinds::REQUEST_AUTHENTICATION, Event::Synced);
    assert_eq!(known(&mut view), 0, "only a complete list says that it is gone");
}

#[test]
fn what_is_good_is_news_when_an_object_is_created_anew() {
    let mut view = empty();
    put(&mut view, policy("p", isolating()));
    rules(&mut view);
    let (before, revision) = (view.goods(), view.policies().to_owned());
    let mut again = policy("p", isolating());
    again["metadata"]["uid"] = "another".into();
    put(&mut view, again);
    rules(&mut view);
    assert_ne!(view.goods(), before);
    assert_eq!(view.policies(), revision);
    let kept = view.goods();
    put(&mut view, pod("web-5d4f-a", "web", "10.0.0.1"));
    rules(&mut view);
    assert_eq!(view.goods(), kept);
}
