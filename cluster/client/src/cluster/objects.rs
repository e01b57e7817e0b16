//! Objects of a cluster: read, applied, replaced, deleted.

use kube::api::{
    DeleteParams, GetParams, ListParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy,
    ValidationDirective,
};
use kube::core::Request;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Cluster;
use crate::trouble::Asked;
use crate::{Applying, Deleting, Kind, Propagation, Scope, Trouble};

/// How many objects the server is asked for at once.
const PAGE: u32 = 500;

#[derive(Deserialize)]
#[serde(bound(deserialize = "T: DeserializeOwned"))]
struct Page<T> {
    #[serde(default = "Vec::new")]
    items: Vec<T>,
    #[serde(default)]
    metadata: Continuation,
}

#[derive(Default, Deserialize)]
struct Continuation {
    #[serde(default, rename = "continue")]
    token: Option<String>,
}

impl Cluster {
    /// The object of this name, or nothing. `namespace` is of no account for kinds that lie in none.
    ///
    /// # Errors
    /// See [`Trouble`]; also when the kind is not served.
    pub async fn get<T: DeserializeOwned>(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Option<T>, Trouble> {
        let asked = self.asked("get", kind, namespace, name);
        let request = Request::new(kind.path(namespace)).get(name, &GetParams::default());
        match self.send(request, &asked).await {
            Ok(object) => Ok(Some(object)),
            Err(Trouble::NotFound { .. }) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// All objects of a kind that `scope` means, asked for in pages. The server leaves `apiVersion` and `kind` out of them.
    ///
    /// # Errors
    /// See [`Trouble`]. When the pages expired while they were read: [`Trouble::Expired`].
    pub async fn list<T: DeserializeOwned>(&self, kind: &Kind, scope: &Scope) -> Result<Vec<T>, Trouble> {
        let namespace = scope.namespace.as_deref();
        let asked = self.asked("list", kind, namespace, "");
        let mut objects = Vec::new();
        let mut parameters = ListParams {
            label_selector: scope.labels.clone(),
            field_selector: scope.fields.clone(),
            limit: Some(PAGE),
            ..ListParams::default()
        };
        loop {
            let request = Request::new(kind.path(namespace)).list(&parameters);
            let page: Page<T> = self.send(request, &asked).await?;
            objects.extend(page.items);
            match page.metadata.token.filter(|token| !token.is_empty()) {
                Some(token) => parameters.continue_token = Some(token),
                None => return Ok(objects),
            }
        }
    }

    /// Applies an object, server-side: what it says is so afterwards, and what it said before and no longer does is gone.
    /// Fields that the server does not know refuse it. Returns it as the server has it then.
    ///
    /// # Errors
    /// See [`Trouble`]: [`Trouble::Conflict`] if others manage what it says, [`Trouble::Invalid`].
    pub async fn apply(&self, object: &Value, applying: &Applying) -> Result<Value, Trouble> {
        let named = Named::of(object)?;
        let asked = named.asked(self, "patch");
        let parameters = parameters(applying);
        let request = named.request().patch(named.name, &parameters, &Patch::Apply(object));
        self.send(request, &asked).await
    }

    /// Applies the `status` of an object that exists, likewise. The object has nothing but its kind, its name and the status.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn apply_status(&self, object: &Value, applying: &Applying) -> Result<Value, Trouble> {
        let named = Named::of(object)?;
        let asked = named.asked(self, "patch");
        let patch = Patch::Apply(object);
        let request = named.request().patch_subresource("status", named.name, &parameters(applying), &patch);
        self.send(request, &asked).await
    }

    /// Creates an object that must not exist.
    ///
    /// # Errors
    /// See [`Trouble`]: [`Trouble::Exists`].
    pub async fn create(&self, object: &Value, applying: &Applying) -> Result<Value, Trouble> {
        let named = Named::of(object)?;
        let asked = named.asked(self, "create");
        let request = named.request().create(&posted(applying), bytes(object, &asked)?);
        self.send(request, &asked).await
    }

    /// Replaces an object that must not have changed since it was read: its `metadata.resourceVersion` says when that was.
    ///
    /// # Errors
    /// See [`Trouble`]: [`Trouble::Changed`].
    pub async fn replace(&self, object: &Value, applying: &Applying) -> Result<Value, Trouble> {
        let named = Named::of(object)?;
        let asked = named.asked(self, "update");
        let request = named.request().replace(named.name, &posted(applying), bytes(object, &asked)?);
        self.send(request, &asked).await
    }

    /// Deletes an object. Says whether there was one; what finalizers hold is still there afterwards.
    ///
    /// # Errors
    /// See [`Trouble`]: [`Trouble::Changed`] if there is another one of that name than the one meant.
    pub async fn delete(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        name: &str,
        deleting: &Deleting,
    ) -> Result<bool, Trouble> {
        let asked = self.asked("delete", kind, namespace, name);
        let parameters = DeleteParams {
            dry_run: deleting.dry_run,
            propagation_policy: Some(match deleting.propagation {
                Propagation::Background => PropagationPolicy::Background,
                Propagation::Foreground => PropagationPolicy::Foreground,
                Propagation::Orphan => PropagationPolicy::Orphan,
            }),
            preconditions: deleting
                .uid
                .clone()
                .map(|uid| Preconditions { uid: Some(uid), resource_version: None }),
            ..DeleteParams::default()
        };
        let request = Request::new(kind.path(namespace)).delete(name, &parameters);
        match self.send::<Value>(request, &asked).await {
            Ok(_) => Ok(true),
            Err(trouble) if trouble.is_absent() => Ok(false),
            Err(trouble) => Err(trouble),
        }
    }
}

fn parameters(applying: &Applying) -> PatchParams {
    PatchParams {
        dry_run: applying.dry_run,
        force: applying.force,
        field_manager: Some(applying.manager.clone()),
        field_validation: Some(ValidationDirective::Strict),
    }
}

fn posted(applying: &Applying) -> PostParams {
    PostParams { dry_run: applying.dry_run, field_manager: Some(applying.manager.clone()) }
}

fn bytes(object: &Value, asked: &Asked<'_>) -> Result<Vec<u8>, Trouble> {
    serde_json::to_vec(object)
        .map_err(|error| Trouble::Unusable { what: asked.object(), reason: error.to_string() })
}

/// What an object is called.
struct Named<'o> {
    kind: &'static Kind,
    namespace: Option<&'o str>,
    name: &'o str,
}

impl<'o> Named<'o> {
    fn of(object: &'o Value) -> Result<Self, Trouble> {
        let said = |field: &str| object.get(field).and_then(Value::as_str).unwrap_or("?");
        let of = |field: &str| object.get("metadata")?.get(field)?.as_str().filter(|text| !text.is_empty());
        let what = || format!("`{}` ({})", said("kind"), said("apiVersion"));
        let unusable = |what: String, reason: &str| Trouble::Unusable { what, reason: reason.to_owned() };
        let kind = Kind::of(object).ok_or_else(|| {
            unusable(what(), "its kind is none that Bookend writes; apply it with `kubectl`")
        })?;
        let name = of("name").ok_or_else(|| unusable(what(), "it has no name; give it one in `metadata`"))?;
        let namespace = of("namespace");
        if kind.namespaced && namespace.is_none() {
            let what = format!("{} `{name}`", what());
            return Err(unusable(what, "it is in no namespace; give it one in `metadata`"));
        }
        Ok(Self { kind, namespace: namespace.filter(|_| kind.namespaced), name })
    }

    fn request(&self) -> Request {
        Request::new(self.kind.path(self.namespace))
    }

    fn asked<'a>(&self, cluster: &'a Cluster, verb: &'a str) -> Asked<'a>
    where
        'o: 'a,
    {
        cluster.asked(verb, self.kind, self.namespace, self.name)
    }
}
