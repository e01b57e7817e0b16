//! Two outcomes of the same connections: whether and how they differ.

use std::collections::{BTreeSet, HashMap};

use bookend_engine::{
    Connection, Endpoint, Exchange, HttpMatch, Identity, NoTrace, Principal, Protocol, Rule, Verdict,
    rehearse,
};

use crate::channel::{Channel, Outcome};
use crate::diff::Kind;
use crate::engine::{conditions, enforced, is_open, principals};
use crate::specimen::Specimen;

/// How many examples are kept of each sort.
const MAX_EXAMPLES: usize = 3;

/// What a comparison found.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    pub(crate) kind: Kind,
    pub(crate) opens: Vec<String>,
    pub(crate) closes: Vec<String>,
}

impl Comparison {
    fn plain(kind: Kind) -> Self {
        Self { kind, opens: Vec::new(), closes: Vec::new() }
    }
}

/// Compares what becomes of connections to one port. `None` where nothing is different.
///
/// Conditions of which one is written otherwise are tried on requests made up for them. Where none of those shows a
/// difference the answer is [`Kind::Undecided`], never "nothing".
pub(crate) fn compare(
    old: &Channel<'_>,
    new: &Channel<'_>,
    outcomes: (&Outcome<'_>, &Outcome<'_>),
    (protocol, port): (Protocol, u16),
    known: &mut HashMap<String, Comparison>,
) -> Option<Comparison> {
    let of = |channel: &Channel<'_>| (rehearsed(channel, protocol, port), rehearsed_conditions(channel));
    let audited = || (of(old) != of(new)).then(|| Comparison::plain(Kind::Audited));
    match outcomes {
        (Outcome::Denied { .. }, Outcome::Denied { .. })
        | (Outcome::Allowed { .. }, Outcome::Allowed { .. }) => audited(),
        (Outcome::Denied { .. }, Outcome::Allowed { .. }) => Some(Comparison::plain(Kind::Opened)),
        (Outcome::Allowed { .. }, Outcome::Denied { .. }) => Some(Comparison::plain(Kind::Closed)),
        (before, after) => {
            let shapes = (shape(before), shape(after));
            if shapes.0 == shapes.1 {
                return audited();
            }
            let open = |channel: &Channel<'_>| channel.source.principal == Principal::Open;
            if old.looks() || new.looks() {
                return Some(requests(old, new, (protocol, port)));
            }
            let key = format!("{shapes:?} {} {}", open(old), open(new));
            Some(known.entry(key).or_insert_with(|| requests(old, new, (protocol, port))).clone())
        }
    }
}

/// All of an outcome that matters to a request.
fn shape(outcome: &Outcome<'_>) -> (Option<Verdict>, Vec<crate::course::Shape>) {
    match outcome {
        Outcome::Denied { .. } => (Some(Verdict::Deny), Vec::new()),
        Outcome::Allowed { .. } => (Some(Verdict::Allow), Vec::new()),
        Outcome::Conditional { courses, .. } => {
            let mut shapes: Vec<_> = courses.iter().map(|course| course.shape()).collect();
            shapes.sort_unstable();
            (None, shapes)
        }
    }
}

/// The verdict on packets as if what is only audited were enforced.
fn rehearsed(channel: &Channel<'_>, protocol: Protocol, port: u16) -> Verdict {
    let connection = channel.connection(protocol, port);
    let judgement = channel.judge(&connection, Exchange::Packet);
    let rehearsal = rehearse(&channel.program, &connection, Exchange::Packet, &judgement, &mut NoTrace);
    rehearsal.unwrap_or(judgement).verdict()
}

/// The rules that are only audited and ask for more than packets show.
fn rehearsed_conditions(channel: &Channel<'_>) -> BTreeSet<String> {
    let audited = channel.rules.iter().filter(|rule| !enforced(rule) && is_open(rule));
    audited.map(|rule| format!("{:?}", Rule { id: String::new(), ..(*rule).clone() })).collect()
}

fn requests(old: &Channel<'_>, new: &Channel<'_>, (protocol, port): (Protocol, u16)) -> Comparison {
    let rules = || old.rules.iter().chain(&new.rules);
    let conditions: Vec<&HttpMatch> = rules().flat_map(|rule| conditions(rule)).collect();
    let mut names: Vec<String> = rules().flat_map(|rule| principals(rule)).collect();
    names.sort_unstable();
    names.dedup();
    let (before, after) = (old.connection(protocol, port), new.connection(protocol, port));
    let (mut opens, mut closes) = (Vec::new(), Vec::new());
    let mut note = |verdicts: (Verdict, Verdict), what: String| match verdicts {
        (Verdict::Deny, Verdict::Allow) => opens.push(what),
        (Verdict::Allow, Verdict::Deny) => closes.push(what),
        _ => {}
    };
    let stream = |channel: &Channel<'_>, connection| channel.judge(connection, Exchange::Stream).verdict();
    note((stream(old, &before), stream(new, &after)), "a stream that is not HTTP".to_owned());
    for specimen in Specimen::of(&conditions) {
        for name in std::iter::once(None).chain(names.iter().map(Some)) {
            let id: Vec<&str> = name.map(String::as_str).into_iter().collect();
            let verdict = |channel: &Channel<'_>, connection: &Connection<'_>| {
                let proven = proven(connection, &id);
                specimen.asked(|request| channel.judge(&proven, Exchange::Http(request)).verdict())
            };
            let by = name.map(|name| format!(" by {name}")).unwrap_or_default();
            note((verdict(old, &before), verdict(new, &after)), format!("{specimen}{by}"));
            if old.source.principal != Principal::Open && new.source.principal != Principal::Open {
                break;
            }
        }
    }
    let kind = match (opens.is_empty(), closes.is_empty()) {
        (false, true) => Kind::Opened,
        (true, false) => Kind::Closed,
        (false, false) => Kind::Changed,
        (true, true) => Kind::Undecided,
    };
    opens.truncate(MAX_EXAMPLES);
    closes.truncate(MAX_EXAMPLES);
    Comparison { kind, opens, closes }
}

/// The same connection, once somebody outside has shown a certificate, or none.
fn proven<'a>(connection: &Connection<'a>, id: &'a [&'a str]) -> Connection<'a> {
    let source = &connection.source;
    if source.principal != Principal::Open {
        return connection.clone();
    }
    let principal = if id.is_empty() { Principal::Unknown } else { Principal::Verified(id) };
    // Whoever has a certificate of another trust domain, or none, may be anybody.
    let source = Endpoint { identity: Identity::Outside, location: source.location, principal };
    Connection { source, ..connection.clone() }
}
