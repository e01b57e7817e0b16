//! The answer for people.

use std::collections::BTreeSet;
use std::fmt::Write;

use bookend_answers::Place;
use bookend_answers::passage::{Answer, Judged, Layer, Near, Passage, Point, Served};
use comfy_table::{Table, presets};

/// Renders the answers, those that differ in nothing but names as one.
pub(crate) fn render(passages: &[Passage], default_tier: &str) -> String {
    let mut groups: Vec<(Vec<&Passage>, String)> = Vec::new();
    for passage in passages {
        let body = body(passage, default_tier);
        match groups.iter_mut().find(|(_, known)| *known == body) {
            Some((members, _)) => members.push(passage),
            None => groups.push((vec![passage], body)),
        }
    }
    let answers: Vec<_> =
        groups.iter().map(|(members, body)| format!("{}\n{body}", title(members))).collect();
    answers.join("\n") + &note(passages)
}

/// What was assumed.
fn note(passages: &[Passage]) -> String {
    let names: BTreeSet<&str> =
        passages.iter().flat_map(|passage| &passage.without_address).map(String::as_str).collect();
    if names.is_empty() {
        return String::new();
    }
    let names = names.into_iter().collect::<Vec<_>>().join(", ");
    format!(
        "\nNote: the inventory has no address of {names}.\n\
         The kernel is asked as if they were at addresses that no rule names.\n"
    )
}

fn title(members: &[&Passage]) -> String {
    let names = |name: fn(&Passage) -> &str| {
        let mut names: Vec<&str> = members.iter().map(|member| name(member)).collect();
        names.sort_unstable();
        names.dedup();
        match names.as_slice() {
            [shown @ .., last] if shown.len() > MAX_NAMES => {
                let shown = names.get(..MAX_NAMES).unwrap_or_default().join(", ");
                format!("{shown} … {last} ({} of them)", names.len())
            }
            names => names.join(", "),
        }
    };
    let mut title = format!("{} → {}", names(|p| &p.labels.0), names(|p| &p.labels.1));
    let Some(first) = members.first() else { return title };
    title.push_str(&format!(", {}", first.travels()));
    if let Some(request) = &first.request {
        title.push_str(&format!(", {} {}", request.method, request.path));
    }
    let verdict = if first.allows() { "allowed" } else { "denied" };
    format!("{title}: {verdict}\n")
}

/// How many names a title lists.
const MAX_NAMES: usize = 8;

/// Everything about a passage but who it is between.
pub(crate) fn body(passage: &Passage, default_tier: &str) -> String {
    let mut text = String::new();
    let decider = &passage.decided_by;
    let decided = format!("{} at the {}", decider.layer.name(), decider.end);
    let rank = decisive(passage).and_then(|judged| judged.rank.as_ref()).map(|rank| rank.words(default_tier));
    let _ = writeln!(
        text,
        "Decided by the {decided}: {}{}{}",
        decider.id,
        place(decider.at.as_ref()),
        rank.unwrap_or_default()
    );
    text.push('\n');
    text.push_str(&table(&passage.points));
    text.push_str(&limits(&passage.points));
    if let Some(told) = decisive(passage).and_then(|judged| judged.answer.as_ref()) {
        let _ = writeln!(text, "\nThe peer is answered {told}");
    }
    if let Some(judged) = decisive(passage)
        && !judged.passed_by.is_empty()
    {
        let _ = writeln!(text, "\nPassed on to a later tier by {}", judged.passed_by.join(", "));
    }
    if let Some(judged) = decisive(passage)
        && !judged.planes.is_empty()
    {
        let _ = writeln!(text, "\nEach plane decides alone, and all must allow:");
        for spoken in &judged.planes {
            let _ = writeln!(
                text,
                "  {}: {} by {}{}",
                spoken.plane,
                spoken.verdict,
                spoken.id,
                place(spoken.at.as_ref())
            );
        }
    }
    if let Some(service) = &passage.service {
        served(&mut text, service);
    }
    if let Some(audit) = &passage.audit {
        let would = if audit.verdict == "allow" { "allowed" } else { "denied" };
        let _ = writeln!(
            text,
            "\nWith what is in audit mode it would be {would}, by the {} at the {}: {}{}",
            audit.layer.name(),
            audit.end,
            audit.id,
            place(audit.at.as_ref())
        );
    }
    if let Some(judged) = decisive(passage)
        && !judged.near.is_empty()
    {
        text.push('\n');
        near(&mut text, &judged.near);
    }
    if !passage.residual.is_empty() {
        text.push_str(
            "\nThe kernel admits more than the filter: it sees the connection, not the requests on it.\n",
        );
        for residual in &passage.residual {
            let verb = match residual.action {
                "allow" => "allows only",
                "deny" => "denies",
                _ => "passes on to a later tier",
            };
            let requests = residual.requests.join("; ");
            let _ = writeln!(text, "  {}{}\n    {verb} {requests}", residual.id, place(residual.at.as_ref()));
        }
    }
    text
}

/// Who may be reached through a Service.
fn served(text: &mut String, service: &Served) {
    let _ = writeln!(text, "\nBehind the Service {} may be reached:", service.name);
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["", "VERDICT", "BY", "AT THE", "WRITTEN AT"]);
    for behind in &service.backends {
        let who = match behind.to.parse::<std::net::IpAddr>() {
            Ok(_) => format!("{} port {}", behind.to, behind.port),
            Err(_) => format!("{} at {} port {}", behind.to, behind.address, behind.port),
        };
        let verdict = if behind.allows() { "allow" } else { "deny" };
        match behind.decider() {
            Some(decider) => {
                let at = decider.at.as_ref().map(Place::to_string).unwrap_or_default();
                table.add_row([who.as_str(), verdict, &decider.id, decider.end, &at]);
            }
            None => {
                table.add_row([who.as_str(), verdict, "nobody judges it", "", ""]);
            }
        }
    }
    let lines: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    let _ = writeln!(text, "{}", lines.join("\n"));
    if service.mixed {
        text.push_str(
            "\nOnly some of them may be reached from there. Who is chosen is not known where the Service is dialled, so all \
             of it is denied.\nAllow those that are denied as well, or let the Service select those alone who are allowed.\n",
        );
    }
}

/// What the kernel limits of what it allows, by the rule that does.
fn limits(points: &[Point]) -> String {
    let mut text = String::new();
    for point in points.iter().filter(|point| point.layer == Layer::Kernel) {
        let Answer::Judged(judged) = &point.answer else { continue };
        if let Some(limits) = &judged.limits {
            let _ = writeln!(
                text,
                "\nThe kernel at the {} drops what is beyond the limits of {}:",
                point.end, judged.id
            );
            for (name, rate) in limits.named() {
                let Some(rate) = rate else { continue };
                let _ = writeln!(text, "  {name}: {rate}");
            }
        }
    }
    text
}

/// The answer of the point that decided.
fn decisive(passage: &Passage) -> Option<&Judged> {
    let decider = &passage.decided_by;
    let backends = passage.service.iter().flat_map(|service| &service.backends);
    let all = std::iter::once(passage).chain(backends.filter_map(|behind| behind.passage.as_deref()));
    all.flat_map(|passage| &passage.points).find_map(|point| match &point.answer {
        Answer::Judged(judged) => {
            let decides = (point.layer, point.end, &judged.id) == (decider.layer, decider.end, &decider.id);
            decides.then_some(judged.as_ref())
        }
        Answer::Absent { .. } => None,
    })
}

fn near(text: &mut String, rules: &[Near]) {
    let mut before = "";
    for near in rules {
        if near.action != before {
            let would = match near.action {
                "allow" => "allowed it",
                "deny" => "denied it",
                _ => "passed it on to a later tier",
            };
            let _ = writeln!(text, "Would have {would}:");
            before = near.action;
        }
        let _ = writeln!(text, "  {}{}", near.id, place(near.at.as_ref()));
        for miss in &near.missed {
            let _ = writeln!(text, "    but {}", miss.because);
        }
    }
}

fn table(points: &[Point]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["", "VERDICT", "BY", "WRITTEN AT"]);
    for point in points {
        let name = match point.layer {
            Layer::Kernel => format!("kernel at the {}", point.end),
            Layer::Proxy => format!("proxy at the {}", point.end),
        };
        match &point.answer {
            Answer::Judged(judged) => {
                let at = judged.at.as_ref().map(Place::to_string).unwrap_or_default();
                table.add_row([name.as_str(), judged.verdict, &judged.id, &at]);
            }
            Answer::Absent { not_on_the_path } => {
                table.add_row([name.as_str(), "-", &format!("not on the path: {not_on_the_path}"), ""]);
            }
        }
    }
    let lines: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    format!("{}\n", lines.join("\n"))
}

fn place(at: Option<&Place>) -> String {
    at.map(|at| format!(" ({at})")).unwrap_or_default()
}
