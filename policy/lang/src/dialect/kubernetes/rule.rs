//! A rule of any of these kinds: it governs one end, where its policy's pods are.

use crate::document::{PeerDocument, RuleDocument, Spanned};
use bookend_engine::{Action, Clause, End, Ends, Mode, PortMatch};

/// What a rule says.
pub(super) struct Rule {
    pub(super) name: Spanned<String>,
    pub(super) action: Action,
    pub(super) priority: i32,
    /// The end that it governs.
    pub(super) end: End,
    /// Who may be at the other end; everybody where there is none.
    pub(super) peers: Vec<PeerDocument>,
    /// Everything where there is none.
    pub(super) ports: Vec<Spanned<PortMatch>>,
}

impl Rule {
    /// The rule with the pods that it governs.
    pub(super) fn lower(self, own: PeerDocument) -> RuleDocument {
        let Self { name, action, priority, end, peers, ports } = self;
        let peers = Clause::one_of(peers).unwrap_or(Clause::Any);
        // There is one, so it is never everybody.
        let own = Clause::one_of(vec![own]).unwrap_or(Clause::Any);
        let (from, to) = match end {
            End::Destination => (peers, own),
            End::Source => (own, peers),
        };
        RuleDocument {
            name,
            action,
            priority,
            mode: Mode::Enforce,
            at: Ends { source: end == End::Source, destination: end == End::Destination },
            at_span: None,
            from,
            to,
            ports: Clause::one_of(ports).unwrap_or(Clause::Any),
            not_ports: Vec::new(),
            http: Clause::Any,
            http_span: None,
            answer: None,
            limits: None,
        }
    }
}

/// The field with the rules that govern an end.
pub(super) fn field(end: End) -> &'static str {
    match end {
        End::Destination => "ingress",
        End::Source => "egress",
    }
}
