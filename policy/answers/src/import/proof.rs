//! What was proven of documents before they are written.

use bookend_analysis::{Difference, Side, inhabited};
use bookend_lang::{Import, Source};
use serde::Serialize;

use super::Unwritten;
use crate::count;
use crate::diff::Sides;
use crate::documents::Documents;

/// What was compared, and found to be the same.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// Documents that were written.
    documents: usize,
    /// Rules and isolations before and after.
    rules: [usize; 2],
    isolations: [usize; 2],
    /// Workloads of the inventory.
    workloads: usize,
    /// Workloads made up besides.
    made_up: usize,
    /// What policies ask for and is written as it is today; where there is something, the rules are the same for this inventory only.
    today: Vec<&'static str>,
    /// Classes of ends that no rule tells apart; every pair of them was compared.
    classes: usize,
}

/// Compares every connection.
///
/// # Errors
/// With the difference as it is `shown`, when there is one: a mistake of Bookend's.
pub(super) fn prove(
    import: &Import,
    sources: &[Source],
    shown: impl Fn(&Difference<'_>, Sides<'_>) -> String,
) -> Result<Proof, Unwritten> {
    let (before, after) = (&import.before, &import.after);
    let (inventory, made_up) = inhabited(&[&before.program, &after.program], &before.inventory);
    let difference = bookend_analysis::diff(
        Side { program: &before.program, inventory: &inventory },
        Side { program: &after.program, inventory: &inventory },
    );
    if !difference.changes.is_empty() {
        let written = import.documents.iter().map(|document| document.text.as_str()).collect::<Vec<_>>();
        let facts = Source::new("facts", import.facts.as_str());
        let old = Documents::new(before.clone(), sources.to_vec());
        let new = Documents::new(after.clone(), vec![Source::new("import", written.join("---\n")), facts]);
        let sides = Sides { old: &old, new: &new };
        return Err(Unwritten::Differs(shown(&difference, sides)));
    }
    let sizes = |of: fn(&bookend_lang::Compiled) -> usize| [of(before), of(after)];
    Ok(Proof {
        documents: import.documents.len(),
        rules: sizes(|compiled| compiled.program.rules().len()),
        isolations: sizes(|compiled| compiled.program.isolations().len()),
        workloads: before.inventory.workloads().len(),
        made_up,
        today: import.today.iter().map(|today| today.name()).collect(),
        classes: difference.ground.parties().len(),
    })
}

impl Proof {
    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { documents, rules: [old_rules, rules], isolations: [old_isolations, isolations], .. } =
            self;
        let Self { workloads, made_up, today, classes, .. } = self;
        let whoever = if today.is_empty() {
            "whatever workloads there are".to_owned()
        } else {
            format!("with the {} of today: import again when they change", today.join(" and the "))
        };
        let made = match made_up {
            0 => String::new(),
            _ => format!(" and {made_up} made up for what selectors ask"),
        };
        format!(
            "written: {}; {} of {old_rules}, {} of {old_isolations}\n\
             proven: the same rules at each end, {whoever}; and the same verdict on every connection and request \
             between {} of {}{made}, and addresses outside\n",
            count(*documents, "document", "documents"),
            count(*rules, "rule", "rules"),
            count(*isolations, "isolation", "isolations"),
            count(*classes, "class", "classes"),
            count(*workloads, "workload", "workloads"),
        )
    }
}
