//! Which version of each policy is in force, where the newest may be invalid.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::article::{Fallback, ObjectName, Text, mentions};
use super::pod::NOISE;

/// How an object stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Which object.
    pub object: ObjectName,
    /// Its UID.
    pub uid: String,
    /// The generation that was read.
    pub generation: i64,
    /// What is in force of it.
    pub in_force: InForce,
    /// What is wrong with it, one line each: `policy shop/web:12:5: error[B1105]: …`.
    pub complaints: Vec<String>,
}

/// What is in force of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InForce {
    /// What it says.
    This,
    /// What it said at this generation, which was valid.
    Before(i64),
    /// No version of it was ever valid: everything in its namespace is isolated, and nothing is allowed by it.
    Isolated,
    /// It is left out. Only what is no policy can be. Of a namespace it is not known then what labels it has.
    Nothing,
}

impl Standing {
    /// Whether what it says is in force.
    pub fn is_accepted(&self) -> bool {
        self.in_force == InForce::This
    }
}

/// The last good versions of policies, to be kept where they outlive whoever reads them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Good {
    /// By object; each as it was when it was last valid together with all others.
    pub(super) versions: Vec<GoodVersion>,
}

/// A version of a policy that was valid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct GoodVersion {
    pub(super) object: ObjectName,
    pub(super) uid: String,
    pub(super) generation: i64,
    #[serde(default)]
    pub(super) created: String,
    pub(super) text: String,
}

/// A policy, and what is in force of it.
#[derive(Debug)]
pub(super) struct Stand {
    pub(super) now: Text,
    pub(super) good: Option<(i64, Arc<str>)>,
    pub(super) in_force: InForce,
    pub(super) complaints: Vec<String>,
    /// The noise that it mentions now.
    mentions: [bool; NOISE.len()],
    /// The noise that its last good version mentions.
    mentioned: [bool; NOISE.len()],
}

impl Stand {
    pub(super) fn new(now: Text, good: Option<(i64, Arc<str>)>) -> Self {
        let mentions_now = mentions(&now.text);
        let mentioned = good.as_ref().map_or([false; NOISE.len()], |(_, text)| mentions(text));
        Self { now, good, in_force: InForce::This, complaints: Vec::new(), mentions: mentions_now, mentioned }
    }

    /// It is to be tried as it is.
    pub(super) fn begin(&mut self, object: &ObjectName) {
        self.in_force = InForce::This;
        self.complaints.clear();
        if let Some(reason) = &self.now.unread {
            let cure = "correct it, or delete it";
            self.complaints.push(format!("{object}: error: it cannot be read: {reason}; {cure}"));
        }
        self.complaints.extend(self.now.flaw.as_ref().map(|flaw| format!("{object}: error: {flaw}")));
    }

    /// The noise that it mentions, as it is now and in what is in force of it.
    pub(super) fn mentions(&self, in_force: InForce) -> [bool; NOISE.len()] {
        let mut all = self.mentions;
        if matches!(in_force, InForce::Before(_)) {
            all.iter_mut().zip(self.mentioned).for_each(|(now, before)| *now |= before);
        }
        all
    }

    /// What is in force, where every policy is at its last good version if `held`.
    pub(super) fn in_force(&self, object: &ObjectName, held: bool) -> InForce {
        match (held, object.fallback(), &self.good) {
            (false, ..) | (true, Fallback::LeaveOut, _) => self.in_force,
            (true, ..) if self.in_force == InForce::Isolated => InForce::Isolated,
            (true, _, Some((_, text))) if *text == self.now.text => InForce::This,
            (true, _, Some((generation, _))) => InForce::Before(*generation),
            (true, Fallback::Isolate, None) => InForce::Isolated,
            (true, Fallback::Hold, None) => InForce::Nothing,
        }
    }

    /// The text in force, if any.
    pub(super) fn text(&self, object: &ObjectName, held: bool) -> Option<Cow<'_, str>> {
        match self.in_force(object, held) {
            InForce::This => Some(Cow::Borrowed(&*self.now.text)),
            InForce::Before(_) => self.good.as_ref().map(|(_, text)| Cow::Borrowed(&**text)),
            InForce::Isolated => Some(isolation(object).into()),
            InForce::Nothing => None,
        }
    }

    /// Puts less in force than now; false if there is nothing that could be. A policy is never simply left out: that could
    /// open what it closes.
    pub(super) fn demote(&mut self, object: &ObjectName, held: bool) -> bool {
        self.in_force = match (self.in_force, &self.good, object.fallback()) {
            (InForce::This | InForce::Before(_), _, Fallback::Isolate) if held => InForce::Isolated,
            (_, _, Fallback::Hold) if held => return false,
            (InForce::This, Some((generation, text)), _) if *text != self.now.text => {
                InForce::Before(*generation)
            }
            (InForce::This | InForce::Before(_), _, Fallback::LeaveOut) => InForce::Nothing,
            (InForce::This | InForce::Before(_), _, Fallback::Isolate) => InForce::Isolated,
            _ => return false,
        };
        true
    }

    /// What is in force was found valid. Whether that is news.
    pub(super) fn proved(&mut self) -> bool {
        let news = self.in_force == InForce::This
            && self.good.as_ref().is_none_or(|(_, text)| *text != self.now.text);
        if news {
            self.good = Some((self.now.generation, Arc::clone(&self.now.text)));
            self.mentioned = self.mentions;
        }
        news
    }
}

/// A policy that closes the namespace of another one.
fn isolation(object: &ObjectName) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    format!(
        "apiVersion: bookend.dev/v1alpha1\nkind: Policy\nmetadata:\n  name: {}\n  namespace: {}\nspec:\n  isolate:\n    - workloads: {{}}\n",
        quoted(&object.name),
        quoted(object.namespace.as_deref().unwrap_or_default()),
    )
}

impl Good {
    /// By object.
    pub(super) fn by_object(self) -> BTreeMap<ObjectName, GoodVersion> {
        self.versions.into_iter().map(|version| (version.object.clone(), version)).collect()
    }
}
