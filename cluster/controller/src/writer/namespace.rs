//! Writing what one namespace gets, and telling nodes of it: first they hear that they cannot rely on it, then it changes, then it is theirs.

use std::collections::BTreeSet;

use bookend_cluster::view::Filtered;
use bookend_cluster::{Applying, Clash, Deleting, Leadership, Trouble};
use bookend_objects::install::INSTALL;
use bookend_objects::mesh::{Gateway, Mesh};
use serde_json::Value;
use tokio::time::Instant;

use super::reliance::{bare, reliable, there};
use super::stock::{self, Id};
use super::{MANAGER, Writer};
use crate::means::Ways;

/// What is to be done in a namespace.
enum Plan {
    /// Nothing, for it is not known what; it is what it was.
    Keep(String),
    /// What is there stays, but it is not what should be, so nobody may rely on it.
    Leave(Option<String>),
    /// To have these objects, each with the gateway that it is for.
    Have(Vec<(Option<Gateway>, Value)>, Filtered, Option<String>),
}

impl Writer {
    fn plan(&self, namespace: &str, ways: Ways) -> Plan {
        let Some(place) = self.places.get(namespace) else { return Plan::Leave(None) };
        if place.held {
            let told = "a policy is invalid whose last good version is not known here any more, so the objects that are there stay; correct the policy"
                .to_owned();
            // Once another policy changes, they no longer say what is in force, and what somebody else changed may say anything.
            let same = !place.disturbed
                && self.frozen.as_ref().is_some_and(|(_, policies)| *policies == self.policies);
            return if same { Plan::Keep(told) } else { Plan::Leave(Some(told)) };
        }
        let (share, means, pull) = match (&place.wanted, ways.means, &self.pull) {
            (None, _, _) => return Plan::Have(Vec::new(), Filtered::default(), None),
            // Nothing is taken away from proxies because something cannot be asked for.
            (Some(_), None, _) => return Plan::Leave(self.lacks.clone()),
            (Some(_), _, None) => {
                let told = "no image of the filter was named; start the controller with `--filter-image`";
                return Plan::Leave(Some(told.to_owned()));
            }
            (Some(share), Some(means), Some(pull)) => (share, means, pull),
        };
        let root = namespace == self.root;
        let mesh = Mesh {
            install: &self.install,
            namespace,
            root,
            gateways: &share.gateways,
            pull,
            configuration: &share.configuration,
            policies: &self.policies,
            means,
            envoy_filters: ways.envoy_filters,
        };
        match mesh.objects() {
            Ok(objects) => {
                let objects = objects.into_iter().map(|(gateway, object)| (gateway.cloned(), object));
                // Without EnvoyFilters nobody judges streams.
                let all = if ways.envoy_filters { reliable(share, root) } else { Filtered::default() };
                Plan::Have(objects.collect(), all, self.lacks.clone().or_else(|| bare(share, root)))
            }
            Err(unfit) => Plan::Leave(Some(unfit.to_string())),
        }
    }

    /// Writes the objects of one namespace. What is told is no failure, but should be known.
    pub(super) async fn write_one(
        &mut self,
        namespace: &str,
        ways: Ways,
        leadership: &Leadership,
    ) -> Result<Option<String>, Trouble> {
        let (objects, all, told) = match self.plan(namespace, ways) {
            Plan::Keep(told) => return Ok(Some(told)),
            Plan::Leave(told) => {
                self.retract(namespace, &Filtered::default(), leadership).await?;
                return Ok(told);
            }
            Plan::Have(objects, all, told) => (objects, all, told),
        };
        // A new configuration may be on its way; everything else must be as it should be already.
        let before = there(&all, &objects, |id, object| self.stock.resembles(id, object));
        self.retract(namespace, &before, leadership).await?;
        let applied = self.apply(&objects, leadership).await;
        if applied.as_ref().is_err_and(|trouble| !trouble.is_transient()) {
            let left = there(&all, &objects, |id, object| self.stock.is(id, object));
            self.retract(namespace, &left, leadership).await?;
        }
        applied?;
        let kept = objects.iter().filter_map(|(_, object)| Id::of(object)).collect();
        let deleting = self.delete_others(namespace, &kept, leadership).await?;
        let now = there(&all, &objects, |id, object| self.stock.is(id, object));
        leads(leadership)?;
        let telling = self.notices.tell(&self.cluster, namespace, &now, self.rely_after).await?;
        if let Some(place) = self.places.get_mut(namespace) {
            place.telling = [deleting, telling].into_iter().flatten().min();
        }
        let odd = (now != all).then(|| {
            "some of its objects are not as they were written, so nodes do not rely on its filters: somebody else changes them; see which webhook or tool does"
                .to_owned()
        });
        Ok(told.or(odd))
    }

    /// Tells nodes to rely on no more than this, before anything of the rest goes.
    async fn retract(
        &mut self,
        namespace: &str,
        all: &Filtered,
        leadership: &Leadership,
    ) -> Result<(), Trouble> {
        if !self.notices.exceed(namespace, all) {
            return Ok(());
        }
        leads(leadership)?;
        self.notices.retract(&self.cluster, namespace, all).await?;
        if let Some(place) = self.places.get_mut(namespace) {
            place.draining = Some(Instant::now() + self.drain);
        }
        Ok(())
    }

    async fn apply(
        &mut self,
        objects: &[(Option<Gateway>, Value)],
        leadership: &Leadership,
    ) -> Result<(), Trouble> {
        let applying = Applying::by(MANAGER);
        for (_, object) in objects {
            let Some(id) = Id::of(object) else { continue };
            if self.stock.is(&id, object) {
                continue;
            }
            leads(leadership)?;
            if !self.stock.knows(&id) {
                self.is_free(&id).await?;
            }
            // Whoever applies `null` may have applied nothing, and a configuration says much by it.
            let became = match has_null(object) {
                true => self.put(&id, object, &applying).await?,
                false => self.cluster.apply(object, &applying).await?,
            };
            self.counts.applied += 1;
            // What it became is what counts: somebody else may have a say in it.
            self.stock.put(id, &became);
        }
        Ok(())
    }

    /// Deletes what is there besides, once nobody relies on it. When, if that is later.
    async fn delete_others(
        &mut self,
        namespace: &str,
        kept: &BTreeSet<Id>,
        leadership: &Leadership,
    ) -> Result<Option<Instant>, Trouble> {
        let others = self.stock.others(namespace, kept);
        let draining = self.places.get(namespace).and_then(|place| place.draining);
        if let Some(until) = draining.filter(|until| !others.is_empty() && *until > Instant::now()) {
            return Ok(Some(until));
        }
        for id in others {
            leads(leadership)?;
            let deleting = Deleting::default();
            self.cluster.delete(id.kind, Some(&id.namespace), &id.name, &deleting).await?;
            self.counts.deleted += 1;
            self.stock.remove(&id);
        }
        Ok(None)
    }

    /// Nobody else's object of this name is there: another installation writes by the same name, so that nobody would ask it.
    async fn is_free(&self, id: &Id) -> Result<(), Trouble> {
        let found = self.cluster.get::<Value>(id.kind, Some(&id.namespace), &id.name).await?;
        let label =
            found.as_ref().and_then(|object| object.get("metadata")?.get("labels")?.get(INSTALL)?.as_str());
        let Some(other) = label.filter(|label| *label != self.install) else { return Ok(()) };
        let clashes =
            vec![Clash { manager: format!("the installation `{other}`"), field: ".spec".to_owned() }];
        Err(Trouble::Conflict { object: format!("{}/{}", id.namespace, id.name), clashes })
    }

    /// Creates an object, or replaces it as it was written here; what somebody else changed is left to them.
    async fn put(&self, id: &Id, object: &Value, applying: &Applying) -> Result<Value, Trouble> {
        let Some(found) = self.cluster.get::<Value>(id.kind, Some(&id.namespace), &id.name).await? else {
            return self.cluster.create(object, applying).await;
        };
        if let Some(manager) = stock::stranger(&found) {
            let clashes = vec![Clash { manager, field: ".spec".to_owned() }];
            return Err(Trouble::Conflict { object: format!("{}/{}", id.namespace, id.name), clashes });
        }
        let mut object = object.clone();
        if let (Some(metadata), Some(version)) = (
            object.get_mut("metadata").and_then(Value::as_object_mut),
            found.pointer("/metadata/resourceVersion"),
        ) {
            metadata.insert("resourceVersion".to_owned(), version.clone());
        }
        self.cluster.replace(&object, applying).await
    }
}

/// Whether this one still leads: asked before every single write.
fn leads(leadership: &Leadership) -> Result<(), Trouble> {
    if leadership.leads() {
        return Ok(());
    }
    Err(Trouble::Changed { object: "the Lease of the controller".to_owned() })
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.iter().any(has_null),
        Value::Object(fields) => fields.values().any(has_null),
        _ => false,
    }
}
