//! What an installation consists of, and what it may do.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;

fn usual() -> Installation {
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": "policies.bookend.dev", "creationTimestamp": null },
        "status": {},
    });
    Installation::new(
        vec![definition],
        "registry.example/enforcer@sha256:0",
        Some("registry.example/filter".to_owned()),
    )
}

fn pod(object: &Value) -> &Value {
    object.pointer("/spec/template/spec").unwrap()
}

fn find<'o>(objects: &'o [Value], kind: &str, name: &str) -> &'o Value {
    let named = |object: &&Value| {
        object.get("kind").is_some_and(|of| of == kind)
            && object.pointer("/metadata/name").is_some_and(|of| of == name)
    };
    objects.iter().find(named).unwrap()
}

#[test]
fn what_others_need_is_applied_before_them() {
    let kinds: Vec<_> =
        usual().objects().iter().map(|object| object["kind"].as_str().unwrap().to_owned()).collect();
    let place = |kind: &str| kinds.iter().position(|of| of == kind).unwrap();
    let order = [
        "CustomResourceDefinition",
        "Namespace",
        "ServiceAccount",
        "ClusterRole",
        "ClusterRoleBinding",
        "DaemonSet",
        "Deployment",
    ];
    assert!(order.windows(2).all(|pair| place(pair[0]) < place(pair[1])), "{kinds:?}");
}

#[test]
fn everything_is_labelled_as_the_installations() {
    for object in usual().objects() {
        let labels = object.pointer("/metadata/labels").unwrap();
        assert_eq!(labels[INSTALL], "bookend", "{object}");
        assert_eq!(labels["app.kubernetes.io/managed-by"], "bookend", "{object}");
    }
}

#[test]
fn nothing_is_privileged_and_no_capability_is_without_a_reason() {
    let objects = usual().objects();
    let enforcer = find(&objects, "DaemonSet", ENFORCER);
    let container = &pod(enforcer)["containers"][0];
    assert_eq!(container["securityContext"]["privileged"], false);
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    let added: BTreeSet<_> = container["securityContext"]["capabilities"]["add"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    let reasons = capability::needed(false);
    assert_eq!(added, reasons.iter().map(|capability| capability.name).collect());
    assert!(reasons.iter().all(|capability| !capability.purpose.is_empty()));
    let controller = find(&objects, "Deployment", CONTROLLER);
    assert_eq!(pod(controller)["securityContext"]["runAsNonRoot"], true);
    assert_eq!(
        pod(controller)["containers"][0]["securityContext"]["capabilities"],
        json!({ "drop": ["ALL"] })
    );
}

#[test]
fn only_enforcers_that_ask_proxies_have_more_than_enforcing_takes() {
    let added = |installation: &Installation| {
        let enforcer = enforcer::daemon_set(installation);
        pod(&enforcer)["containers"][0]["securityContext"]["capabilities"]["add"].clone()
    };
    let mut installation = usual();
    assert_eq!(added(&installation), json!(["BPF", "PERFMON", "NET_ADMIN"]));
    installation.enforcer.ask_proxies = true;
    assert_eq!(added(&installation), json!(["BPF", "PERFMON", "NET_ADMIN", "SYS_ADMIN", "SYS_PTRACE"]));
    let reasons = capability::needed(true);
    assert!(reasons.iter().all(|capability| !capability.purpose.is_empty()));
    // Who leaves a node asks nobody.
    let leaving = installation.leaving();
    let added = &pod(&leaving)["containers"][0]["securityContext"]["capabilities"]["add"];
    assert_eq!(*added, json!(["BPF", "PERFMON", "NET_ADMIN"]));
}

#[test]
fn every_volume_is_mounted_and_every_mount_has_its_volume() {
    for object in usual().workloads().iter().filter(|object| object["kind"] == "DaemonSet") {
        let names = |list: &Value| -> BTreeSet<String> {
            list.as_array().unwrap().iter().map(|each| each["name"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names(&pod(object)["volumes"]), names(&pod(object)["containers"][0]["volumeMounts"]));
    }
}

#[test]
fn no_wildcard_is_granted() {
    for grant in
        Istio::ALL.into_iter().flat_map(|istio| [enforcer_grants(), controller_grants(istio)].concat())
    {
        let words = grant.resources.iter().chain(grant.verbs).chain([&grant.group]);
        assert!(words.into_iter().all(|word| !word.contains('*')), "{grant:?}");
        assert!(!grant.resources.contains(&"secrets"), "{grant:?}");
    }
}

#[test]
fn without_a_mesh_it_is_granted_only_to_find_that_there_is_none() {
    let grants = [enforcer_grants(), controller_grants(Istio::None)].concat();
    let of_istio = grants.iter().filter(|grant| grant.group.ends_with("istio.io"));
    for grant in of_istio {
        assert_eq!((grant.resources, grant.verbs), (&["requestauthentications"][..], &["list", "watch"][..]));
    }
}

#[test]
fn who_leaves_takes_the_place_of_who_enforced() {
    let installation = usual();
    let (enforcing, leaving) = (enforcer::daemon_set(&installation), installation.leaving());
    assert_eq!(enforcing["metadata"], leaving["metadata"]);
    assert_eq!(enforcing["spec"]["selector"], leaving["spec"]["selector"]);
    assert_eq!(pod(&enforcing)["volumes"], pod(&leaving)["volumes"]);
    assert_eq!(pod(&leaving)["containers"][0]["args"][0], "leave");
}

#[test]
fn audit_is_said_to_the_enforcers() {
    let installation = Installation { audit: true, ..usual() };
    let daemon_set = enforcer::daemon_set(&installation);
    let arguments = pod(&daemon_set)["containers"][0]["args"].as_array().unwrap();
    assert!(arguments.contains(&json!("--dry-run")));
}

#[test]
fn definitions_are_taken_as_they_are_but_for_labels() {
    let objects = usual().objects();
    let definition = find(&objects, "CustomResourceDefinition", "policies.bookend.dev");
    assert_eq!(definition["metadata"].get("creationTimestamp"), None);
    assert_eq!(definition.get("status"), None);
}

#[test]
fn two_installations_share_no_object_but_definitions() {
    let usual = usual();
    let other = Installation { name: "other".to_owned(), namespace: "elsewhere".to_owned(), ..usual.clone() };
    let names = |installation: &Installation| -> BTreeSet<String> {
        let objects = installation.objects();
        let own = objects.iter().filter(|object| object["kind"] != "CustomResourceDefinition");
        own.map(|object| {
            format!("{} {} {}", object["kind"], object["metadata"]["namespace"], object["metadata"]["name"])
        })
        .collect()
    };
    assert_eq!(names(&usual).intersection(&names(&other)).next(), None);
    for object in other.objects() {
        let text = object.to_string();
        assert!(!text.contains("bookend-system"), "{text}");
    }
}

#[test]
fn what_keeps_enforcers_apart_asks_only_them() {
    let objects = usual().objects();
    let policy = find(&objects, "ValidatingAdmissionPolicy", "bookend-enforcer.bookend-system");
    let account = "request.userInfo.username == 'system:serviceaccount:bookend-system:bookend-enforcer'";
    assert_eq!(policy["spec"]["matchConditions"][0]["expression"], account);
    let granted = enforcer_grants();
    let granted =
        granted.iter().filter(|grant| grant.group == "bookend.dev" && !grant.verbs.contains(&"watch"));
    let resources: BTreeSet<&str> = granted.clone().flat_map(|grant| grant.resources).copied().collect();
    let asked =
        policy.pointer("/spec/matchConstraints/resourceRules/0/resources").unwrap().as_array().unwrap();
    assert_eq!(asked.iter().map(|resource| resource.as_str().unwrap()).collect::<BTreeSet<_>>(), resources);
    // Who deletes is not asked, so no enforcer may.
    assert!(granted.clone().all(|grant| !grant.verbs.contains(&"delete")));
    let binding = find(&objects, "ValidatingAdmissionPolicyBinding", "bookend-enforcer.bookend-system");
    assert_eq!(binding["spec"]["policyName"], policy["metadata"]["name"]);
}

#[test]
fn what_names_anybody_is_told_on_loopback_only() {
    for object in usual().workloads().iter().filter(|object| object["kind"] != "PodDisruptionBudget") {
        let container = &pod(object)["containers"][0];
        let arguments: Vec<_> =
            container["args"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
        let listen = arguments.windows(2).find(|pair| pair[0] == "--listen").unwrap()[1];
        assert!(listen.starts_with("127.0.0.1:"), "{listen}");
        let own: u16 = listen.rsplit_once(':').unwrap().1.parse().unwrap();
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            let get = &container[probe]["httpGet"];
            // Kubelet is on the node: it reaches loopback of pods of the node's network only.
            let reached = match pod(object).get("hostNetwork") {
                Some(_) => get["host"] == "127.0.0.1" && get["port"] == own,
                None => {
                    get.get("host").is_none()
                        && get["port"] == "probes"
                        && container["ports"][0]["containerPort"] != own
                }
            };
            assert!(reached, "{get}");
        }
    }
}
