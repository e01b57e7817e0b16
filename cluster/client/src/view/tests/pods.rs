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

#[test]
fn a_static_pod_is_known_by_the_hash_of_its_file() {
    let mut view = empty();
    let mut mirror = pod("dns-here", "dns", "10.0.0.1");
    mirror["spec"]["nodeName"] = "here".into();
    mirror["metadata"]["annotations"] = json!({ "kubernetes.io/config.hash": "abc" });
    mirror["metadata"]["ownerReferences"] = json!([{ "kind": "Node", "name": "here", "controller": true }]);
    put(&mut view, mirror);
    view.attach(&[Attached { uid: "abc".to_owned(), interface: "veth7".to_owned(), addresses: Vec::new() }]);
    assert_eq!(at(&mut view, "10.0.0.1").as_deref(), Some("dns behind veth7"));
}

#[test]
fn whether_a_pod_has_a_proxy_is_what_its_manifest_says() {
    let mut view = empty();
    put(
        &mut view,
        json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": { "name": "shop", "labels": { "istio-injection": "enabled", "kubernetes.io/metadata.name": "shop" } },
        }),
    );
    let mut bypassing = pod("db-5d4f-a", "db", "10.0.0.3");
    bypassing["metadata"]["annotations"] = json!({ "traffic.sidecar.istio.io/excludeInboundPorts": "22" });
    put(&mut view, bypassing);
    let mut injected = pod("web-5d4f-a", "web", "10.0.0.1");
    injected["spec"]["initContainers"] = json!([{ "name": "istio-proxy", "restartPolicy": "Always" }]);
    put(&mut view, injected);
    let inventory = &view.compile(&[]).unwrap().inventory;
    let proxied = |address: &str| inventory.at(address.parse().unwrap()).unwrap().identity.proxied;
    assert!(proxied("10.0.0.1") && !proxied("10.0.0.3"));
}
