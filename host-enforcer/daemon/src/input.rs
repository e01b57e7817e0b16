//! Policy and inventory files, and plans of what they and other sources mean.

use crate::here::Here;
use crate::source::Warnings;
use bookend_lang::{Compiled, Diagnostic, MAX_SOURCE_BYTES, Source};
use bookend_plan::{Plan, Planner};
use serde::Serialize;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The files that say what to enforce.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// Policies.
    pub policy: Vec<PathBuf>,
    /// Inventories.
    pub inventory: Vec<PathBuf>,
}

/// A plan, and what is probably not meant.
#[derive(Debug)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// One per warning.
    pub warnings: Vec<Complaint>,
    /// Nothing but where others are differs from the plan before, which is no news.
    pub quiet: bool,
}

/// One thing that is wrong with the input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Complaint {
    /// The file, as it was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The column in characters, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// The code of the diagnostic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What is wrong and what to do about it.
    pub message: String,
    /// All of it as one line, for people: `file:line:column: error[code]: message; cure`.
    #[serde(skip)]
    pub text: String,
}

impl Complaint {
    /// A complaint that concerns no one place.
    pub fn plain(message: impl Into<String>) -> Self {
        let message = message.into();
        let text = format!("error: {message}");
        Self { file: None, line: None, column: None, code: None, message, text }
    }

    /// Something that is probably not meant and concerns no one place.
    pub fn warning(message: impl Into<String>) -> Self {
        let message = message.into();
        let text = format!("warning: {message}");
        Self { file: None, line: None, column: None, code: None, message, text }
    }

    fn of_file(path: &Path, message: &str) -> Self {
        let file = path.display().to_string();
        let text = format!("{file}: error: {message}");
        Self { file: Some(file), line: None, column: None, code: None, message: message.to_owned(), text }
    }

    pub(crate) fn of_diagnostic(diagnostic: &Diagnostic, sources: &[Source]) -> Self {
        Self {
            file: sources.get(diagnostic.span.source).map(|source| source.name.clone()),
            line: Some(diagnostic.span.line),
            column: Some(diagnostic.span.column),
            code: Some(diagnostic.code.to_string()),
            message: format!("{}; {}", diagnostic.message, diagnostic.cure),
            text: diagnostic.line(sources).to_string(),
        }
    }
}

impl Input {
    /// All files, policies first.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.policy.iter().chain(&self.inventory).map(PathBuf::as_path)
    }

    /// Reads all files.
    ///
    /// # Errors
    /// One complaint per file that cannot be read.
    pub fn read(&self) -> Result<Vec<Source>, Vec<Complaint>> {
        let (mut sources, mut complaints) = (Vec::new(), Vec::new());
        for path in self.files() {
            match read(path) {
                Ok(bytes) => sources.push(Source::new(path.display().to_string(), bytes)),
                Err(error) => complaints.push(Complaint::of_file(
                    path,
                    &format!(
                        "cannot be read: {error}; put the file there, or start the enforcer with another"
                    ),
                )),
            }
        }
        if complaints.is_empty() { Ok(sources) } else { Err(complaints) }
    }
}

/// The bytes of a file; of a file that is too large only as many as show that it is.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_SOURCE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Makes plans of what sources mean, and remembers what it made before, so that a change costs what changed.
#[derive(Default)]
pub struct Planning {
    planner: Planner,
    /// The version of what was planned last, if a plan was made of it.
    version: Option<u64>,
}

impl Planning {
    /// The plan that `compiled` asks for on the machine whose interfaces it names, which is `here`, to replace `current`.
    ///
    /// # Errors
    /// Everything that is wrong, tables that are too small included; nothing of it may be applied.
    pub fn plan(
        &mut self,
        compiled: &Compiled,
        warnings: Warnings,
        current: &Plan,
        here: &Here,
    ) -> Result<Planned, Vec<Complaint>> {
        let before = self.version.take();
        if compiled.says_nothing() && !warnings.may_be_empty {
            // An emptied file is far more often an accident than a wish to open everything.
            return Err(vec![Complaint::plain(
                "no policy in the files says anything, so everything would be open; write a Policy, or stop enforcing with \
             `bookend-enforcer detach`",
            )]);
        }
        let (host, unmeant) = here.find(&compiled.inventory)?;
        let inventory = compiled.inventory.seen_from(host);
        // Of another version than the one before, more than places may differ.
        let follows = before.is_some_and(|before| before + 1 == compiled.version);
        let plan = match compiled.moved.as_ref().filter(|_| follows) {
            Some(moved) => self.planner.plan_moved(&compiled.program, &inventory, current, moved),
            None => self.planner.plan(&compiled.program, &inventory, current),
        };
        let plan = plan
            .and_then(|plan| plan.check_capacity(current).map(|()| plan))
            .map_err(|error| vec![Complaint::plain(error.to_string())])?;
        self.version = Some(compiled.version);
        let quiet = compiled.moved.is_some() && plan.interfaces == current.interfaces;
        // The nodes of a cluster are none of its hosts, unless somebody says so.
        let unmeant = unmeant.filter(|_| !warnings.may_be_empty || here.host.is_some());
        let warnings = warnings.complaints.into_iter().chain(unmeant).collect();
        Ok(Planned { plan, warnings, quiet })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bookend_abi::table::capacity;
    use bookend_lang::compile;
    use std::fmt::Write;

    #[test]
    fn a_plan_that_does_not_fit_is_refused_before_there_is_anything_to_fall_back_on() {
        let policy = "apiVersion: bookend.dev/v1alpha1\nkind: Policy\nmetadata: { name: p, namespace: default }\n\
                      spec: { isolate: [{ workloads: {} }] }\n";
        let mut inventory = String::from(
            "apiVersion: bookend.dev/v1alpha1\nkind: Inventory\nmetadata: { name: i }\nspec:\n  workloads:\n  \
             - name: w\n    namespace: default\n    instances:\n",
        );
        for n in 0..=capacity::INTERFACES {
            let (high, low) = (n / 256, n % 256);
            writeln!(inventory, "    - {{ addresses: [10.0.{high}.{low}], interface: v{n} }}").unwrap();
        }
        let sources = [
            Source::new("policy.yaml", policy.as_bytes()),
            Source::new("inventory.yaml", inventory.as_bytes()),
        ];
        let compiled = compile(&sources).unwrap();
        let complaints =
            Planning::default().plan(&compiled, Warnings::default(), &Plan::default(), &Here::default());
        let complaints = complaints.unwrap_err();
        assert!(complaints[0].text.contains("kernel table `interfaces`, which holds"), "{complaints:?}");
    }
}
