//! What the numbers in the tables are called. Kept in a file as well, so that a report is readable before the first
//! good policy after a restart, and without a running enforcer.

use bookend_plan::Plan;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Names by number, as far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// Rule ids, by hexadecimal number.
    rules: BTreeMap<String, String>,
    /// Workloads, by the hexadecimal number of their identity.
    identities: BTreeMap<String, String>,
    /// Workloads, by interface.
    workloads: BTreeMap<String, String>,
}

/// A number as it is shown: 16 hexadecimal digits.
pub fn hexadecimal(number: u64) -> String {
    format!("{number:016x}")
}

impl Names {
    /// Learns the names in `plan`. Older names stay: events of the old policy may still be on their way.
    pub fn learn(&mut self, plan: &Plan) {
        self.rules.extend(plan.rules.iter().map(|(number, id)| (hexadecimal(*number), id.clone())));
        self.identities.extend(plan.known.iter().map(|(number, known)| (hexadecimal(*number), known.name())));
        let titles = plan.interfaces.iter().filter(|interface| !interface.workload.is_empty());
        self.workloads.extend(titles.map(|i| (i.name.clone(), format!("{}/{}", i.namespace, i.workload))));
    }

    /// The id of a rule; its number if the id is not known.
    pub fn rule(&self, number: u64) -> String {
        let number = hexadecimal(number);
        self.rules.get(&number).cloned().unwrap_or(number)
    }

    /// The workloads with an identity; its number if they are not known.
    pub fn identity(&self, number: u64) -> String {
        let number = hexadecimal(number);
        self.identities.get(&number).cloned().unwrap_or(number)
    }

    /// The workload behind an interface.
    pub fn workload(&self, interface: &str) -> Option<&str> {
        self.workloads.get(interface).map(String::as_str)
    }

    /// Where the names that belong to `pins` are kept, below `state`.
    pub fn path(state: &Path, pins: &Path) -> PathBuf {
        let name: String = pins.to_string_lossy().chars().map(|c| if c == '/' { '_' } else { c }).collect();
        state.join(format!("names{name}.json"))
    }

    /// The names kept at `path`; none if there is no such file or it is not readable, for then numbers are shown.
    pub fn load(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Keeps the names at `path`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn store(&self, path: &Path) -> std::io::Result<()> {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let text = serde_json::to_string(self).map_err(std::io::Error::other)?;
        let draft = path.with_extension("new");
        std::fs::write(&draft, text)?;
        std::fs::rename(draft, path)
    }
}
