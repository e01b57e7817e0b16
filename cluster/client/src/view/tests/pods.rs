use super::*;

#[test]
fn pods_that_nothing_tells_apart_are_one_workload_of_the_name_of_what_made_them() {
    let mut view = empty();
    put(&mut view, pod("web-5d4f-a", "web", "10.0.0.1"));
    put(&mut view, pod("web-5d4f-b", "web", "10.0.0.2"));
    put(&mut view, pod("db-5d4f-a", "db", "10.0.0.3"));
    assert_eq!(at(&mut view, "10.0.0.1").as_deref(), Some("web"));
    let workloads = view.compile(&[]).unwrap().inventory.workloads();
    assert_eq!(
        workloads.iter().map(|w| (w.name.as_str(), w.instances.len())).collect::<Vec<_>>(),
        [("db", 1), ("web", 2)]
    );
    assert!(!workloads[0].identity.labels.contains_key("pod-template-hash"));
}

#[test]
fn noise_that_a_policy_mentions_tells_pods_apart() {
    let mut view = empty();
    put(&mut view, pod("web-5d4f-a", "web", "10.0.0.1"));
    let mut other = pod("web-77-a", "web", "10.0.0.2");
    other["metadata"]["labels"]["pod-template-hash"] = "77".into();
    other["metadata"]["ownerReferences"][0]["name"] = "web-77".into();
    put(&mut view, other);
    assert_eq!(view.compile(&[]).unwrap().inventory.workloads().len(), 1);
    let to = json!([{ "workloads": { "labels": { "pod-template-hash": "77" } } }]);
    let mention = policy("p", json!({ "deny": [{ "name": "old", "to": to }] }));
    put(&mut view, mention.clone());
    let names: BTreeSet<String> = places(&mut view).into_values().collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names.iter().all(|name| name.starts_with("web~")), "{names:?}");
    gone(&mut view, &mention);
    assert_eq!(view.compile(&[]).unwrap().inventory.workloads().len(), 1);
}

#[test]
fn a_finished_pod_has_no_address_and_a_terminating_one_gives_way_to_a_live_one() {
    let mut view = empty();
    let mut old = pod("web-5d4f-a", "web", "10.0.0.1");
    put(&mut view, old.clone());
    old["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    put(&mut view, old.clone());
    assert_eq!(at(&mut view, "10.0.0.1").as_deref(), Some("web"), "it is still there");
    put(&mut view, pod("db-5d4f-a", "db", "10.0.0.1"));
    assert_eq!(at(&mut view, "10.0.0.1").as_deref(), Some("db"));
    let mut finished = pod("db-5d4f-a", "db", "10.0.0.1");
    finished["status"]["phase"] = "Succeeded".into();
    put(&mut view, finished);
    assert_eq!(at(&mut view, "10.0.0.1").as_deref(), Some("web"));
    gone(&mut view, &old);
    assert_eq!(at(&mut view, "10.0.0.1"), None);
}

#[test]
fn an_address_that_two_live_pods_claim_is_nobodys_and_that_is_told() {
    let mut view = empty();
    put(&mut view, pod("web-5d4f-a", "web", "10.0.0.1"));
    put(&mut view, pod("db-5d4f-a", "db", "10.0.0.1"));
    assert_eq!(at(&mut view, "10.0.0.1"), None);
    let contested = view.contested();
    assert_eq!(contested[&"10.0.0.1".parse::<IpAddr>().unwrap()], ["shop/db-5d4f-a", "shop/web-5d4f-a"]);
    gone(&mut view, &pod("web-5d4f-a", "web", "10.0.0.1"));
    assert_eq!(at(&mut view, "10.0.0.1").as_deref(), Some("db"));
    assert!(view.contested().is_empty());
}

#[test]
fn an_address_that_is_used_again_is_the_new_pods_whoever_is_told_first() {
    for late in [false, true] {
        let mut view = empty();
        let (old, new) = (pod("web-5d4f-a", "web", "10.0.0.1"), pod("db-5d4f-a", "db", "10.0.0.1"));
        put(&mut view, old.clone());
        if late {
            put(&mut view, new.clone());
        }
        gone(&mut view, &old);
        if !late {
            put(&mut view, new.clone());
        }
        assert_eq!(at(&mut view, "10.0.0.1").as_deref(), Some("db"));
    }
}

#[test]
fn a_pod_of_the_name_of_another_is_another() {
    let mut view = empty();
    let old = pod("web-0", "web", "10.0.0.1");
    put(&mut view, old.clone());
    let mut new = pod("web-0", "web", "10.0.0.2");
    new["metadata"]["uid"] = "another".into();
    put(&mut view, new);
    gone(&mut view, &old);
    assert_eq!(places(&mut view).into_keys().collect::<Vec<_>>(), ["10.0.0.2"]);
}

#[test]
fn a_pod_on_its_nodes_network_is_nowhere_and_one_with_two_addresses_is_at_both() {
    let mut view = empty();
    let mut host = pod("agent-a", "agent", "192.0.2.1");
    host["spec"]["hostNetwork"] = true.into();
    put(&mut view, host);
    let mut dual = pod("web-5d4f-a", "web", "10.0.0.1");
    dual["status"]["podIPs"] = json!([{ "ip": "10.0.0.1" }, { "ip": "fd00::1" }]);
    put(&mut view, dual);
    assert_eq!(places(&mut view).into_keys().collect::<Vec<_>>(), ["10.0.0.1", "fd00::1"]);
}

#[test]
fn a_pod_of_this_node_is_behind_the_interface_it_is_attached_to_before_its_status_says_where_it_is() {
    let mut view = empty();
    let mut starting = pod("web-5d4f-a", "web", "10.0.0.1");
    starting["spec"]["nodeName"] = "here".into();
    starting["status"] = json!({ "phase": "Pending" });
    put(&mut view, starting.clone());
    let attached = |uid: &str, addresses: &[&str]| Attached {
        uid: uid.to_owned(),
        interface: "veth1".to_owned(),
        addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
    };
    view.attach(&[attached("uid of web-5d4f-a", &["10.0.0.1"]), attached("somebody", &["10.0.0.9"])]);
    assert_eq!(at(&mut view, "10.0.0.1").as_deref(), Some("web behind veth1"));
    assert_eq!(at(&mut view, "10.0.0.9"), None);
    // Found by looking: its status says where it is.
    view.attach(&[attached("uid of web-5d4f-a", &[])]);
    starting["status"] = json!({ "phase": "Running", "podIP": "10.0.0.1" });
    put(&mut view, starting.clone());
    assert_eq!(at(&mut view, "10.0.0.1").as_deref(), Some("web behind veth1"));
    // A pod of another node is not, whatever it says.
    starting["spec"]["nodeName"] = "there".into();
    put(&mut view, starting);
    assert_eq!(at(&mut view, "10.0.0.1").as_deref(), Some("web"));
}

/// A static pod as the node's kubelet shows it to the API server.
fn mirror(hash: &str) -> Value {
    let mut mirror = pod("dns-here", "dns", "10.0.0.1");
    mirror["spec"]["nodeName"] = "here".into();
    mirror["metadata"]["annotations"] =
        json!({ "kubernetes.io/config.hash": hash, "kubernetes.io/config.mirror": hash });
    mirror["metadata"]["ownerReferences"] = json!([{ "kind": "Node", "name": "here", "controller": true }]);
    mirror
}

fn behind(uid: &str, interface: &str) -> Attached {
    Attached { uid: uid.to_owned(), interface: interface.to_owned(), addresses: Vec::new() }
}

const HASH: &str = "0123456789abcdef0123456789abcdef";

#[test]
fn a_static_pod_is_known_by_the_hash_of_its_file() {
    let mut view = empty();
    put(&mut view, mirror(HASH));
    view.attach(&[behind(HASH, "veth7")]);
    assert_eq!(at(&mut view, "10.0.0.1").as_deref(), Some("dns behind veth7"));
}

#[test]
fn a_pod_cannot_take_the_place_of_another_by_saying_that_it_stands_for_a_file() {
    let mut victim = pod("victim", "db", "10.0.0.2");
    victim["spec"]["nodeName"] = "here".into();
    // Whatever is not written as kubelets write it is an ordinary pod.
    for (hash, odd) in [("uid of victim", false), ("0123456789ABCDEF0123456789abcdeg", false), (HASH, true)] {
        let mut view = empty();
        put(&mut view, victim.clone());
        let mut evil = mirror(hash);
        evil["metadata"]["namespace"] = "evil".into();
        if odd {
            evil["metadata"]["ownerReferences"] = json!([]);
        }
        put(&mut view, evil.clone());
        view.attach(&[behind("uid of victim", "veth-v"), behind(HASH, "veth-s")]);
        assert_eq!(at(&mut view, "10.0.0.2").as_deref(), Some("db behind veth-v"), "{hash}");
        assert!(!at(&mut view, "10.0.0.1").unwrap().contains("behind"), "{hash}");
    }
}

#[test]
fn of_two_pods_that_say_they_stand_for_one_file_neither_is_attached() {
    let mut view = empty();
    put(&mut view, mirror(HASH));
    view.attach(&[behind(HASH, "veth7")]);
    let mut evil = mirror(HASH);
    evil["metadata"]["name"] = "other-here".into();
    evil["metadata"]["uid"] = "another".into();
    evil["status"]["podIPs"] = json!([{ "ip": "10.0.0.9" }]);
    put(&mut view, evil.clone());
    assert!(places(&mut view).values().all(|name| !name.contains("behind")));
    gone(&mut view, &evil);
    assert_eq!(at(&mut view, "10.0.0.1").as_deref(), Some("dns behind veth7"));
}

#[test]
fn an_address_that_a_runtime_gave_here_is_not_lost_to_whatever_another_node_says() {
    let mut view = empty();
    let mut own = pod("web-5d4f-a", "web", "10.0.0.1");
    own["spec"]["nodeName"] = "here".into();
    put(&mut view, own);
    let given =
        Attached { addresses: vec!["10.0.0.1".parse().unwrap()], ..behind("uid of web-5d4f-a", "veth1") };
    view.attach(std::slice::from_ref(&given));
    put(&mut view, pod("db-5d4f-a", "db", "10.0.0.1"));
    assert_eq!(at(&mut view, "10.0.0.1").as_deref(), Some("web behind veth1"));
    assert!(view.contested().is_empty());
    view.attach(&[]);
    assert_eq!(at(&mut view, "10.0.0.1"), None);
}

/// A pod with a sidecar that can hold streams.
fn sidecar(name: &str, app: &str, address: &str) -> Value {
    let mut injected = pod(name, app, address);
    injected["spec"]["initContainers"] = json!([{
        "name": "istio-proxy", "restartPolicy": "Always", "image": "istio/proxyv2:1.29.0", "args": ["proxy", "sidecar"],
    }, {
        "name": "istio-init", "args": ["istio-iptables", "-m", "REDIRECT", "-b", "*", "-d", "15090,15021,15020"],
    }]);
    injected
}

fn proxied(view: &mut View, address: &str) -> bool {
    view.compile(&[]).unwrap().inventory.at(address.parse().unwrap()).unwrap().identity.proxied
}

fn injecting() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": "shop", "labels": { "istio-injection": "enabled", "kubernetes.io/metadata.name": "shop" } },
    })
}

#[test]
fn a_proxy_has_a_filter_once_the_controller_has_said_so() {
    let filters = Filters::Published("bookend-system".to_owned());
    let mut view = known(&Outlook { node: Some("here".to_owned()), filters });
    put(&mut view, injecting());
    put(&mut view, sidecar("web-5d4f-a", "web", "10.0.0.1"));
    let mut gateway = pod("door-5d4f-a", "door", "10.0.0.2");
    gateway["metadata"]["labels"]["istio"] = "ingress".into();
    gateway["spec"]["containers"] =
        json!([{ "name": "istio-proxy", "image": "istio/proxyv2:1.30.1", "args": ["proxy", "router"] }]);
    put(&mut view, gateway);
    // Nothing of it has a proxy that could be relied on.
    put(&mut view, pod("plain-5d4f-a", "plain", "10.0.0.3"));
    let mut named = pod("named-5d4f-a", "named", "10.0.0.4");
    named["spec"]["containers"] = json!([{ "name": "istio-proxy", "image": "istio/proxyv2:1.29.0" }]);
    named["metadata"]["labels"]["sidecar.istio.io/inject"] = "true".into();
    put(&mut view, named);
    let mut old = sidecar("old-5d4f-a", "old", "10.0.0.5");
    old["spec"]["initContainers"][0]["image"] = "istio/proxyv2:1.28.0".into();
    put(&mut view, old);
    let all = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"];
    let now = |view: &mut View| all.map(|address| proxied(view, address));
    assert_eq!(now(&mut view), [false; 5]);
    let say = |view: &mut View, sidecars: bool, gateways: &[(&str, &str)]| {
        let gateways = gateways.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let said = Filtered { sidecars, gateways };
        let key = Key { namespace: None, name: Notice::name("shop"), uid: String::new() };
        let notice = serde_json::from_value(json!({ "data": said.data("shop") })).unwrap();
        view.take_notice(Event::Put(key, notice))
    };
    assert!(say(&mut view, true, &[]));
    assert_eq!(now(&mut view), [true, false, false, false, false]);
    assert!(say(&mut view, false, &[("istio", "ingress")]));
    assert_eq!(now(&mut view), [false, true, false, false, false]);
    put(&mut view, sidecar("web-5d4f-b", "web", "10.0.0.6"));
    assert!(!proxied(&mut view, "10.0.0.6"));
}

#[test]
fn without_anybody_who_says_so_no_proxy_has_a_filter_and_injection_is_not_guessed() {
    let mut view = empty();
    put(&mut view, injecting());
    put(&mut view, sidecar("web-5d4f-a", "web", "10.0.0.1"));
    put(&mut view, pod("db-5d4f-a", "db", "10.0.0.3"));
    assert!(!proxied(&mut view, "10.0.0.1") && !proxied(&mut view, "10.0.0.3"));
    let mut view = known(&Outlook { filters: Filters::Everywhere, ..Outlook::default() });
    put(&mut view, injecting());
    put(&mut view, sidecar("web-5d4f-a", "web", "10.0.0.1"));
    put(&mut view, pod("db-5d4f-a", "db", "10.0.0.3"));
    assert!(proxied(&mut view, "10.0.0.1") && !proxied(&mut view, "10.0.0.3"));
    let roles: Vec<(&str, Role)> = view.proxies().map(|(namespace, _, role)| (namespace, role)).collect();
    assert_eq!(roles, [("shop", Role::Sidecar)]);
}
