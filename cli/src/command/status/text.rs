//! The state of a cluster, for people.

use std::fmt::Write as _;

use bookend_text::{cut, plain, table};

use super::drops::Drops;
use super::fleet::Fleet;
use crate::output::count;

/// The most characters that are shown of what is wrong with one thing; `-o json` has all of it.
const LONGEST: usize = 1_000;
/// Nodes that are shown though all is well with them.
const WELL: usize = 20;

/// The answer for people.
pub(super) fn text(fleet: &Fleet, drops: Option<&Drops>, all: bool) -> String {
    let mut text = String::new();
    let (at, nodes) = fleet.nodes_at();
    let (proxies_at, proxies, silent) = fleet.proxies_at();
    let of_nodes = fleet.desired.max(nodes as u64);
    // Writing to a string cannot fail.
    let _ = match &fleet.revision {
        Some(revision) => writeln!(
            text,
            "policies {}: {at} of {of_nodes} nodes, {proxies_at} of {proxies} proxies\n",
            plain(revision)
        ),
        None => writeln!(text, "no policies are in force: {of_nodes} nodes\n"),
    };
    let mut rows =
        vec![["NODE", "READY", "POLICIES", "SINCE", "PODS", "PROXIES", "VERSION"].map(str::to_owned)];
    let mut well = 0;
    for node in &fleet.nodes {
        let sound = fleet.trouble(node).is_empty();
        well += usize::from(sound);
        if sound && !all && well > WELL {
            continue;
        }
        let dash = || "-".to_owned();
        rows.push(match &node.status {
            None => [node.name.clone(), dash(), dash(), dash(), dash(), dash(), dash()],
            Some(status) => {
                let known: u32 = status.proxies.iter().map(|share| share.count).sum();
                let right: u32 = status
                    .proxies
                    .iter()
                    .filter(|share| Some(&share.revision) == fleet.revision.as_ref())
                    .map(|share| share.count)
                    .sum();
                [
                    node.name.clone(),
                    if status.ready { "yes" } else { "NO" }.to_owned(),
                    status.policies.clone().unwrap_or_else(dash),
                    status.since.as_deref().map_or_else(dash, short),
                    status.pods.to_string(),
                    format!("{right}/{}", known + status.unreadable_proxies),
                    status.version.clone(),
                ]
            }
        });
    }
    text.push_str(&table(&rows));
    if let Some(hidden) = well.checked_sub(WELL).filter(|hidden| *hidden > 0 && !all) {
        let _ = writeln!(
            text,
            "… and {} with which all is well (--all shows them)",
            count(hidden, "node", "nodes")
        );
    }
    if let Some(drops) = drops {
        dropped(&mut text, drops);
    }
    let problems = fleet.problems();
    if silent > 0 && !fleet.asks() {
        let number = usize::try_from(silent).unwrap_or(usize::MAX);
        let proxies = count(number, "proxy has", "proxies have");
        let _ = writeln!(
            text,
            "\nwhich policies {proxies} is not known: enforcers ask them with `bookend deploy --ask-proxies`"
        );
    }
    let _ = writeln!(text, "\n{}", count(fleet.policies.len(), "document", "documents"));
    if problems.is_empty() {
        let _ = writeln!(text, "everything is as it should be");
    } else {
        let _ = writeln!(text, "{} not as it should be:", count(problems.len(), "thing is", "things are"));
        for problem in problems {
            // What nodes and the controller say may be anything, and as long as a status may be.
            let _ = writeln!(text, "  {}", cut(&plain(&problem), LONGEST));
        }
    }
    text
}

fn dropped(text: &mut String, drops: &Drops) {
    let nodes = count(drops.nodes.len(), "node", "nodes");
    let _ = writeln!(text, "\ndenied in {} s on {nodes}, in packets:\n", drops.seconds);
    if drops.rules.is_empty() && drops.reasons.is_empty() {
        let _ = writeln!(text, "nothing");
        return;
    }
    let mut all: Vec<(String, u64)> =
        drops.rules.iter().map(|(rule, packets)| (rule.clone(), *packets)).collect();
    all.extend(drops.reasons.iter().map(|(reason, packets)| (format!("({reason})"), *packets)));
    all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let mut rows = vec![["RULE", "PACKETS"].map(str::to_owned)];
    rows.extend(all.into_iter().map(|(rule, packets)| [rule, packets.to_string()]));
    text.push_str(&table(&rows));
}

/// `2026-07-01T12:00:00.000000Z` to the second.
fn short(time: &str) -> String {
    time.split('.').next().unwrap_or(time).trim_end_matches('Z').replace('T', " ")
}

#[cfg(test)]
mod tests {
    use super::super::fleet::Count;
    use super::super::fleet::tests::{accepted, node, policy};
    use super::*;
    use serde_json::json;

    #[test]
    fn a_fleet_is_shown_with_what_is_wrong_with_it() {
        let sound = json!({ "version": "0.1.0", "policies": "0123456789ab", "since": "2026-07-01T12:00:00.123456Z", "ready": true,
            "pods": 31, "proxies": [{ "revision": "0123456789ab", "count": 30 }] });
        let mut behind = sound.clone();
        behind["policies"] = json!("ba9876543210");
        let fleet = Fleet::new(
            vec![node("node-1", sound), node("node-2", behind)],
            vec![policy("web", accepted("0123456789ab"))],
            Count { desired: 2, ready: 2 },
            Some("0123456789ab".to_owned()),
        );
        let drops = Drops {
            seconds: 10,
            nodes: vec!["node-1".to_owned()],
            rules: [("shop/web/never".to_owned(), 7)].into(),
            ..Drops::default()
        };
        let expected = "\
policies 0123456789ab: 1 of 2 nodes, 60 of 60 proxies

NODE    READY  POLICIES      SINCE                PODS  PROXIES  VERSION
node-1  yes    0123456789ab  2026-07-01 12:00:00  31    30/30    0.1.0
node-2  yes    ba9876543210  2026-07-01 12:00:00  31    30/30    0.1.0

denied in 10 s on 1 node, in packets:

RULE            PACKETS
shop/web/never  7

1 document
1 thing is not as it should be:
  node node-2: it has the policies ba9876543210, and 0123456789ab are those of the controller
";
        assert_eq!(text(&fleet, Some(&drops), false), expected);
    }

    #[test]
    fn proxies_that_nobody_asks_are_no_problem_and_are_told_of() {
        let unasked = json!({ "version": "0.1.0", "policies": "b", "ready": true, "unreadableProxies": 3 });
        let count = || Count { desired: 1, ready: 1 };
        let policies = || vec![policy("web", accepted("b"))];
        let fleet = Fleet::new(vec![node("n1", unasked.clone())], policies(), count(), Some("b".to_owned()));
        assert_eq!(fleet.problems(), Vec::<String>::new());
        let told = text(&fleet, None, false);
        assert!(
            told.contains("which policies 3 proxies have is not known: enforcers ask them with"),
            "{told}"
        );
        let mut asked = unasked;
        asked["proxies"] = json!([{ "revision": "b", "count": 1 }]);
        let fleet = Fleet::new(vec![node("n1", asked)], policies(), count(), Some("b".to_owned()));
        assert_eq!(fleet.problems(), ["node n1: 3 proxies do not say which policies they have"]);
    }

    #[test]
    fn a_status_is_no_order_to_a_terminal() {
        let hostile = json!({ "version": "\u{1b}[2J", "policies": "b", "ready": false, "obstacles": ["\u{1b}]0;x\u{7}\u{202e}", "y".repeat(5_000)] });
        let name = "n\u{9b}1";
        let fleet = Fleet::new(
            vec![node(name, hostile)],
            Vec::new(),
            Count { desired: 1, ready: 1 },
            Some("b\u{1b}".to_owned()),
        );
        let told = text(&fleet, None, false);
        assert!(!told.contains(|c: char| c != '\n' && c.is_control() || c == '\u{202e}'), "{told}");
        assert!(told.lines().all(|line| line.chars().count() <= LONGEST + 2), "{told}");
    }
}
