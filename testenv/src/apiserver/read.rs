//! GET of one object and of many.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::kind::Kind;
use super::refusal::{Outcome, Refusal, set};
use super::route::Query;
use super::selector::Selector;
use super::store::{Place, Store};

/// In which form objects are given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Whole,
    /// `PartialObjectMetadata`.
    Metadata,
}

impl Form {
    /// What `Accept` asks for. Tables, which only people need, are not written.
    pub(crate) fn asked(accept: &str) -> Self {
        if accept.contains("as=PartialObjectMetadata") { Self::Metadata } else { Self::Whole }
    }

    /// The object in this form and version.
    pub(crate) fn give(self, kind: &Kind, version: &str, object: &Value) -> Value {
        let mut given = match self {
            Self::Metadata => json!({
                "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
                "metadata": object.get("metadata"),
            }),
            Self::Whole => object.clone(),
        };
        if self == Self::Whole {
            set(&mut given, "kind", json!(kind.kind));
            set(&mut given, "apiVersion", json!(kind.api_version(version)));
        }
        given
    }
}

/// One page of a list, as text.
pub(crate) fn list(
    store: &Store,
    kind: &Kind,
    version: &str,
    namespace: &str,
    query: &Query,
    form: Form,
) -> Outcome<Vec<u8>> {
    let text = |key: &str| query.get(key).map_or("", String::as_str);
    let selector = Selector::parse(kind, text("labelSelector"), text("fieldSelector"))?;
    let limit = match text("limit") {
        "" | "0" => usize::MAX,
        limit => limit.parse().map_err(|_| Refusal::bad_request(format!("invalid limit: `{limit}`")))?,
    };
    let (revision, after) = match text("continue") {
        "" => {
            fresh(store, text("resourceVersion"), text("resourceVersionMatch"))?;
            (store.revision(), None)
        }
        token => {
            let (revision, place) = continued(token)?;
            if revision < store.compacted() {
                let message = "The provided continue parameter is too old to display a consistent list result. \
                               You can start a new list without the continue parameter.";
                return Err(Refusal::new(410, "Expired", message));
            }
            (revision, Some(place))
        }
    };
    let mut items = Vec::new();
    let mut count = 0;
    let mut last = None;
    let mut rest = false;
    for (place, item) in store.range(&kind.id(), namespace, after) {
        if count == limit {
            rest = true;
            break;
        }
        let object = item.value();
        if !selector.matches(&object) {
            continue;
        }
        let mut given = form.give(kind, version, &object);
        if kind.built_in && form == Form::Whole {
            // Lists of Kubernetes' own kinds name the kind only once.
            given.as_object_mut().map(|fields| (fields.remove("kind"), fields.remove("apiVersion")));
        }
        if count > 0 {
            items.push(b',');
        }
        serde_json::to_writer(&mut items, &given)
            .map_err(|error| Refusal::new(500, "InternalError", error.to_string()))?;
        count += 1;
        last = Some(place);
    }
    let mut metadata = json!({ "resourceVersion": revision.to_string() });
    if let (true, Some(last)) = (rest, last) {
        set(&mut metadata, "continue", json!(token(revision, last)));
        if selector.is_empty() {
            let left = store.range(&kind.id(), namespace, Some(last.clone())).count();
            set(&mut metadata, "remainingItemCount", json!(left));
        }
    }
    let (name, group_version) = match form {
        Form::Metadata => ("PartialObjectMetadataList".to_owned(), "meta.k8s.io/v1".to_owned()),
        Form::Whole => (format!("{}List", kind.kind), kind.api_version(version)),
    };
    let head = format!(
        "{{\"kind\":\"{name}\",\"apiVersion\":\"{group_version}\",\"metadata\":{metadata},\"items\":["
    );
    let mut body = head.into_bytes();
    body.append(&mut items);
    body.extend_from_slice(b"]}");
    Ok(body)
}

/// Whether a list of that revision can be given. All are given as they are now, which is right for whoever asks for "not older".
fn fresh(store: &Store, revision: &str, matching: &str) -> Outcome<()> {
    if revision.is_empty() {
        return Ok(());
    }
    let asked: u64 = revision
        .parse()
        .map_err(|_| Refusal::bad_request(format!("invalid resource version: `{revision}`")))?;
    if asked > store.revision() {
        let message = format!("Too large resource version: {asked}, current: {}", store.revision());
        return Err(Refusal::new(504, "Timeout", message));
    }
    if matching == "Exact" && asked < store.revision() {
        return Err(Refusal::expired(asked, store.revision()));
    }
    Ok(())
}

fn token(revision: u64, place: &Place) -> String {
    URL_SAFE_NO_PAD.encode(json!([revision, place.0, place.1]).to_string())
}

fn continued(token: &str) -> Outcome<(u64, Place)> {
    let broken = || Refusal::bad_request("continue key is not valid: it was not made by this server");
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| broken())?;
    let (revision, namespace, name) = serde_json::from_slice(&bytes).map_err(|_| broken())?;
    Ok((revision, (namespace, name)))
}
