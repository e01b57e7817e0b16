//! Any order of events gives the same view.

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Pod { name: u8, app: u8, address: u8, state: u8 },
    PodGone(u8),
    Policy { name: u8, spec: u8 },
    PolicyGone(u8),
    Host(u8),
    HostGone(u8),
    Namespace(bool),
    Compile,
    Relist,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..6_u8, 0..3_u8, 0..6_u8, 0..5_u8)
            .prop_map(|(name, app, address, state)| Step::Pod { name, app, address, state }),
        3 => (0..6_u8).prop_map(Step::PodGone),
        2 => (0..3_u8, 0..4_u8).prop_map(|(name, spec)| Step::Policy { name, spec }),
        1 => (0..3_u8).prop_map(Step::PolicyGone),
        1 => (0..3_u8).prop_map(Step::Host),
        1 => (0..3_u8).prop_map(Step::HostGone),
        1 => any::<bool>().prop_map(Step::Namespace),
        2 => Just(Step::Compile),
        1 => Just(Step::Relist),
    ]
}

fn make_pod(name: u8, app: u8, address: u8, state: u8) -> Value {
    let mut pod =
        pod(&format!("p{name}"), ["web", "db", "web"][usize::from(app)], &format!("10.0.0.{}", address + 1));
    if app == 2 {
        pod["metadata"]["labels"]["version"] = "2".into();
    }
    match state {
        1 => pod["status"]["phase"] = "Failed".into(),
        2 => pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into(),
        3 => pod["spec"]["nodeName"] = "here".into(),
        4 => pod["metadata"]["labels"]["pod-template-hash"] = "other".into(),
        _ => {}
    }
    pod
}

fn make_policy(name: u8, spec: u8) -> Value {
    let spec = match spec {
        0 => json!({ "isolate": [{ "workloads": {} }] }),
        1 => {
            json!({ "allow": [{ "name": "r", "to": [{ "workloads": { "labels": { "pod-template-hash": "other" } } }] }] })
        }
        2 => json!({ "allow": [{ "name": "r", "from": [{ "workloads": { "labels": { "app": "db" } } }] }] }),
        _ => json!({ "isolate": [{ "workloads": { "labels": { "app": "web" } } }] }),
    };
    policy(&format!("q{name}"), spec)
}

/// One that always says the same, so that what it said before does not matter.
fn make_host(name: u8) -> Value {
    let (namespace, address) = [("aaa", 1), ("zzz", 1), ("zzz", 3)][usize::from(name)];
    json!({
        "apiVersion": "bookend.dev/v1alpha1", "kind": "Host",
        "metadata": { "name": format!("h{name}"), "namespace": namespace },
        "spec": { "interfaces": [{ "name": "eth0", "addresses": [format!("10.0.0.{address}")] }] },
    })
}

fn make_namespace() -> Value {
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop", "labels": { "team": "a" } } })
}

type State = BTreeMap<(String, String), Value>;

fn name_of(object: &Value) -> (String, String) {
    (object["kind"].to_string(), object["metadata"]["name"].to_string())
}

fn run(view: &mut View, state: &mut State, step: &Step) {
    let mut drop_one = |view: &mut View, object: Value| {
        if let Some(object) = state.remove(&name_of(&object)) {
            gone(view, &object);
        }
    };
    match step {
        Step::PodGone(name) => drop_one(view, make_pod(*name, 0, 0, 0)),
        Step::PolicyGone(name) => drop_one(view, make_policy(*name, 0)),
        Step::HostGone(name) => drop_one(view, make_host(*name)),
        Step::Namespace(false) => drop_one(view, make_namespace()),
        Step::Namespace(true) => {
            state.insert(name_of(&make_namespace()), make_namespace());
            put(view, make_namespace());
        }
        Step::Host(name) => {
            let object = make_host(*name);
            state.insert(name_of(&object), object.clone());
            put(view, object);
        }
        Step::Pod { name, app, address, state: phase } => {
            let object = make_pod(*name, *app, *address, *phase);
            state.insert(name_of(&object), object.clone());
            put(view, object);
        }
        Step::Policy { name, spec } => {
            let object = make_policy(*name, *spec);
            state.insert(name_of(&object), object.clone());
            put(view, object);
        }
        Step::Compile => drop(view.compile(&[]).map(|_| ())),
        Step::Relist => {
            view.take_pod(Event::Listing);
            view.take(&kinds::POLICY, Event::Listing);
            view.take(&kinds::HOST, Event::Listing);
            view.take(&kinds::NAMESPACE, Event::Listing);
            for object in state.values().rev() {
                put(view, object.clone());
            }
            for kind in [&kinds::POLICY, &kinds::HOST, &kinds::NAMESPACE] {
                view.take(kind, Event::Synced);
            }
            view.take_pod(Event::Synced);
        }
    }
}

/// All that can be seen of a view from outside.
fn seen(view: &mut View) -> String {
    view.attach(&[Attached {
        uid: "uid of p0".to_owned(),
        interface: "veth0".to_owned(),
        addresses: Vec::new(),
    }]);
    let compiled = view.compile(&[]).unwrap();
    let told = format!("{:#?}\n{:#?}", compiled.program, compiled.inventory);
    let standings: Vec<Standing> = view.standings().collect();
    format!("{told}\n{standings:#?}\n{:?}\n{}", view.contested(), view.policies())
}

proptest! {
    #[test]
    fn a_view_after_any_history_is_one_that_saw_only_the_end(steps in proptest::collection::vec(step(), 0..40), backwards: bool) {
        let (mut view, mut state) = (empty(), State::new());
        for step in &steps {
            run(&mut view, &mut state, step);
        }
        let mut fresh = empty();
        let mut objects: Vec<Value> = state.into_values().collect();
        if backwards {
            objects.reverse();
        }
        for object in objects {
            put(&mut fresh, object);
        }
        prop_assert_eq!(seen(&mut view), seen(&mut fresh));
    }
}
