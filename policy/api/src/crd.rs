//! Custom resource definitions, as an API server takes them.

mod structural;

use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use crate::kind::{
    self, ClusterPolicy, ClusterPolicySpec, Enforcer, EnforcerStatus, Host, HostSpec, Inventory,
    InventorySpec, Network, NetworkSpec, Policy, PolicySpec, Reporting, ReportingSpec, Tier, TierSpec,
};
use crate::schema::Schemas;
use crate::status::PolicyStatus;

/// A custom resource definition.
#[derive(Clone, Debug)]
pub struct Definition {
    /// The kind that it defines.
    pub kind: &'static str,
    /// The object (`apiextensions.k8s.io/v1`).
    pub object: Value,
}

/// The definitions of all kinds of a cluster.
pub fn definitions() -> Vec<Definition> {
    let built_in = json!([{
        "rule": "!(self.metadata.name in ['admin', 'default', 'baseline', 'network-admin', 'network', 'network-baseline', 'network-profiles', 'mesh'])",
        "message": "this tier is built in: give it another name"
    }]);
    let host = json!({ "name": { "type": "string", "maxLength": 63 } });
    vec![
        Draft::new::<PolicySpec>("Policy", kind::bare::<Policy>()).finish(),
        Draft::new::<ClusterPolicySpec>("ClusterPolicy", kind::bare::<ClusterPolicy>()).finish(),
        Draft::new::<TierSpec>("Tier", kind::bare::<Tier>()).validated(built_in).finish(),
        Draft::new::<NetworkSpec>("Network", kind::bare::<Network>()).finish(),
        Draft::new::<HostSpec>("Host", kind::bare::<Host>()).named(host).finish(),
        Draft::new::<ReportingSpec>("Reporting", kind::bare::<Reporting>()).finish(),
        Draft::new::<InventorySpec>("Inventory", kind::bare::<Inventory>()).finish(),
        enforcer(),
    ]
}

/// A definition that is being made.
struct Draft {
    kind: &'static str,
    bare: Value,
    root: Map<String, Value>,
}

impl Draft {
    /// The definition of a kind that has a `spec` and the state of a policy.
    fn new<S: JsonSchema>(kind: &'static str, bare: Value) -> Self {
        let spec = structural_schema::<S>(structural::Unknown::Kept);
        let status = structural_schema::<PolicyStatus>(structural::Unknown::Cut);
        let mut draft = Self::with(kind, bare, json!({ "spec": spec, "status": status }));
        draft.root.insert("required".to_owned(), json!(["spec"]));
        draft
    }

    fn with(kind: &'static str, bare: Value, parts: Value) -> Self {
        let mut properties = json!({
            "apiVersion": { "type": "string" },
            "kind": { "type": "string" },
            "metadata": { "type": "object" }
        });
        if let (Some(properties), Value::Object(parts)) = (properties.as_object_mut(), parts) {
            properties.extend(parts);
        }
        let mut root = Map::new();
        root.insert("type".to_owned(), "object".into());
        root.insert("properties".to_owned(), properties);
        Self { kind, bare, root }
    }

    /// With rules about several of its parts.
    fn validated(mut self, rules: Value) -> Self {
        self.root.insert("x-kubernetes-validations".to_owned(), rules);
        self
    }

    /// With a narrower name.
    fn named(mut self, name: Value) -> Self {
        if let Some(metadata) = self.root.get_mut("properties").and_then(|all| all.get_mut("metadata")) {
            *metadata = json!({ "type": "object", "properties": name });
        }
        self
    }

    fn finish(self) -> Definition {
        let Self { kind, bare: mut object, mut root } = self;
        let description = object.pointer("/spec/versions/0/schema/openAPIV3Schema/description").cloned();
        if let Some(description) = description.or_else(|| described(kind)) {
            root.insert("description".to_owned(), description);
        }
        if let Some(version) = object.pointer_mut("/spec/versions/0").and_then(Value::as_object_mut) {
            version.insert("schema".to_owned(), json!({ "openAPIV3Schema": root }));
        }
        Definition { kind, object }
    }
}

/// What the JSON schema says of a kind.
fn described(kind: &str) -> Option<Value> {
    let schema = crate::json_schema();
    schema.get("$defs")?.get(kind)?.get("description").cloned()
}

fn enforcer() -> Definition {
    let status = structural_schema::<EnforcerStatus>(structural::Unknown::Cut);
    let mut draft = Draft::with("Enforcer", kind::bare::<Enforcer>(), json!({ "status": status }));
    let said = "What the enforcer of the node of the same name says of itself. Nobody else writes it.";
    draft.root.insert("description".to_owned(), said.into());
    draft.finish()
}

fn structural_schema<T: JsonSchema>(unknown: structural::Unknown) -> Value {
    let mut schemas = Schemas::new();
    let schema = schemas.of::<T>();
    structural::structural(&schema, &schemas.definitions(), unknown)
}
