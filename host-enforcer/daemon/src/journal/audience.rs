//! Whoever listens to events besides the file: each has a place in a ring of the last lines, and who is too slow loses
//! some and is told how many.

use std::sync::Arc;
use tokio::sync::broadcast;

/// Lines that a listener may be behind.
pub const BEHIND: usize = 4_096;

/// One line, and what it can be chosen by.
#[derive(Debug)]
pub struct Told {
    /// A JSON object and a line feed.
    pub line: String,
    /// What it is about, if that is a flow.
    pub flow: Option<FlowTold>,
}

/// What a line about a flow can be chosen by.
#[derive(Debug)]
pub struct FlowTold {
    /// `allow` or `deny`.
    pub verdict: &'static str,
    /// The rule that decided, and what an audit reports.
    pub rules: [Option<String>; 2],
    /// The workload, and its peer.
    pub workloads: [Option<String>; 2],
}

/// Which lines somebody wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The verdict.
    pub verdict: Option<String>,
    /// `namespace/name` of either end.
    pub workload: Option<String>,
    /// The id of a rule that decided or audited.
    pub rule: Option<String>,
}

impl Choice {
    /// Whether `told` is wanted. Lines about other things than flows are, if nothing was chosen.
    pub fn wants(&self, told: &Told) -> bool {
        let Some(flow) = &told.flow else { return *self == Self::default() };
        // An identity that several workloads have is called by all their names.
        let names = |list: &str, name: &str| list.split(", ").any(|one| one == name);
        let any = |found: &[Option<String>; 2], wanted: &str| {
            found.iter().flatten().any(|found| found == wanted || names(found, wanted))
        };
        self.verdict.as_ref().is_none_or(|verdict| verdict == flow.verdict)
            && self.workload.as_ref().is_none_or(|workload| any(&flow.workloads, workload))
            && self.rule.as_ref().is_none_or(|rule| any(&flow.rules, rule))
    }
}

/// The listeners, of which there may be none.
#[derive(Clone, Debug)]
pub struct Audience(broadcast::Sender<Arc<Told>>);

impl Default for Audience {
    fn default() -> Self {
        Self(broadcast::Sender::new(BEHIND))
    }
}

impl Audience {
    /// Whether anybody listens.
    pub fn is_empty(&self) -> bool {
        self.0.receiver_count() == 0
    }

    /// A listener's ear: everything from now on.
    pub fn listen(&self) -> broadcast::Receiver<Arc<Told>> {
        self.0.subscribe()
    }

    /// Tells everybody. Waits for nobody.
    pub fn tell(&self, told: Told) {
        // Fails only if nobody listens.
        let _ = self.0.send(Arc::new(told));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_chosen_by_verdict_either_end_and_rule() {
        let some = |text: &str| Some(text.to_owned());
        let told = Told {
            line: String::new(),
            flow: Some(FlowTold {
                verdict: "deny",
                rules: [some("default/shop/isolate[0]"), None],
                workloads: [some("default/web"), some("default/a, default/b")],
            }),
        };
        let wants = |verdict: Option<&str>, workload: Option<&str>, rule: Option<&str>| {
            let own = |text: Option<&str>| text.map(str::to_owned);
            Choice { verdict: own(verdict), workload: own(workload), rule: own(rule) }.wants(&told)
        };
        assert!(wants(None, None, None));
        assert!(wants(Some("deny"), Some("default/b"), Some("default/shop/isolate[0]")));
        assert!(wants(None, Some("default/web"), None));
        assert!(!wants(Some("allow"), None, None));
        assert!(!wants(None, Some("default/c"), None));
        assert!(!wants(None, None, Some("default/shop")));
        let other = Told { line: String::new(), flow: None };
        assert!(Choice::default().wants(&other));
        assert!(!Choice { verdict: some("deny"), ..Choice::default() }.wants(&other));
    }

    #[test]
    fn a_slow_listener_is_told_how_much_was_lost_and_nobody_waits() {
        let audience = Audience::default();
        let mut ear = audience.listen();
        for _ in 0..BEHIND + 10 {
            audience.tell(Told { line: "x\n".to_owned(), flow: None });
        }
        assert!(matches!(ear.try_recv(), Err(broadcast::error::TryRecvError::Lagged(10))));
        assert!(ear.try_recv().is_ok());
    }
}
