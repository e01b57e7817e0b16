//! What the numbers in the tables are called. Kept in a file as well, so that a report is readable before the first
//! good policy after a restart, and without a running enforcer.

use bookend_plan::Plan;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
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
    /// What was put in force last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Record>,
}

/// What an enforcer put in force last, and which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The enforcer's version.
    pub version: String,
    /// The [revision](crate::health::revision).
    pub revision: String,
    /// Since when, as RFC 3339.
    pub since: String,
}

/// Names that are kept beside those in use, at least.
const MEMORY: usize = 4_096;

/// A number as it is shown: 16 hexadecimal digits.
pub fn hexadecimal(number: u64) -> String {
    format!("{number:016x}")
}

impl Names {
    /// Learns the names in `plan`; whether any is new. Older names stay: events of the old policy may still be on their way.
    pub fn learn(&mut self, plan: &Plan) -> bool {
        let mut new = false;
        let mut learn = |names: &mut BTreeMap<String, String>, key: String, name: String| {
            new |= names.get(&key) != Some(&name);
            names.insert(key, name);
        };
        for (number, id) in &plan.rules {
            learn(&mut self.rules, hexadecimal(*number), id.clone());
        }
        for (number, known) in plan.known.iter() {
            learn(&mut self.identities, hexadecimal(*number), known.name());
        }
        for interface in plan.interfaces.iter().filter(|interface| !interface.workload.is_empty()) {
            let title = format!("{}/{}", interface.namespace, interface.workload);
            learn(&mut self.workloads, interface.name.clone(), title);
        }
        // Those of policies and workloads long gone: nobody tells of them any more.
        let used: BTreeSet<String> =
            plan.rules.keys().chain(plan.known.keys()).map(|number| hexadecimal(*number)).collect();
        for names in [&mut self.rules, &mut self.identities] {
            if names.len() > 2 * used.len() + MEMORY {
                names.retain(|number, _| used.contains(number));
            }
        }
        if self.workloads.len() > 2 * plan.interfaces.len() + MEMORY {
            let interfaces: BTreeSet<&str> = plan.interfaces.iter().map(|i| i.name.as_str()).collect();
            self.workloads.retain(|interface, _| interfaces.contains(interface.as_str()));
        }
        new
    }

    /// Keeps what is in force.
    pub fn record(&mut self, revision: &str, now: String) {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let same = self.record.as_ref().filter(|record| record.revision == revision);
        let since = same.map_or(now, |record| record.since.clone());
        self.record = Some(Record { version, revision: revision.to_owned(), since });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_what_is_long_gone_are_forgotten_and_those_in_use_never() {
        let plan = |number: u64| {
            let rules = [(number, format!("default/p/r{number}"))].into();
            Plan { rules, ..Plan::default() }
        };
        let mut names = Names::default();
        for number in 1..=10_000 {
            names.learn(&plan(number));
            assert_eq!(names.rule(number), format!("default/p/r{number}"));
        }
        assert!(names.rules.len() <= MEMORY + 3, "{}", names.rules.len());
        assert_eq!(names.rule(9_999), "default/p/r9999", "the last but one may still be told of");
    }

    #[test]
    fn what_is_in_force_again_is_in_force_since_the_first_time() {
        let mut names = Names::default();
        names.record("a", "1".to_owned());
        names.record("a", "2".to_owned());
        assert_eq!(names.record.as_ref().unwrap().since, "1");
        names.record("b", "3".to_owned());
        assert_eq!(names.record.unwrap().since, "3");
    }
}
