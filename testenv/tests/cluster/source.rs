//! A cluster followed from a node, over the real wire, while the API server misbehaves (S100–S104).

use std::time::Duration;

use bookend_cluster::view::{Attached, Follower, InForce, Outlook};
use bookend_cluster::{Access, Cluster};
use bookend_testenv::apiserver::{ApiServer, Crowd, Fault, User, When};
use serde_json::{Value, json};

/// More than anything takes, on a busy machine as well.
const LIMIT: Duration = Duration::from_secs(60);

const KINDS: [&str; 7] =
    ["policies", "clusterpolicies", "networks", "hosts", "tiers", "reportings", "inventories"];

struct Scene {
    server: ApiServer,
    runtime: tokio::runtime::Runtime,
    follower: Follower,
    /// Everything that people were told.
    news: Vec<String>,
}

fn server() -> ApiServer {
    let server = ApiServer::builder().bookmark_every(Duration::from_millis(200)).start().unwrap();
    definitions(&server);
    server
}

fn definitions(server: &ApiServer) {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../cluster/crds");
    for kind in KINDS {
        server.install_crds(&std::fs::read_to_string(root.join(format!("{kind}.yaml"))).unwrap()).unwrap();
    }
}

fn policy(name: &str, spec: Value) -> Value {
    let metadata = json!({ "name": name, "namespace": "shop" });
    json!({ "apiVersion": "bookend.dev/v1alpha1", "kind": "Policy", "metadata": metadata, "spec": spec })
}

fn isolating() -> Value {
    json!({ "isolate": [{ "workloads": {} }] })
}

fn pod(name: &str, app: &str, address: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": name, "namespace": "shop", "labels": { "app": app } },
        "spec": { "nodeName": "here", "containers": [{ "name": "main", "image": "i" }] },
        "status": { "phase": "Running", "podIP": address, "podIPs": [{ "ip": address }] },
    })
}

impl Scene {
    fn begin(server: ApiServer, kubeconfig: &str) -> Self {
        let path = std::env::temp_dir().join(format!("bkd-follow-{}-{:p}", std::process::id(), &server));
        std::fs::write(&path, kubeconfig).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let access = Access { kubeconfig: Some(path.clone()), ..Access::default() };
        let follower = runtime.block_on(async {
            let cluster = Cluster::connect(&access).await.unwrap();
            Follower::start(&cluster, &Outlook { node: Some("here".to_owned()), ..Outlook::default() })
        });
        std::fs::remove_file(path).unwrap();
        Self { server, runtime, follower, news: Vec::new() }
    }

    /// A cluster with a namespace, a policy and two pods, known.
    fn known() -> Self {
        let server = server();
        server
            .put(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop" } }))
            .unwrap();
        server.put(policy("web", isolating())).unwrap();
        server.put(pod("web-1", "web", "10.0.0.1")).unwrap();
        server.put(pod("db-1", "db", "10.0.0.2")).unwrap();
        let kubeconfig = server.kubeconfig();
        let mut scene = Self::begin(server, &kubeconfig);
        scene.until(|scene| scene.follower.view().is_complete());
        assert_eq!(scene.at("10.0.0.1").as_deref(), Some("web-1"));
        scene
    }

    /// Follows until something is so.
    fn until(&mut self, so: impl Fn(&mut Self) -> bool) {
        let begun = std::time::Instant::now();
        while !so(self) {
            assert!(begun.elapsed() < LIMIT, "told only: {:#?}", self.news);
            let change = self.runtime.block_on(async {
                tokio::time::timeout(Duration::from_millis(200), self.follower.changed()).await
            });
            self.news.extend(change.into_iter().flat_map(|change| change.news));
        }
    }

    fn at(&mut self, address: &str) -> Option<String> {
        let compiled = self.follower.view().compile(&[]).unwrap();
        compiled.inventory.at(address.parse().unwrap()).map(|workload| workload.name.clone())
    }

    fn told(&self, part: &str) -> usize {
        self.news.iter().filter(|line| line.contains(part)).count()
    }
}

#[test]
fn pods_that_come_move_and_go_are_followed() {
    let mut scene = Scene::known();
    scene.server.put(pod("web-2", "web", "10.0.0.7")).unwrap();
    scene.until(|scene| scene.at("10.0.0.7").is_some());
    scene.server.delete("pods", "shop", "db-1").unwrap();
    scene.until(|scene| scene.at("10.0.0.2").is_none());
    let uid =
        scene.server.get("pods", "shop", "web-2").unwrap()["metadata"]["uid"].as_str().unwrap().to_owned();
    scene.follower.view().attach(&[Attached { uid, interface: "veth2".to_owned(), addresses: Vec::new() }]);
    let compiled = scene.follower.view().compile(&[]).unwrap();
    let behind = compiled.inventory.at("10.0.0.7".parse().unwrap()).unwrap();
    assert_eq!(behind.instances[0].interface.as_deref(), Some("veth2"));
    assert_eq!(scene.follower.health().relists, 0);
}

#[test]
fn what_the_server_has_forgotten_is_listed_again_and_what_went_meanwhile_is_gone() {
    let mut scene = Scene::known();
    scene.server.go_away();
    scene.until(|scene| scene.follower.health().error().is_some());
    scene.server.delete("pods", "shop", "db-1").unwrap();
    scene.server.put(pod("web-1", "web", "10.0.0.9")).unwrap();
    scene.server.forget();
    scene.server.come_back();
    scene.until(|scene| scene.at("10.0.0.9").is_some() && scene.at("10.0.0.2").is_none());
    assert!(scene.follower.health().relists >= 1);
    assert_eq!(scene.at("10.0.0.1"), None);
}

#[test]
fn an_outage_is_told_once_and_its_end_too_and_everything_stays_as_it_was() {
    let mut scene = Scene::known();
    let revision = scene.follower.view().policies().to_owned();
    scene.server.go_away();
    scene.until(|scene| scene.follower.health().error().is_some());
    // All kinds find out, one after the other.
    std::thread::sleep(Duration::from_secs(2));
    scene.until(|scene| scene.follower.health().failing() > Some(Duration::from_secs(2)));
    assert_eq!(scene.told("stays in force"), 1, "{:#?}", scene.news);
    assert_eq!(scene.at("10.0.0.1").as_deref(), Some("web-1"));
    assert_eq!(scene.follower.view().policies(), revision);
    scene.server.put(pod("web-2", "web", "10.0.0.7")).unwrap();
    scene.server.come_back();
    scene.until(|scene| scene.at("10.0.0.7").is_some() && scene.follower.health().error().is_none());
    assert_eq!(scene.told("tells everything again"), 1, "{:#?}", scene.news);
}

#[test]
fn garbage_changes_nothing_and_is_told() {
    for fault in [Fault::Garbage, Fault::Nonsense, Fault::Page(502), Fault::Cut(300)] {
        let mut scene = Scene::known();
        scene.server.fault(When::always().resource("pods"), fault, Some(3));
        scene.server.cut_watches();
        scene.server.put(pod("web-2", "web", "10.0.0.7")).unwrap();
        scene.until(|scene| scene.at("10.0.0.7").is_some());
        assert_eq!(scene.at("10.0.0.1").as_deref(), Some("web-1"));
        scene.until(|scene| scene.follower.health().error().is_none());
    }
}

#[test]
fn a_policy_that_was_stored_past_validation_keeps_no_other_from_being_followed() {
    let mut scene = Scene::known();
    scene.server.put(policy("web", json!({ "allow": [{ "name": "Not A Name" }] }))).unwrap();
    scene.server.put(policy("other", isolating())).unwrap();
    scene.until(|scene| {
        scene.at("10.0.0.1");
        scene.follower.view().standings().count() == 2
            && scene.follower.view().standings().any(|standing| !standing.is_accepted())
    });
    let standing = scene.follower.view().standings().find(|standing| standing.object.name == "web").unwrap();
    assert!(matches!(standing.in_force, InForce::Before(_)), "{standing:?}");
    assert!(standing.complaints[0].contains("error[B"), "{standing:?}");
}

#[test]
fn who_may_not_list_says_so_with_a_cure_and_goes_on_when_they_may() {
    let server = ApiServer::builder().closed().start().unwrap();
    definitions(&server);
    let kubeconfig =
        server.kubeconfig_with(&server.token_for(&User::account("bookend-system", "bookend-enforcer")));
    let mut scene = Scene::begin(server, &kubeconfig);
    scene.until(|scene| scene.told("may not list `pods`") > 0);
    assert!(scene.news.iter().any(|line| line.contains("kubectl auth can-i list pods")), "{:#?}", scene.news);
    assert!(!scene.follower.view().is_complete());
    let role = |verbs: Value| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": { "name": "reader" },
            "rules": [{ "apiGroups": ["*"], "resources": ["*"], "verbs": verbs }],
        })
    };
    scene.server.put(role(json!(["get", "list", "watch"]))).unwrap();
    scene.server.put(json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": { "name": "reader" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "reader" },
        "subjects": [{ "kind": "ServiceAccount", "name": "bookend-enforcer", "namespace": "bookend-system" }],
    })).unwrap();
    scene.until(|scene| scene.follower.view().is_complete());
}

#[test]
fn a_cluster_without_the_definitions_says_which_are_missing_and_is_followed_once_they_are_there() {
    let server = ApiServer::start().unwrap();
    let kubeconfig = server.kubeconfig();
    let mut scene = Scene::begin(server, &kubeconfig);
    scene.until(|scene| scene.told("the cluster knows no Policy (bookend.dev/v1alpha1)") > 0);
    assert!(scene.follower.unlisted().contains("policies.bookend.dev"));
    definitions(&scene.server);
    scene.until(|scene| scene.follower.view().is_complete());
}

#[test]
fn many_pods_are_listed_in_pages_and_those_that_change_are_told_one_by_one() {
    let server = server();
    let crowd = Crowd::new(50, 3_000);
    crowd.settle(&server);
    let kubeconfig = server.kubeconfig();
    let mut scene = Scene::begin(server, &kubeconfig);
    scene.until(|scene| scene.follower.view().is_complete());
    let known = scene
        .follower
        .view()
        .compile(&[])
        .unwrap()
        .inventory
        .workloads()
        .iter()
        .map(|w| w.instances.len())
        .sum::<usize>();
    assert!(known > 2_000, "{known}");
    let asked = scene.server.load();
    assert!(asked.count("list", "pods") >= 6, "{asked:?}");
    for index in 0..20 {
        crowd.change(&scene.server, index * 7);
    }
    let before = scene.follower.health().events;
    scene.until(|scene| scene.follower.health().events >= before + 20);
    assert_eq!(scene.server.load().count("list", "pods"), asked.count("list", "pods"));
}
