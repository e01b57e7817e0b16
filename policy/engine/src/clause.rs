//! A part of a rule that is either absent or a list of alternatives.

use alloc::vec::Vec;
use serde::Serialize;

use crate::{
    Truth,
    tape::{Mismatch, Read, Value},
};

/// A condition list of a rule: absent (everything satisfies it) or at least one alternative.
///
/// Absent and empty are different things: an empty list is refused wherever one is built, because it would
/// widen a rule in one reading and void it in the other. When a clause is read from a configuration, absent is written
/// `null`: a key that is missing is refused, because a lost key must not widen a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(into = "Option<Vec<T>>", bound(serialize = "T: Clone + Serialize"))]
pub enum Clause<T> {
    /// The rule does not have this condition.
    #[default]
    Any,
    /// One of these must hold. Never empty when built with [`Clause::one_of`].
    OneOf(Alternatives<T>),
}

/// A list with at least one element; only [`Clause::one_of`] builds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternatives<T>(Vec<T>);

/// A condition list was present but empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an empty list of alternatives can never match; leave the field out to match everything")]
pub struct EmptyClause;

impl<T> Clause<T> {
    /// A clause of alternatives.
    ///
    /// # Errors
    /// When `alternatives` is empty.
    pub fn one_of(alternatives: Vec<T>) -> Result<Self, EmptyClause> {
        // Nearly all have one, there may be very many, and none ever grows. A filter has few, and the code would cost it more.
        #[cfg(not(target_family = "wasm"))]
        let alternatives = {
            let mut alternatives = alternatives;
            alternatives.shrink_to_fit();
            alternatives
        };
        if alternatives.is_empty() { Err(EmptyClause) } else { Ok(Self::OneOf(Alternatives(alternatives))) }
    }

    /// A clause of one alternative.
    pub fn only(alternative: T) -> Self {
        Self::OneOf(Alternatives(alloc::vec![alternative]))
    }

    /// The alternatives, or `None` when the clause is absent.
    pub fn alternatives(&self) -> Option<&[T]> {
        match self {
            Self::Any => None,
            Self::OneOf(Alternatives(list)) => Some(list),
        }
    }

    /// Whether the clause is absent.
    pub fn is_any(&self) -> bool {
        matches!(self, Self::Any)
    }

    /// Whether the clause holds, given how to judge one alternative.
    pub fn holds(&self, truth: impl FnMut(&T) -> Truth) -> Truth {
        match self {
            Self::Any => Truth::Yes,
            Self::OneOf(Alternatives(list)) => Truth::any(list, truth),
        }
    }
}

impl<T: Read> Read for Clause<T> {
    fn read(value: Value<'_>) -> Result<Self, Mismatch> {
        if value.is_null() {
            return Ok(Self::Any);
        }
        Self::one_of(Vec::read(value)?).map_err(|error| Mismatch::because(&error))
    }
}

impl<T> From<Clause<T>> for Option<Vec<T>> {
    fn from(clause: Clause<T>) -> Self {
        match clause {
            Clause::Any => None,
            Clause::OneOf(Alternatives(list)) => Some(list),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Configuration, LabelExpression, tape};
    use alloc::{string::ToString, vec};
    use serde_json::{Value, json};

    fn http(not: Value) -> Value {
        let text = json!({"text": [{"exact": "a"}, {"prefix": "a"}, {"suffix": "a"}, {"regex": "a"}]});
        json!({
            "methods": ["GET"], "hosts": ["a.example"], "clients": [{"cidr": "10.0.0.0/8", "except": []}], "paths": ["/a/{b}"],
            "headers": [{"name": "a", "value": text}, {"name": "b", "value": {"present": true}}],
            "query": [{"name": "a", "value": text}],
            "grpc": [{"service": "a.B", "method": "C"}],
            "jwt": [{
                "issuer": ["a"], "subject": [{"exact": "a"}], "audiences": ["a"],
                "claims": [{"claim": ["a", "b"], "value": text}],
            }],
            "when": "request.path == '/a'", "not": not,
        })
    }

    fn rule() -> Value {
        let expression = json!({"operator": "NotIn", "key": "k", "values": ["v"]});
        let selector = json!({
            "namespaces": {"labelled": {"labels": {}, "expressions": [expression]}},
            "labels": {}, "expressions": [expression], "serviceAccounts": null,
        });
        let peer = json!({
            "workloads": selector, "blocks": [{"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}],
            "principals": ["spiffe://a/*"],
            "not": [{"workloads": null, "blocks": null, "principals": ["*b"], "not": []}],
        });
        json!({
            "id": "a/p/r", "plane": "bookend", "tier": 1000, "priority": 0, "action": "allow", "mode": "enforce", "namespace": "a",
            "at": {"source": true, "destination": true}, "from": [peer], "to": [peer],
            "ports": [
                {"range": {"protocol": "TCP", "first": 1, "last": 2}},
                {"named": {"protocol": "TCP", "name": "http"}},
            ],
            "notPorts": [{"range": {"protocol": "UDP", "first": 1, "last": 2}}],
            "http": [http(json!([http(json!([]))]))],
        })
    }

    fn read(rule: Value) -> Result<Configuration, alloc::string::String> {
        let identity = json!({"namespace": "a", "serviceAccount": "s", "labels": {}, "proxied": true});
        let configuration = json!({
            "revision": "r",
            "program": {"rules": [rule], "isolations": []},
            "inventory": {
                "trustDomain": "t", "trustAddresses": false, "namespaces": {"a": {"k": "v"}},
                "workloads": [{"name": "w", "identity": identity, "instances": []}],
            },
        });
        Configuration::from_json(configuration.to_string().as_bytes()).map_err(|error| error.to_string())
    }

    /// The paths to every key inside `value`.
    fn keys(value: &Value, path: &str, found: &mut Vec<(alloc::string::String, alloc::string::String)>) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(key, value)| {
                found.push((path.to_string(), key.clone()));
                keys(value, &alloc::format!("{path}/{key}"), found);
            }),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .for_each(|(index, item)| keys(item, &alloc::format!("{path}/{index}"), found)),
            _ => {}
        }
    }

    #[test]
    fn a_lost_key_never_widens_a_rule() {
        read(rule()).unwrap();
        let mut found = vec![];
        keys(&rule(), "", &mut found);
        assert!(found.len() > 20, "{found:?}");
        for (path, key) in found {
            let mut poorer = rule();
            poorer.pointer_mut(&path).unwrap().as_object_mut().unwrap().remove(&key);
            assert!(read(poorer).is_err(), "without {path}/{key}");
        }
    }

    #[test]
    fn a_label_expression_is_refused_without_values() {
        for operator in ["In", "NotIn"] {
            let values = |values: Value| {
                serde_json::from_value::<LabelExpression>(
                    json!({"operator": operator, "key": "k", "values": values}),
                )
            };
            assert!(values(json!(["v"])).is_ok());
            assert!(values(json!(null)).is_err());
            assert!(values(json!([])).is_err());
        }
    }

    #[test]
    fn null_is_absent_and_an_empty_list_is_refused() {
        let clause = |json: &str| -> Result<Clause<u16>, _> {
            tape::deserialize(&mut serde_json::Deserializer::from_str(json))
        };
        assert_eq!(clause("null").unwrap(), Clause::Any);
        assert_eq!(clause("[1]").unwrap(), Clause::one_of(vec![1]).unwrap());
        for wrong in ["[]", "{}", "1", "[null]", "false"] {
            assert!(clause(wrong).is_err(), "{wrong}");
        }
    }
}
