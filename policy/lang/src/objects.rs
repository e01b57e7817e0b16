//! Documents as the objects of a cluster: the same values that are read here, as JSON, whatever they say.
//!
//! A second reader of YAML would read `no`, `010` or a repeated key in its own way, and a cluster would get another policy than
//! the one that was checked.

use serde_json::{Map, Number, Value as Json};

use crate::{
    Refused, Source, Span,
    diagnostic::Report,
    yaml::{self, Node, Scalar, Value},
};

/// A document, as an object of a cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// What it says. That it makes sense is not checked: [`compile`](crate::compile) does.
    pub value: Json,
    /// Where it stands.
    pub span: Span,
}

impl Object {
    /// Its `apiVersion`; empty if it has none.
    pub fn api_version(&self) -> &str {
        self.text("apiVersion")
    }

    /// Its `kind`; empty if it has none.
    pub fn kind(&self) -> &str {
        self.text("kind")
    }

    /// Whether it is one of Bookend's own documents.
    pub fn is_own(&self) -> bool {
        self.api_version().starts_with("bookend.dev/")
    }

    fn text(&self, field: &str) -> &str {
        self.value.get(field).and_then(Json::as_str).unwrap_or_default()
    }
}

/// All documents of all sources, in order; those of a list one by one.
///
/// # Errors
/// When a source is not YAML as [`compile`](crate::compile) reads it.
pub fn objects(sources: &[Source]) -> Result<Vec<Object>, Refused> {
    let (mut report, mut objects) = (Report::default(), Vec::new());
    for (index, source) in sources.iter().enumerate() {
        let Some(text) = yaml::text(index, source, &mut report) else { continue };
        let Some(read) = yaml::read(index, text, &mut report) else { continue };
        for document in &read.documents {
            add(json(document), document.span, &mut objects);
        }
    }
    if report.refuses() { Err(Refused { diagnostics: report.into_diagnostics() }) } else { Ok(objects) }
}

fn add(mut value: Json, span: Span, objects: &mut Vec<Object>) {
    let text = |value: &Json, field: &str| value.get(field).and_then(Json::as_str).map(str::to_owned);
    let (version, kind) = (text(&value, "apiVersion"), text(&value, "kind"));
    let listed = value.get("items").is_some_and(Json::is_array);
    let Some(item_kind) = kind.as_deref().and_then(|kind| kind.strip_suffix("List")).filter(|_| listed)
    else {
        objects.push(Object { value, span });
        return;
    };
    let items = value.get_mut("items").and_then(Json::as_array_mut).map(std::mem::take).unwrap_or_default();
    for mut item in items {
        // The items of a `PolicyList` need not say what they are; those of a `List` do.
        if let Json::Object(fields) = &mut item
            && !item_kind.is_empty()
        {
            let said = version.clone().map_or(Json::Null, Json::String);
            fields.entry("apiVersion").or_insert(said);
            fields.entry("kind").or_insert_with(|| Json::String(item_kind.to_owned()));
        }
        add(item, span, objects);
    }
}

fn json(node: &Node) -> Json {
    match &node.value {
        Value::Scalar(scalar) => of_scalar(scalar),
        Value::Sequence(items) => Json::Array(items.iter().map(json).collect()),
        Value::Mapping(entries) => {
            let fields = entries.iter().map(|entry| (entry.key.clone(), json(&entry.value)));
            Json::Object(fields.collect::<Map<_, _>>())
        }
    }
}

/// What is no value of its kind to Bookend, such as `yes` or `010`, stays the text that it is: nothing that compiles holds one.
fn of_scalar(scalar: &Scalar) -> Json {
    let value = match scalar.kind() {
        "null" => Some(Json::Null),
        "boolean" => scalar.boolean().map(Json::Bool),
        "number" => scalar.integer().map(|number| Json::Number(number.into())).or_else(|| {
            let octal = scalar.text.trim_start_matches(['+', '-']).starts_with('0');
            let fraction = (!octal || scalar.text.contains('.')).then(|| scalar.text.parse().ok()).flatten();
            fraction.and_then(Number::from_f64).map(Json::Number)
        }),
        _ => None,
    };
    value.unwrap_or_else(|| Json::String(scalar.text.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(text: &str) -> Vec<Json> {
        let objects = objects(&[Source::new("test", text)]).unwrap();
        objects.into_iter().map(|object| object.value).collect()
    }

    #[test]
    fn values_are_what_they_are_to_the_compiler() {
        let text =
            "a: 1\nb: '1'\nc: true\nd: yes\ne: 010\nf: ~\ng: 1.5\nh: [x, {y: -7}]\ni: 0.5\nj: \"true\"\n";
        let expected = json!({
            "a": 1, "b": "1", "c": true, "d": "yes", "e": "010", "f": null, "g": 1.5, "h": ["x", { "y": -7 }], "i": 0.5, "j": "true",
        });
        assert_eq!(of(text), [expected]);
    }

    #[test]
    fn lists_are_taken_apart() {
        let list = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod}\n---\n\
                    apiVersion: bookend.dev/v1alpha1\nkind: PolicyList\nitems:\n- {metadata: {name: web}}\n";
        let policy =
            json!({ "apiVersion": "bookend.dev/v1alpha1", "kind": "Policy", "metadata": { "name": "web" } });
        assert_eq!(of(list), [json!({ "apiVersion": "v1", "kind": "Pod" }), policy]);
    }

    #[test]
    fn what_is_no_yaml_is_refused_with_its_place() {
        let refused = objects(&[Source::new("test", "a: [")]).unwrap_err();
        assert!(!refused.diagnostics.is_empty());
    }
}
