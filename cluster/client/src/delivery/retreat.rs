//! Going back to what was, where a delivery fails.

use serde_json::{Value, json};

use super::course::Applied;
use super::extract::extract;
use super::{Delivery, Outcome, Step, Tell, change, clean};
use crate::{Deleting, Kind, Trouble, kinds};

impl Delivery {
    /// Sets back what was applied, the last first. Says whether everything could be; what stays does not count.
    pub(super) async fn retreat(&self, applied: Vec<Applied>, tell: Tell<'_>) -> bool {
        let mut restored = true;
        for each in applied.into_iter().rev() {
            if each.stays || change::outcome(each.before.as_ref(), &each.after) == Outcome::Same {
                continue;
            }
            match self.set_back(&each).await {
                Ok(()) => tell(Step::Restored(each.key)),
                Err(trouble) => {
                    restored = false;
                    tell(Step::NotRestored(each.key, trouble.to_string()));
                }
            }
        }
        restored
    }

    async fn set_back(&self, each: &Applied) -> Result<(), Trouble> {
        let key = &each.key;
        let Some(before) = &each.before else {
            let uid = each.after.pointer("/metadata/uid").and_then(Value::as_str).map(str::to_owned);
            let deleting = Deleting { uid, ..Deleting::default() };
            self.cluster.delete(&key.kind, key.namespace.as_deref(), &key.name, &deleting).await?;
            return Ok(());
        };
        // What this manager had applied before; if it had nothing there, it has nothing there again.
        let own = extract(before, &self.applying.manager).unwrap_or_else(|| nothing(&key.kind, before));
        let now = self.cluster.apply(&own, &self.applying.clone().forced(true)).await?;
        if clean(&now) == clean(before) || key.kind == kinds::CUSTOM_RESOURCE_DEFINITION {
            return Ok(());
        }
        Err(Trouble::Unusable {
            what: key.to_string(),
            reason: "others' fields in it were taken over by this delivery; apply their version of it again"
                .to_owned(),
        })
    }
}

/// An object of that name that says nothing.
fn nothing(kind: &Kind, before: &Value) -> Value {
    let name = |field: &str| before.pointer(&format!("/metadata/{field}")).cloned();
    let mut metadata = json!({ "name": name("name") });
    if let (Some(fields), Some(namespace)) = (metadata.as_object_mut(), name("namespace")) {
        fields.insert("namespace".to_owned(), namespace);
    }
    json!({ "apiVersion": kind.api_version(), "kind": kind.kind, "metadata": metadata })
}
