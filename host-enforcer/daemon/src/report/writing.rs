//! Writing the `Enforcer` of this node.

use bookend_api::EnforcerStatus;
use bookend_cluster::{Applying, Cluster, Trouble, kinds};
use serde_json::{Value, json};

/// In whose name fields are written.
const MANAGER: &str = "bookend-enforcer";

/// Writes what differs from what was written.
pub(super) struct Writer {
    cluster: Cluster,
    node: String,
    /// Whether there is an object whose status can be written.
    exists: bool,
    written: Option<EnforcerStatus>,
}

impl Writer {
    pub(super) fn new(cluster: Cluster, node: String) -> Self {
        Self { cluster, node, exists: false, written: None }
    }

    pub(super) fn differs(&self, status: &EnforcerStatus) -> bool {
        self.written.as_ref() != Some(status)
    }

    /// Writes it.
    ///
    /// # Errors
    /// If the API server does not take it.
    pub(super) async fn write(&mut self, status: &EnforcerStatus) -> Result<(), Trouble> {
        if !self.exists {
            self.make().await?;
        }
        let mut object = self.object(json!({ "name": self.node }));
        if let Some(fields) = object.as_object_mut() {
            // Numbers, words and lists: this cannot fail.
            fields.insert("status".to_owned(), serde_json::to_value(status).unwrap_or_default());
        }
        let applying = Applying::by(MANAGER).forced(true);
        match self.cluster.apply_status(&object, &applying).await {
            Ok(_) => {
                self.written = Some(status.clone());
                Ok(())
            }
            Err(trouble) => {
                // Somebody deleted it; the next attempt makes it again.
                self.exists &= !matches!(trouble, Trouble::NotFound { .. });
                Err(trouble)
            }
        }
    }

    /// Makes the object, which goes with the node.
    async fn make(&mut self) -> Result<(), Trouble> {
        let node: Option<Value> = self.cluster.get(&kinds::NODE, None, &self.node).await?;
        let uid = node.as_ref().and_then(|node| node.pointer("/metadata/uid")).and_then(Value::as_str);
        let mut metadata = json!({
            "name": self.node,
            "labels": {
                "app.kubernetes.io/managed-by": "bookend",
                "app.kubernetes.io/name": "bookend",
                "app.kubernetes.io/component": "enforcer"
            }
        });
        if let (Some(uid), Some(metadata)) = (uid, metadata.as_object_mut()) {
            let owner = json!({ "apiVersion": "v1", "kind": "Node", "name": self.node, "uid": uid });
            metadata.insert("ownerReferences".to_owned(), json!([owner]));
        }
        let applying = Applying::by(MANAGER).forced(true);
        self.cluster.apply(&self.object(metadata), &applying).await?;
        self.exists = true;
        Ok(())
    }

    fn object(&self, metadata: Value) -> Value {
        let kind = &kinds::ENFORCER;
        json!({ "apiVersion": format!("{}/{}", kinds::GROUP, kinds::VERSION), "kind": kind.kind, "metadata": metadata })
    }
}
