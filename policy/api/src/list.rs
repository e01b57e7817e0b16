//! Lists with bounds. An empty one is never written: what is left out means something else (S15).

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Entries, of which there are at least `LEAST` and at most `MOST`, and none twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Distinct<T, const MOST: usize, const LEAST: usize = 1>(pub Vec<T>);

/// Entries, of which there is at least one and at most `MOST`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Listing<T, const MOST: usize>(pub Vec<T>);

/// One, or a list of alternatives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum OneOrMany<T> {
    /// One.
    One(T),
    /// Any of these.
    Many(Distinct<T, 1000>),
}

impl<T: JsonSchema, const MOST: usize, const LEAST: usize> JsonSchema for Distinct<T, MOST, LEAST> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Distinct_{}_{LEAST}_{MOST}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let items = generator.subschema_for::<T>();
        let mut schema =
            json_schema!({ "type": "array", "items": items, "maxItems": MOST, "uniqueItems": true });
        if LEAST > 0 {
            schema.insert("minItems".to_owned(), LEAST.into());
        }
        schema
    }
}

impl<T: JsonSchema, const MOST: usize> JsonSchema for Listing<T, MOST> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Listing_{}_{MOST}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let items = generator.subschema_for::<T>();
        json_schema!({ "type": "array", "items": items, "minItems": 1, "maxItems": MOST })
    }
}
