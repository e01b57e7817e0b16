//! A Helm chart. Its templates are the objects of an installation, in which some values are taken from `values.yaml`; each is put in
//! as JSON, which is YAML too, so that nothing has to be indented and nothing quoted.

use serde_json::{Value, json};

use super::page::{Page, Unwritable, document};
use super::{CONTROLLER, ENFORCER, Installation};

/// Where the templates have what a value says: kind, name, where in the object, which value.
const PLACES: [(&str, &str, &str, &str); 21] = [
    ("DaemonSet", ENFORCER, "/spec/template/spec/containers/0/image", ".Values.enforcer.image"),
    ("DaemonSet", ENFORCER, "/spec/template/spec/containers/0/resources", ".Values.enforcer.resources"),
    ("DaemonSet", ENFORCER, "/spec/template/spec/nodeSelector", ".Values.enforcer.nodeSelector"),
    ("DaemonSet", ENFORCER, "/spec/template/spec/tolerations", ".Values.enforcer.tolerations"),
    ("DaemonSet", ENFORCER, "/spec/template/spec/priorityClassName", ".Values.enforcer.priorityClassName"),
    ("DaemonSet", ENFORCER, "/spec/template/spec/imagePullSecrets", ".Values.imagePullSecrets"),
    (
        "DaemonSet",
        ENFORCER,
        "/spec/updateStrategy/rollingUpdate/maxUnavailable",
        ".Values.enforcer.maxUnavailable",
    ),
    ("Deployment", CONTROLLER, "/spec/replicas", ".Values.controller.replicas"),
    ("Deployment", CONTROLLER, "/spec/template/spec/containers/0/image", ".Values.enforcer.image"),
    ("Deployment", CONTROLLER, "/spec/template/spec/containers/0/resources", ".Values.controller.resources"),
    ("Deployment", CONTROLLER, "/spec/template/spec/nodeSelector", ".Values.controller.nodeSelector"),
    ("Deployment", CONTROLLER, "/spec/template/spec/tolerations", ".Values.controller.tolerations"),
    (
        "Deployment",
        CONTROLLER,
        "/spec/template/spec/priorityClassName",
        ".Values.controller.priorityClassName",
    ),
    ("Deployment", CONTROLLER, "/spec/template/spec/imagePullSecrets", ".Values.imagePullSecrets"),
    ("*", "*", "/metadata/namespace", ".Release.Namespace"),
    ("*", "*", "/metadata/labels/app.kubernetes.io~1managed-by", ".Release.Service"),
    ("*", "*", "/spec/template/metadata/labels/app.kubernetes.io~1managed-by", ".Release.Service"),
    ("ClusterRoleBinding", "*", "/subjects/0/namespace", ".Release.Namespace"),
    ("RoleBinding", "*", "/subjects/0/namespace", ".Release.Namespace"),
    ("*", "*", "/metadata/labels/bookend.dev~1install", ".Release.Name"),
    (
        "ValidatingAdmissionPolicy",
        "*",
        "/spec/matchConditions/0/expression",
        "printf `request.userInfo.username == 'system:serviceaccount:%s:bookend-enforcer'` .Release.Namespace",
    ),
];

/// Where the name of something that lies in no namespace stands, behind which is that of the release's.
const NAMES: [(&str, &str); 6] = [
    ("ClusterRole", "/metadata/name"),
    ("ClusterRoleBinding", "/metadata/name"),
    ("ClusterRoleBinding", "/roleRef/name"),
    ("ValidatingAdmissionPolicy", "/metadata/name"),
    ("ValidatingAdmissionPolicyBinding", "/metadata/name"),
    ("ValidatingAdmissionPolicyBinding", "/spec/policyName"),
];

/// Arguments whose value is one of the chart's.
const ARGUMENTS: [(&str, &str); 5] = [
    ("--install", ".Release.Name"),
    ("--sample", ".Values.enforcer.sample"),
    ("--istio", ".Values.istio"),
    ("--filter-image", ".Values.filter.image"),
    ("--namespace", ".Release.Namespace"),
];

/// Arguments that are only there if a value is true: the argument, and how many follow that belong to it.
const CONDITIONAL: [(&str, usize, &str); 2] =
    [("--dry-run", 0, ".Values.audit"), ("--filter-image", 1, ".Values.filter.image")];

const MARK: &str = "@@";

/// A Helm chart whose values are, where nobody says otherwise, those of the installation. Its version is `version`. The namespace is
/// Helm's to make, and policies are not part of it.
///
/// # Errors
/// When an object cannot be written as YAML.
pub fn chart(installation: &Installation, version: &str) -> Result<Vec<Page>, Unwritable> {
    let mut pages = vec![
        page("Chart.yaml", document(&about(version))?),
        page("values.yaml", format!("{VALUES_HEAD}{}", document(&values(installation))?)),
        page("templates/NOTES.txt", NOTES.to_owned()),
    ];
    for definition in installation.definitions() {
        let name = definition.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("definition");
        let plural = name.split('.').next().unwrap_or(name);
        pages.push(page(&format!("crds/{plural}.yaml"), document(&definition)?));
    }
    // Every argument that there may be stands in the template; conditions take it out.
    let filter = installation.filter_image.clone().or_else(|| Some(String::new()));
    let whole = Installation { audit: true, filter_image: filter, pull_secret: None, ..installation.clone() };
    for object in whole.access().into_iter().chain(whole.admission()).chain(whole.workloads()) {
        let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let name = text("/metadata/name");
        let name = name.split('.').next().unwrap_or(&name);
        let file = format!("templates/{}-{name}.yaml", text("/kind").to_lowercase());
        pages.push(page(&file, template(object, &installation.namespace)?));
    }
    Ok(pages)
}

fn page(path: &str, text: String) -> Page {
    Page { path: path.to_owned(), text }
}

fn about(version: &str) -> Value {
    json!({
        "apiVersion": "v2",
        "name": "bookend",
        "description": "One policy for both ends of every connection: enforcers on every node, filters in every proxy.",
        "type": "application",
        "version": version,
        "appVersion": version,
        "kubeVersion": format!(">={}.{}.0-0", super::KUBERNETES.0, super::KUBERNETES.1),
    })
}

const VALUES_HEAD: &str = "\
# enforcer.image, filter.image: by digest, as `bookend package` prints them. Without filter.image there are no filters.
# audit: enforcers tell what they would drop, and drop nothing.
# istio: auto, wasmplugin, trafficextension, envoyfilter, or none.
# enforcer.sample: one in so many allowed new connections is told; a text.
";

const NOTES: &str = "\
Bookend's programs run in the namespace {{ .Release.Namespace }}. Enforcers need what only privileged pods may have:

  kubectl label namespace {{ .Release.Namespace }} pod-security.kubernetes.io/enforce=privileged

Policies are objects of their own: kubectl apply -f policies.yaml
Before `helm uninstall`, let the enforcers clean their nodes: bookend uninstall
";

/// What the templates take, as the installation has it.
fn values(installation: &Installation) -> Value {
    let Installation { enforcer, controller, .. } = installation;
    let secrets: Vec<_> = installation.pull_secret.iter().map(|name| json!({ "name": name })).collect();
    json!({
        "audit": installation.audit,
        "istio": installation.istio.name(),
        "imagePullSecrets": secrets,
        "filter": { "image": installation.filter_image.clone().unwrap_or_default() },
        "enforcer": {
            "image": installation.enforcer_image,
            "nodeSelector": enforcer.node_selector,
            "tolerations": enforcer.tolerations,
            "resources": enforcer.resources,
            "maxUnavailable": enforcer.max_unavailable,
            "priorityClassName": enforcer.priority_class,
            "sample": enforcer.sample.to_string(),
        },
        "controller": {
            "replicas": controller.replicas,
            "nodeSelector": controller.node_selector,
            "tolerations": controller.tolerations,
            "resources": controller.resources,
            "priorityClassName": controller.priority_class,
        },
    })
}

/// The text of a template.
fn template(mut object: Value, namespace: &str) -> Result<String, Unwritable> {
    let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (kind, name) = (text("/kind"), text("/metadata/name"));
    for (of, called, place, value) in PLACES {
        if (of == "*" || of == kind) && (called == "*" || called == name) {
            put(&mut object, place, value);
        }
    }
    for (_, place) in NAMES.iter().filter(|(of, _)| *of == kind) {
        let found = object.pointer(place).and_then(Value::as_str);
        if let Some(name) = found.and_then(|name| name.strip_suffix(&format!(".{namespace}"))) {
            let value = format!("printf `{name}.%s` .Release.Namespace");
            put(&mut object, place, &value);
        }
    }
    let arguments = object.pointer_mut("/spec/template/spec/containers/0/args").and_then(Value::as_array_mut);
    if let Some(arguments) = arguments {
        *arguments = marked(std::mem::take(arguments));
    }
    Ok(unmarked(&document(&object)?))
}

/// Puts a mark where a value belongs. Of what the object does not have, only image pull secrets are added.
fn put(object: &mut Value, place: &str, value: &str) {
    let mark = Value::String(format!("{MARK}{value}{MARK}"));
    match object.pointer_mut(place) {
        Some(found) => *found = mark,
        None if place.ends_with("/imagePullSecrets") => {
            let parent = place.trim_end_matches("/imagePullSecrets");
            if let Some(fields) = object.pointer_mut(parent).and_then(Value::as_object_mut) {
                fields.insert("imagePullSecrets".to_owned(), mark);
            }
        }
        None => {}
    }
}

/// Arguments with marks in the place of values, and around those that are not always there.
fn marked(arguments: Vec<Value>) -> Vec<Value> {
    let mut marked = Vec::new();
    let (mut before, mut open) = (String::new(), None);
    for argument in arguments {
        let text = argument.as_str().unwrap_or_default().to_owned();
        if let Some((_, follow, condition)) = CONDITIONAL.iter().find(|(name, _, _)| *name == text) {
            marked.push(Value::String(format!("{MARK}if {condition}{MARK}")));
            open = Some(*follow);
        }
        let value = ARGUMENTS.iter().find(|(name, _)| *name == before);
        marked.push(value.map_or(argument, |(_, value)| Value::String(format!("{MARK}{value}{MARK}"))));
        open = match open {
            Some(0) => {
                marked.push(Value::String(format!("{MARK}end{MARK}")));
                None
            }
            open => open.map(|left| left - 1),
        };
        before = text;
    }
    marked
}

/// The text with Helm's actions in the place of marks.
fn unmarked(text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        let mark = line.find(MARK).zip(line.rfind(MARK)).filter(|(start, end)| start < end);
        let inner = mark.and_then(|(start, end)| Some((start, line.get(start + MARK.len()..end)?)));
        let Some((start, inner)) = inner else {
            lines.push(line.to_owned());
            continue;
        };
        if inner == "end" || inner.starts_with("if ") {
            lines.push(format!("{{{{- {inner} }}}}"));
            continue;
        }
        // The writer quotes a text that begins with a mark.
        let head = line.get(..start).unwrap_or_default().trim_end_matches(['"', '\'']);
        lines.push(format!("{head}{{{{ {inner} | toJson }}}}"));
    }
    lines.push(String::new());
    lines.join("\n")
}

#[cfg(test)]
mod tests;
