//! Conditions on requests are certain only where everybody who passes the request on reads it alike.
//!
//! An input is conditions as JSON in one line, then a request; see [`question`](crate::question).

use bookend_engine::{
    Action, Clause, DEFAULT_TIER, Ends, Exchange, HttpMatch, Isolation, Mode, NamespaceMatch, NoTrace, Plane,
    Program, Rule, Selector, Truth, Verdict, decide,
};

use crate::{
    first_line,
    question::{Question, conditions},
};

/// * What an allow rule allows, a deny rule on the same conditions denies; in doubt neither lets pass (S3). What passes
///   has passed the packet layer (S5).
/// * The opposite of a condition holds where it does not, and doubt is its own opposite (S56).
/// * What changes nothing for any server changes no answer: header names in capitals, letters percent-encoded.
/// * What may happen to a request on its way turns no *yes* into *no*, nor the other way round: lines of one header
///   joined, white space around a value removed (S51).
pub fn law(bytes: &[u8]) {
    let (json, text) = first_line(bytes);
    let Some(http) = conditions(json) else { return };
    let question = Question::read(text);
    let truth = question.holds(&http);
    judged(&http, &question, truth);
    question.needs_no_more(&http);

    let not = HttpMatch { not: vec![http.clone()], ..HttpMatch::default() };
    assert_eq!(question.holds(&not), truth.negated(), "the opposite");

    let capitals = changed(&question, |headers| {
        headers.iter_mut().for_each(|(name, _)| name.make_ascii_uppercase());
    });
    assert_eq!(capitals.holds(&http), truth, "header names in capitals");
    let encoded = Question { target: question.target.as_deref().map(encoded), ..question.clone() };
    assert_eq!(encoded.holds(&http), truth, "letters percent-encoded: {encoded:?}");

    let trimmed = changed(&question, |headers| {
        headers.iter_mut().for_each(|(_, value)| *value = trimmed(value).to_vec());
    });
    compatible(&trimmed, &http, truth);
    compatible(&changed(&question, |headers| join(headers, b",")), &http, truth);
    compatible(&changed(&question, |headers| join(headers, b", ")), &http, truth);
    compatible(&changed(&question, |headers| headers.reverse()), &http, truth);
}

fn changed(question: &Question, change: impl FnOnce(&mut Vec<(Vec<u8>, Vec<u8>)>)) -> Question {
    let mut changed = question.clone();
    if let Some(headers) = &mut changed.headers {
        change(headers);
    }
    changed
}

/// One of the two may be what the service reads, so both must not be certain of different things.
fn compatible(other: &Question, http: &HttpMatch, truth: Truth) {
    let there = other.holds(http);
    assert!(there == truth || there == Truth::Unknown || truth == Truth::Unknown, "{truth:?}, but {other:?}");
}

/// Joins the first two lines of one name (RFC 9110, 5.3).
fn join(headers: &mut Vec<(Vec<u8>, Vec<u8>)>, comma: &[u8]) {
    for first in 0..headers.len() {
        let same = |second: &usize| headers[*second].0.eq_ignore_ascii_case(&headers[first].0);
        if let Some(second) = (first + 1..headers.len()).find(same) {
            let (_, value) = headers.remove(second);
            headers[first].1 = [headers[first].1.as_slice(), &value].join(comma);
            return;
        }
    }
}

fn trimmed(value: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !blank(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    &value[start..end]
}

/// Every letter and digit percent-encoded that is not part of an encoding.
fn encoded(target: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    let mut bytes = target.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => encoded.extend([byte].into_iter().chain(bytes.by_ref().take(2))),
            byte if byte.is_ascii_alphanumeric() => encoded.extend(format!("%{byte:02X}").bytes()),
            byte => encoded.push(*byte),
        }
    }
    encoded
}

fn judged(http: &HttpMatch, question: &Question, truth: Truth) {
    let rule = |action| Rule {
        id: "default/p/r".into(),
        plane: Plane::Bookend,
        tier: DEFAULT_TIER,
        priority: 0,
        action,
        mode: Mode::Enforce,
        at: Ends { source: true, destination: true },
        namespace: Some("default".into()),
        from: Clause::Any,
        to: Clause::Any,
        ports: Clause::Any,
        not_ports: Vec::new(),
        http: Clause::only(http.clone()),
        answer: None,
        limits: None,
    };
    let isolation = Isolation {
        id: "default/p/isolate[0]".into(),
        plane: Plane::Bookend,
        tier: DEFAULT_TIER,
        mode: Mode::Enforce,
        workloads: Selector::all(NamespaceMatch::Named("default".into())),
        egress: true,
        ingress: true,
    };
    let denying = Program::new(vec![rule(Action::Deny)], Vec::new());
    let allowing = Program::new(vec![rule(Action::Allow)], vec![isolation]);
    question.put(|connection, request| {
        let verdict = |program: &Program, exchange| {
            let plainly = decide(program, connection, exchange, &mut NoTrace).verdict();
            let indexed = program.clone().indexed();
            assert_eq!(decide(&indexed, connection, exchange, &mut NoTrace).verdict(), plainly, "an index");
            plainly
        };
        let (denied, allowed) =
            (verdict(&denying, Exchange::Http(request)), verdict(&allowing, Exchange::Http(request)));
        let expected = match truth {
            Truth::Yes => (Verdict::Deny, Verdict::Allow),
            Truth::No => (Verdict::Allow, Verdict::Deny),
            Truth::Unknown => (Verdict::Deny, Verdict::Deny),
        };
        assert_eq!((denied, allowed), expected, "{truth:?}");
        assert_eq!(verdict(&denying, Exchange::Packet), Verdict::Allow, "a request may pass");
        assert_eq!(verdict(&allowing, Exchange::Packet), Verdict::Allow, "a request may pass");
    });
}
