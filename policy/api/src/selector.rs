//! Labels, and what is chosen by them.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::list::Distinct;
use crate::text::{DnsLabel, LabelKey, LabelValue, Subdomain};

/// Labels.
pub type Labels = BTreeMap<String, LabelValue>;

/// The schema of labels; keys have a shape, too.
pub(crate) fn labels(generator: &mut SchemaGenerator) -> Schema {
    let (keys, values) = (generator.subschema_for::<LabelKey>(), generator.subschema_for::<LabelValue>());
    json_schema!({ "type": "object", "propertyNames": keys, "additionalProperties": values })
}

/// The schema of labels of which there is at least one.
pub(crate) fn some_labels(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = labels(generator);
    schema.insert("minProperties".to_owned(), 1.into());
    // So that they are counted by an API server. Nothing has more: labels are at most 256 KiB together.
    schema
}

/// How the value of a label is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Operator {
    /// It is one of these.
    In,
    /// It is none of these, or not there.
    NotIn,
    /// It is there.
    Exists,
    /// It is not there.
    DoesNotExist,
    /// It starts with one of these.
    StartsWith,
    /// It starts with none of these, or is not there.
    NotStartsWith,
    /// It ends with one of these.
    EndsWith,
    /// It ends with none of these, or is not there.
    NotEndsWith,
    /// One of these is in it.
    Contains,
    /// None of these is in it, or it is not there.
    NotContains,
}

/// A condition on one label. NotIn, DoesNotExist and the other negations hold where the label is absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("anyOf" = [
    {
        "properties": {
            "operator": { "enum": ["In", "NotIn"] },
            "values": { "items": { "pattern": "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$" } }
        },
        "required": ["values"]
    },
    {
        "properties": {
            "operator": { "enum": ["StartsWith", "NotStartsWith", "EndsWith", "NotEndsWith", "Contains", "NotContains"] },
            "values": { "items": { "minLength": 1 } }
        },
        "required": ["values"]
    },
    { "properties": { "operator": { "enum": ["Exists", "DoesNotExist"] } }, "not": { "required": ["values"] } }
]))]
pub struct Expression {
    /// The label.
    pub key: LabelKey,
    /// How its value is compared.
    pub operator: Operator,
    /// Values, or parts of values (S84).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<Distinct<ComparedLabel, 1000>>,
}

/// The value of a label, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct ComparedLabel(#[schemars(length(max = 63), regex(pattern = "^[A-Za-z0-9._-]*$"))] pub String);

/// Conditions on labels, all of which must hold.
pub type Expressions = Distinct<Expression, 100>;

/// All networks with these labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub struct NetworkSelector {
    /// Labels there must be, with these values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "some_labels")]
    pub labels: Option<Labels>,
    /// Conditions on labels, all of which must hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub match_expressions: Option<Expressions>,
}

/// All namespaces with these labels (S40); `{}` is every namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NamespaceSelector {
    /// Labels there must be, with these values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "some_labels")]
    pub labels: Option<Labels>,
    /// Conditions on labels, all of which must hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub match_expressions: Option<Expressions>,
}

/// Workloads; all that is written must hold (S11). `{}` is every workload of the policy's namespace, or of the cluster in a ClusterPolicy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("not" = { "required": ["namespace", "namespaces"] }))]
pub struct Selector {
    /// One namespace, by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<DnsLabel>,
    /// Namespaces by their labels; not beside `namespace`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<NamespaceSelector>,
    /// Labels there must be, with these values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "some_labels")]
    pub labels: Option<Labels>,
    /// Conditions on labels, all of which must hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub match_expressions: Option<Expressions>,
    /// Service accounts, one of which it runs under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_accounts: Option<Distinct<Subdomain, 1000>>,
    /// Whether a Bookend filter stands before it; either when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<bool>,
}
