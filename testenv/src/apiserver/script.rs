//! What a test does with the server: objects, faults, numbers.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};

use super::access::User;
use super::fault::{Fault, When};
use super::kind::{CRD, Kind, Version};
use super::refusal::{Outcome, Refusal};
use super::shared::{Shared, locked};
use super::store::{Maker, Place, Store};
use super::tally::{Asked, Load};
use super::write::{self, Order, Unknown, erase};
use super::{ApiServer, clock};
use crate::error::{Doing, Error, Result};

/// The namespaces that every cluster has.
pub(super) fn begin(shared: &Shared) {
    shared.change(|store| {
        for name in ["default", "kube-node-lease", "kube-public", "kube-system"] {
            namespace(store, name);
        }
        // Who has listed nothing has missed nothing.
        store.forget();
    });
}

fn namespace(store: &mut Store, name: &str) {
    if name.is_empty() || store.get("namespaces", "", name).is_some() {
        return;
    }
    let uid = store.uid();
    let object = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {
            "name": name, "uid": uid, "creationTimestamp": clock::now(),
            "labels": { "kubernetes.io/metadata.name": name },
        },
        "spec": { "finalizers": ["kubernetes"] }, "status": { "phase": "Active" },
    });
    store.put("namespaces", (String::new(), name.to_owned()), object);
}

/// The kind of an object, in the version it is written in, and where it lies.
fn about(store: &Store, object: &Value) -> Result<(Arc<Kind>, Version, Place)> {
    let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let api_version = text("/apiVersion");
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let unknown = || {
        let what = format!("the API server has no kind `{}` in `{api_version}`", text("/kind"));
        Error::new(what).cure("install its CRD first, with `install_crds`")
    };
    let kind = store.kind_of(group, text("/kind")).ok_or_else(unknown)?;
    let version = kind.version(version).ok_or_else(unknown)?.clone();
    let namespace = match (kind.namespaced, text("/metadata/namespace")) {
        (false, _) => "",
        (true, "") => "default",
        (true, namespace) => namespace,
    };
    let place = (namespace.to_owned(), text("/metadata/name").to_owned());
    if place.1.is_empty() {
        return Err(Error::new(format!("a {} without `metadata.name`", kind.kind)));
    }
    Ok((kind, version, place))
}

fn order<'a>(kind: &'a Kind, version: &'a Version, place: &'a Place, manager: &'a str) -> Order<'a> {
    Order {
        kind,
        version,
        namespace: &place.0,
        name: &place.1,
        subresource: "",
        manager,
        dry_run: false,
        force: true,
        unknown: Unknown::Refuse,
        who: &ADMIN,
    }
}

/// A script may do everything.
static ADMIN: LazyLock<User> = LazyLock::new(User::admin);

fn told(outcome: Outcome<write::Done>) -> Result<Value> {
    outcome.map(|done| Value::clone(&done.object)).map_err(|refusal| Error::new(refusal.message()))
}

impl ApiServer {
    /// Puts an object into the cluster as it is, its status included; takes the place of one that is there. Nothing is validated, so that
    /// what was stored before a schema forbade it can be made; a namespace that is missing is made. Returns it as it is stored.
    ///
    /// # Errors
    /// If the server has no such kind, or the object no name.
    pub fn put(&self, object: Value) -> Result<Value> {
        self.shared.change(|store| {
            let (kind, _, place) = about(store, &object)?;
            namespace(store, &place.0);
            let live = store.get(&kind.id(), &place.0, &place.1);
            let mut object = object;
            let uid = match live.as_ref().and_then(|live| live.pointer("/metadata/uid")) {
                Some(uid) => uid.clone(),
                None => json!(store.uid()),
            };
            let old =
                live.as_ref().and_then(|live| live.pointer("/metadata/generation")).and_then(Value::as_u64);
            let same = live.as_ref().is_some_and(|live| live.get("spec") == object.get("spec"));
            if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
                if kind.namespaced {
                    metadata.insert("namespace".to_owned(), json!(place.0));
                }
                metadata.entry("uid").or_insert(uid);
                metadata.entry("creationTimestamp").or_insert_with(|| json!(clock::now()));
                if write::counts(&kind) {
                    let generation = old.map_or(1, |old| if same { old } else { old + 1 });
                    metadata.entry("generation").or_insert_with(|| json!(generation));
                }
            }
            if kind.id() == "namespaces" {
                write::check::begin(&kind, &mut object);
            }
            let object = store.put(&kind.id(), place, object);
            Ok(Value::clone(&erase::follow(store, &kind, object)))
        })
    }

    /// Applies an object as `manager` does it, by force; with all checks.
    ///
    /// # Errors
    /// What the API says against it.
    pub fn apply(&self, manager: &str, object: Value) -> Result<Value> {
        self.shared.change(|store| {
            let (kind, version, place) = about(store, &object)?;
            namespace(store, &place.0);
            let order = order(&kind, &version, &place, manager);
            told(write::patch::patch(store, order, "application/apply-patch+yaml", &object))
        })
    }

    /// Changes an object by a merge patch (RFC 7396); `patch` names its kind, namespace and name as the object does. With all checks; the
    /// status is changed where the patch has one.
    ///
    /// # Errors
    /// What the API says against it.
    pub fn patch(&self, patch: Value) -> Result<Value> {
        self.shared.change(|store| {
            let (kind, version, place) = about(store, &patch)?;
            let order = order(&kind, &version, &place, "kubectl-patch");
            let mut done = told(write::patch::patch(store, order, "application/merge-patch+json", &patch))?;
            if version.status && patch.get("status").is_some() {
                let order = Order { subresource: "status", ..order };
                done = told(write::patch::patch(store, order, "application/merge-patch+json", &patch))?;
            }
            Ok(done)
        })
    }

    /// Lets the objects 0 to `count` of a kind be there as if they always had been, each made when somebody asks for it.
    /// Their namespaces are made as well.
    pub fn populate(&self, plural: &str, maker: &Arc<dyn Maker>, count: u32) {
        self.shared.change(|store| {
            let mut places: Vec<_> = (0..count).map(|index| maker.place(index)).collect();
            let mut namespaces: Vec<_> = places.iter().map(|(namespace, _)| namespace.clone()).collect();
            namespaces.sort();
            namespaces.dedup();
            namespaces.iter().for_each(|name| namespace(store, name));
            store.settle(plural, maker, places.drain(..));
        });
    }

    /// Tells that an object that is made on demand is new, or was changed for the `edition`th time.
    pub fn remake(&self, plural: &str, maker: &Arc<dyn Maker>, index: u32, edition: u32) {
        self.shared.change(|store| store.make(plural, maker.place(index), maker, index, edition));
    }

    /// Deletes an object, with all that falls with it. `plural` with its group: `pods`, `daemonsets.apps`.
    ///
    /// # Errors
    /// If it is not there.
    pub fn delete(&self, plural: &str, namespace: &str, name: &str) -> Result<()> {
        let outcome = self.shared.change(|store| {
            let kind = store.kinds.get(plural).cloned();
            let kind =
                kind.ok_or_else(|| Refusal::new(404, "NotFound", format!("no such kind: `{plural}`")))?;
            erase::delete(store, &kind, (namespace, name), &erase::Wish::default())
        });
        outcome.map(drop).map_err(|refusal| Error::new(refusal.message()))
    }

    /// An object as it is stored. `plural` with its group: `pods`, `policies.bookend.dev`.
    pub fn get(&self, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        self.shared.store().get(plural, namespace, name).map(|object| Value::clone(&object))
    }

    /// All objects of a kind, in all namespaces.
    pub fn list(&self, plural: &str) -> Vec<Value> {
        self.shared.store().all(plural).iter().map(|object| Value::clone(object)).collect()
    }

    /// Installs the CRDs in a text of YAML documents; other documents are refused.
    ///
    /// # Errors
    /// If it is no YAML, no CRD, or its schema none.
    pub fn install_crds(&self, yaml: &str) -> Result<()> {
        let documents: Vec<Value> = serde_saphyr::from_multiple(yaml).doing("read CRDs")?;
        for document in documents.into_iter().filter(|document| !document.is_null()) {
            let name =
                document.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
            let put = self.put(document)?;
            if self.get(CRD, "", &name).is_none() {
                return Err(Error::new(format!("`{name}` is no CustomResourceDefinition")));
            }
            let conditions = put.pointer("/status/conditions").and_then(Value::as_array);
            let refused = conditions.into_iter().flatten().find(|condition| condition["status"] == "False");
            if let Some(refused) = refused {
                return Err(Error::new(format!(
                    "the CRD `{name}` is not established: {}",
                    refused["message"]
                )));
            }
        }
        Ok(())
    }

    /// Lets something happen to requests; to the next `times`, or to all. Several of the same request: delays add up, of the others the first counts.
    pub fn fault(&self, when: When, fault: Fault, times: Option<u32>) {
        locked(&self.shared.faults).add(when, fault, times);
    }

    /// Ends all faults.
    pub fn heal(&self) {
        locked(&self.shared.faults).clear();
    }

    /// Goes away: connections are ended and new ones refused, until [`come_back`](Self::come_back).
    pub fn go_away(&self) {
        self.shared.tell(|signal| signal.down = true);
    }

    /// Listens again, at the same ports.
    pub fn come_back(&self) {
        self.shared.tell(|signal| signal.down = false);
    }

    /// Breaks all open watches off, in the middle of their bodies.
    pub fn cut_watches(&self) {
        self.shared.tell(|signal| signal.cut += 1);
    }

    /// Forgets all changes, as etcd does when it is compacted: watches and pages from before are answered with 410. Open watches go on.
    pub fn forget(&self) {
        self.shared.store().forget();
    }

    /// How many changes are remembered; 20,000 if it is not said.
    pub fn remember(&self, changes: usize) {
        self.shared.store().history = changes;
    }

    /// Sends a bookmark to every watch that takes them, now.
    pub fn bookmark(&self) {
        self.shared.tell(|signal| signal.bookmarks += 1);
    }

    /// The revision of the last change.
    pub fn revision(&self) -> u64 {
        self.shared.store().revision()
    }

    /// The numbers since the start or the last [`reset`](Self::reset).
    pub fn load(&self) -> Load {
        self.shared.tally().load.clone()
    }

    /// The requests since the start or the last [`reset`](Self::reset), the first 100,000.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.tally().asked.clone()
    }

    /// Sets all numbers to nothing and forgets the requests.
    pub fn reset(&self) {
        let mut tally = self.shared.tally();
        tally.load = Load::default();
        tally.asked.clear();
    }

    /// How many watches of a kind are open now, by its plural; of all kinds if it is empty.
    pub fn watches(&self, plural: &str) -> u32 {
        let tally = self.shared.tally();
        let open = tally.watches.iter().filter(|(name, _)| plural.is_empty() || *name == plural);
        open.map(|(_, count)| count).sum()
    }

    /// What somebody may do by the roles in the cluster and has not done since the start: `list pods`, `patch leases.coordination.k8s.io`.
    pub fn unused(&self, user: &User) -> Vec<String> {
        locked(&self.shared.access).unused(&self.shared.store(), user)
    }

    /// Says where a port of a pod really is, for `pods/portforward`; of every pod in the namespace if `pod` is empty.
    pub fn forward(&self, namespace: &str, pod: &str, port: u16, to: SocketAddr) {
        let key = (namespace.to_owned(), pod.to_owned(), port);
        locked(&self.shared.forwards).to.insert(key, to);
    }
}
