//! How a filter works that enforces a program: no part of what the program means.

use serde::Serialize;

use crate::{
    End,
    tape::{named, object},
};

/// What an operator decides about the filters themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// The end that the filter enforces.
    pub end: FilterEnd,
    /// What a refused peer is told.
    pub answers: Answers,
    /// What is attached to a request for access logs.
    pub access_log: AccessLog,
    /// Which decisions are logged.
    pub decision_log: DecisionLog,
    /// What is counted.
    pub metrics: Metrics,
}

impl Settings {
    /// Whether nothing was decided.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Where a filter stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum FilterEnd {
    /// Before its workload: it judges what comes in, for both ends (S26). Gateways are destinations too.
    #[default]
    Destination,
    /// Behind its workload: it judges what goes out, for the source only (S60).
    Source,
}

impl From<FilterEnd> for End {
    fn from(end: FilterEnd) -> Self {
        match end {
            FilterEnd::Destination => Self::Destination,
            FilterEnd::Source => Self::Source,
        }
    }
}

/// What a refused peer is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answers {
    /// The id of the rule that refused it. Ids tell a peer how policies are named.
    pub rule: bool,
}

/// What is attached to a request for access logs. What is refused, audited or in doubt always has the id of its rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessLog {
    /// The id of the rule also where it allows; costs every request a call to the proxy.
    pub allowed: bool,
}

/// Which decisions are logged. The numbers mean one in so many: 1 is every one, 0 none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DecisionLog {
    /// Of what is allowed.
    pub allowed: u32,
    /// Of what is denied, faults included.
    pub denied: u32,
    /// Of what would be decided otherwise if what is only audited were enforced (S36).
    pub audited: u32,
    /// At most so many lines a second from each worker of a proxy; further ones are counted.
    pub per_second: u32,
}

impl Default for DecisionLog {
    fn default() -> Self {
        Self { allowed: 0, denied: 1, audited: 1, per_second: 100 }
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Metrics {
    /// Of so many rules and isolations, in the order of the program, each has counters of its own; those of all others
    /// are one.
    pub rules: u32,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { rules: 100 }
    }
}

object!(Settings {
    end: "end" or FilterEnd::default(),
    answers: "answers" or Answers::default(),
    access_log: "accessLog" or AccessLog::default(),
    decision_log: "decisionLog" or DecisionLog::default(),
    metrics: "metrics" or Metrics::default(),
});

named!(FilterEnd { "destination" => FilterEnd::Destination, "source" => FilterEnd::Source });

object!(Answers {
    rule: "rule" or Answers::default().rule,
});

object!(AccessLog {
    allowed: "allowed" or AccessLog::default().allowed,
});

object!(DecisionLog {
    allowed: "allowed" or DecisionLog::default().allowed,
    denied: "denied" or DecisionLog::default().denied,
    audited: "audited" or DecisionLog::default().audited,
    per_second: "perSecond" or DecisionLog::default().per_second,
});

object!(Metrics {
    rules: "rules" or Metrics::default().rules,
});
