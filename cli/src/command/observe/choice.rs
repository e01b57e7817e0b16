//! Which decisions are wanted.

use super::decision::{Decision, Layer, Verdict};

/// All that is said must hold; of several workloads or rules, one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(super) workloads: Vec<String>,
    rules: Vec<String>,
    pub(super) verdict: Option<Verdict>,
    pub(super) layer: Option<Layer>,
    pub(super) namespace: Option<String>,
    /// What stands somewhere in its line.
    pub(super) search: String,
}

impl Choice {
    /// What a command line chooses.
    ///
    /// # Errors
    /// When something cannot be meant.
    pub(super) fn new(
        workloads: &[String],
        rules: &[String],
        verdict: Option<Verdict>,
        layer: Option<Layer>,
        namespace: Option<&str>,
    ) -> Result<Self, String> {
        let whole = |workload: &String| match (workload.contains('/'), namespace) {
            (true, _) => Ok(workload.clone()),
            (false, Some(namespace)) => Ok(format!("{namespace}/{workload}")),
            (false, None) => {
                Err(format!("`--workload {workload}` lies in which namespace? Write `namespace/{workload}`"))
            }
        };
        let workloads = workloads.iter().map(whole).collect::<Result<_, _>>()?;
        let starred = |rule: &&String| rule.trim_end_matches('*').contains('*');
        if let Some(rule) = rules.iter().find(starred) {
            return Err(format!("`--rule {rule}` has a `*` that is not at its end"));
        }
        let namespace = namespace.map(str::to_owned);
        Ok(Self { workloads, rules: rules.to_vec(), verdict, layer, namespace, search: String::new() })
    }

    /// Whether a decision is wanted.
    pub(super) fn wants(&self, decision: &Decision) -> bool {
        // Several workloads can share an address or an account: an end names all of them.
        let ends = || [&decision.from, &decision.to].into_iter().flat_map(|end| end.split([',', ' ']));
        let rule = |wanted: &String| {
            let told = decision.rule.iter().chain(decision.audit.as_ref().map(|audit| &audit.rule));
            let mut told = told.into_iter();
            match wanted.strip_suffix('*') {
                Some(start) => told.any(|rule| rule.starts_with(start)),
                None => told.any(|rule| rule == wanted),
            }
        };
        let lies =
            |namespace: &String| ends().any(|end| end.split_once('/').is_some_and(|(of, _)| of == namespace));
        self.verdict.is_none_or(|verdict| verdict == decision.verdict)
            && self.layer.is_none_or(|layer| layer == decision.layer)
            && (self.workloads.is_empty()
                || ends().any(|end| self.workloads.iter().any(|wanted| wanted == end)))
            && (self.rules.is_empty() || self.rules.iter().any(rule))
            && self.namespace.as_ref().is_none_or(lies)
    }

    /// Whether a line is one that is searched for.
    pub(super) fn finds(&self, line: &str) -> bool {
        self.search.is_empty() || line.to_lowercase().contains(&self.search.to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::super::decision::Told;
    use super::*;

    fn decision(from: &str, to: &str, rule: &str) -> Decision {
        let line = format!(
            r#"{{"kind":"verdict","verdict":"deny","reason":"rule","rule":"{rule}","workload":"{from}","direction":"from-workload","peer":"{to}"}}"#
        );
        let Told::Decision(decision) = Told::kernel(&line, "").unwrap().unwrap() else {
            unreachable!("a decision")
        };
        *decision
    }

    fn wants(workloads: &[&str], rules: &[&str], namespace: Option<&str>, decision: &Decision) -> bool {
        let own = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Choice::new(&own(workloads), &own(rules), None, None, namespace).unwrap().wants(decision)
    }

    #[test]
    fn all_that_is_said_must_hold() {
        let told = decision("shop/web", "shop/db", "shop/p/never");
        assert!(wants(&[], &[], None, &told));
        assert!(wants(&["shop/db"], &[], None, &told) && wants(&["db"], &[], Some("shop"), &told));
        assert!(!wants(&["shop/d"], &[], None, &told) && !wants(&["other/db"], &[], None, &told));
        assert!(wants(&[], &["shop/p/never"], None, &told) && wants(&[], &["shop/*"], None, &told));
        assert!(!wants(&[], &["shop/p"], None, &told));
        assert!(wants(&[], &[], Some("shop"), &told) && !wants(&[], &[], Some("sho"), &told));
        let choice = Choice { verdict: Some(Verdict::Allow), ..Choice::default() };
        assert!(!choice.wants(&told));
        assert!(!Choice { layer: Some(Layer::Proxy), ..Choice::default() }.wants(&told));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        assert!(
            Choice::new(&["web".to_owned()], &[], None, None, None).unwrap_err().contains("which namespace")
        );
        assert!(
            Choice::new(&[], &["a*b".to_owned()], None, None, None).unwrap_err().contains("not at its end")
        );
    }
}
