//! What is measured: an Envoy with one filter, or none.

use bookend_testenv::envoy::plugin::Layer;

use super::options::Options;
use super::rules::{Kind, Rules};

/// How many rules.
pub(super) const COUNTS: [usize; 5] = [1, 10, 100, 1_000, 10_000];

/// More policies than this take Envoy's RBAC filter milliseconds, and say nothing new.
const MOST_POLICIES: usize = 1_000;

/// How many rules the variants have that are about something else.
pub(super) const FEW: usize = 100;

/// The filter that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// None; what everything else is compared with.
    Nothing,
    /// Only the filter that records who the peer is, which Bookend needs in front of it.
    Facts(Layer),
    /// A filter that does nothing, by somebody who follows the SDK's examples.
    DoNothing,
    /// Bookend's module.
    Module(Rules),
    /// Bookend as a shared object.
    Native(Rules),
    /// Envoy's own RBAC filter.
    Rbac(Rules),
}

/// What Envoy's access log says of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AccessLog {
    /// There is none.
    Off,
    /// The status.
    Plain,
    /// The status and the rule behind it.
    Rule,
}

/// An Envoy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Variant {
    pub(super) subject: Subject,
    pub(super) access_log: AccessLog,
    /// Whether every request carries a token that Envoy verifies before the filter.
    pub(super) token: bool,
}

impl Variant {
    /// A variant without access log and token.
    pub(super) fn of(subject: Subject) -> Self {
        Self { subject, access_log: AccessLog::Off, token: false }
    }

    /// The variant without a filter that this one is compared with.
    pub(super) fn base(self) -> Self {
        let access_log = if self.access_log == AccessLog::Off { AccessLog::Off } else { AccessLog::Plain };
        Self { subject: Subject::Nothing, access_log, token: self.token }
    }

    /// Whether others are compared with it, and it must be there.
    pub(super) fn indispensable(self) -> bool {
        self == self.base() || self == Self::of(Subject::DoNothing)
    }

    /// The rules in force.
    pub(super) fn rules(self) -> Option<Rules> {
        match self.subject {
            Subject::Module(rules) | Subject::Native(rules) | Subject::Rbac(rules) => Some(rules),
            Subject::Nothing | Subject::Facts(_) | Subject::DoNothing => None,
        }
    }

    /// Who asks for what: what the rules are about. Nothing else would be let pass.
    pub(super) fn asked(self) -> Rules {
        self.rules().unwrap_or(Rules { kind: Kind::Path, count: 1 })
    }

    /// How the table calls the filter.
    pub(super) fn filter(self) -> &'static str {
        match self.subject {
            Subject::Nothing => "no filter",
            Subject::Facts(Layer::Http) => "facts, at every request",
            Subject::Facts(Layer::Network) => "facts, once a connection",
            Subject::DoNothing => "wasm that does nothing",
            Subject::Module(_) => "Bookend, wasm",
            Subject::Native(_) => "Bookend, native",
            Subject::Rbac(_) => "Envoy's RBAC",
        }
    }

    /// What is different beside the filter.
    pub(super) fn circumstances(self) -> Option<&'static str> {
        match (self.access_log, self.token) {
            (AccessLog::Off, false) => None,
            (AccessLog::Off, true) => Some("token verified"),
            (AccessLog::Plain, _) => Some("access log"),
            (AccessLog::Rule, _) => Some("access log names the rule"),
        }
    }

    /// A name that tells it from all others.
    pub(super) fn name(self) -> String {
        let rules = self.rules().map(|Rules { kind, count }| format!("{count} {}", kind.name()));
        let parts = [Some(self.filter().to_owned()), rules, self.circumstances().map(str::to_owned)];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// All that the options ask for. The shared object is among them only if it is there.
    pub(super) fn all(options: &Options, native: bool) -> Vec<Self> {
        let mut subjects = vec![
            Subject::Nothing,
            Subject::Facts(Layer::Http),
            Subject::Facts(Layer::Network),
            Subject::DoNothing,
        ];
        for kind in [Kind::Path, Kind::Principal, Kind::Label] {
            let identified = kind != Kind::Path;
            if identified && options.plaintext || options.quick && kind == Kind::Label {
                continue;
            }
            for count in COUNTS {
                if options.quick && matches!(count, 10 | 100) && identified {
                    continue;
                }
                let rules = Rules { kind, count };
                subjects.push(Subject::Module(rules));
                subjects.extend(native.then_some(Subject::Native(rules)));
                if rules.are_policies() && count <= MOST_POLICIES {
                    subjects.push(Subject::Rbac(rules));
                }
            }
        }
        let mut all: Vec<Self> = subjects.into_iter().map(Self::of).collect();
        if !options.quick {
            let (path, claim) =
                (Rules { kind: Kind::Path, count: FEW }, Rules { kind: Kind::Claim, count: FEW });
            for access_log in [AccessLog::Plain, AccessLog::Rule] {
                all.push(Self { access_log, ..Self::of(Subject::Module(path)) });
            }
            for rules in [path, claim] {
                all.push(Self { token: true, ..Self::of(Subject::Module(rules)) });
            }
        }
        let wanted = |variant: &Self| {
            let name = variant.name();
            options.only.is_empty() || options.only.iter().any(|text| name.contains(text))
        };
        all.retain(|variant| variant.indispensable() || wanted(variant));
        let bases: Vec<Self> =
            all.iter().map(|variant| variant.base()).filter(|base| !all.contains(base)).collect();
        for base in bases {
            if !all.contains(&base) {
                all.push(base);
            }
        }
        all
    }
}
