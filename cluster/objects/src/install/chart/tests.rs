//! The chart, rendered by a renderer that knows no more of Helm than the chart uses: `{{ value | toJson }}`,
//! ``{{ printf `…%s…` value | toJson }}``, and lines with
//! `{{- if value }}` and `{{- end }}`. Whether Helm itself takes it is not tested: there is no `helm` here.

use bookend_lang::{Source, objects};
use serde_json::{Value, json};

use super::*;

fn read(name: &str, text: &str) -> Value {
    let read =
        objects(&[Source::new(name, text)]).unwrap_or_else(|refused| panic!("{name}: {refused:?}\n{text}"));
    assert_eq!(read.len(), 1, "{name}");
    read.into_iter().next().unwrap().value
}

fn value<'v>(values: &'v Value, path: &str) -> &'v Value {
    values.pointer(&path.replace('.', "/")).unwrap_or_else(|| panic!("the chart has no value `{path}`"))
}

/// A value, or a text with a value in the place of its `%s`.
fn evaluated(action: &str, values: &Value) -> Value {
    let Some(rest) = action.strip_prefix("printf `") else { return value(values, action).clone() };
    let (format, path) = rest.rsplit_once("` ").unwrap();
    json!(format.replace("%s", value(values, path).as_str().unwrap()))
}

fn render(text: &str, values: &Value) -> String {
    let mut lines = Vec::new();
    let mut shown = true;
    for line in text.lines() {
        if let Some(condition) = line.strip_prefix("{{- if ") {
            let of = value(values, condition.trim_end_matches(" }}"));
            shown = !(of.is_null() || *of == false || *of == "");
        } else if line == "{{- end }}" {
            shown = true;
        } else if shown {
            let action = line
                .split_once("{{ ")
                .and_then(|(head, rest)| Some((head, rest.strip_suffix(" | toJson }}")?)));
            lines.push(match action {
                Some((head, action)) => format!("{head}{}", evaluated(action, values)),
                None => line.to_owned(),
            });
        }
    }
    lines.join("\n")
}

fn installation() -> Installation {
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": { "name": "policies.bookend.dev" },
    });
    Installation::new(
        vec![definition],
        "registry.example/enforcer@sha256:1",
        Some("registry.example/filter@sha256:2".to_owned()),
    )
}

/// What Helm would make of a chart with these changes of its values.
fn rendered(installation: &Installation, change: impl FnOnce(&mut Value)) -> Vec<Value> {
    let pages = chart(installation, "0.1.0").unwrap();
    let find = |path: &str| pages.iter().find(|page| page.path == path).unwrap();
    let mut values = read("values", &find("values.yaml").text);
    change(&mut values);
    let release =
        json!({ "Namespace": installation.namespace, "Name": installation.name, "Service": "bookend" });
    let all = json!({ "Values": values, "Release": release });
    let templates =
        pages.iter().filter(|page| page.path.starts_with("templates/") && page.path.ends_with(".yaml"));
    templates.map(|page| read(&page.path, &render(&page.text, &all))).collect()
}

fn expected(installation: &Installation) -> Vec<Value> {
    let mut objects = installation.access();
    objects.extend(installation.admission());
    objects.extend(installation.workloads());
    for object in &mut objects {
        // Helm's list of secrets is there even if it is empty.
        if let Some(pod) = object.pointer_mut("/spec/template/spec").and_then(Value::as_object_mut) {
            pod.entry("imagePullSecrets").or_insert(json!([]));
        }
    }
    objects
}

#[test]
fn a_chart_with_its_own_values_is_the_installation() {
    let installation = installation();
    assert_eq!(rendered(&installation, |_| {}), expected(&installation));
}

#[test]
fn values_change_what_they_say() {
    let usual = installation();
    let mut other = Installation { audit: true, pull_secret: None, ..usual.clone() };
    other.enforcer.tolerations = json!([{ "key": "a", "operator": "Exists" }]);
    other.enforcer.sample = 7;
    other.controller.replicas = json!(3);
    other.filter_image = None;
    let objects = rendered(&usual, |values| {
        values["audit"] = json!(true);
        values["enforcer"]["tolerations"] = other.enforcer.tolerations.clone();
        values["enforcer"]["sample"] = json!("7");
        values["controller"]["replicas"] = json!(3);
        values["filter"]["image"] = json!("");
    });
    assert_eq!(objects, expected(&other));
}

#[test]
fn no_mark_is_left_in_any_file() {
    for page in chart(&installation(), "0.1.0").unwrap() {
        assert!(!page.text.contains(MARK), "{}: {}", page.path, page.text);
    }
}
