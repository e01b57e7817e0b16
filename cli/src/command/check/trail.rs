//! Audit trails: what the enforcer's journal and the proxies' access logs say was allowed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use bookend_analysis::{Asked, Ends, Event};
use bookend_engine::Protocol;
use serde::Deserialize;
use serde_json::Value;

/// What the journal writes besides verdicts.
const OTHER_KINDS: [&str; 3] = ["policy", "interface", "closed"];

/// What is read of a trail.
#[derive(Debug, Default)]
pub(super) struct Trail {
    /// What was allowed.
    pub(super) events: BTreeSet<Event>,
    /// How many verdicts the journal says it left out.
    pub(super) suppressed: u64,
}

/// A line of the enforcer's journal that tells a verdict, as far as it matters here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    verdict: Option<String>,
    rule: Option<String>,
    direction: Option<String>,
    protocol: Option<String>,
    local: Option<IpAddr>,
    local_port: Option<u16>,
    remote: Option<IpAddr>,
    remote_port: Option<u16>,
    icmp: Option<Icmp>,
}

#[derive(Deserialize)]
struct Icmp {
    r#type: u8,
    code: u8,
}

/// A line of Envoy's access log. `-` is what Envoy writes for what there is not.
#[derive(Deserialize)]
struct Access {
    details: Option<String>,
    rule: Option<String>,
    source: Option<String>,
    destination: Option<String>,
    method: Option<String>,
    path: Option<String>,
}

/// Reads what a trail says was allowed: JSON lines as `bookend-enforcer` writes them with `--sample 1`, and lines of
/// Envoy's access log that have the rule (docs/tool.md), in any mixture.
///
/// # Errors
/// When the file cannot be read, a line is of neither form, or an allowed connection lacks what it must have.
pub(super) fn read(path: &Path) -> anyhow::Result<Trail> {
    let shown = path.display();
    let file = File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            anyhow!("there is no file `{shown}`; check the path of the audit trail")
        }
        _ => anyhow!("cannot read `{shown}`: {error}"),
    })?;
    let mut trail = Trail::default();
    for (number, line) in (1..).zip(BufReader::new(file).lines()) {
        let line = line.with_context(|| format!("cannot read line {number} of `{shown}`"))?;
        if !line.trim().is_empty() {
            trail.take(&line).map_err(|error| anyhow!("line {number} of `{shown}` {error}"))?;
        }
    }
    if trail.events.is_empty() {
        bail!(
            "`{shown}` has nothing that a rule allowed; run the enforcer with `--sample 1`, or let the proxies' \
             access log tell the rule (docs/tool.md)"
        );
    }
    Ok(trail)
}

impl Trail {
    fn take(&mut self, line: &str) -> anyhow::Result<()> {
        let value: Value = match serde_json::from_str(line) {
            Ok(value) => value,
            // The filter's own log tells what it denied, in words for people.
            Err(_) if line.contains("bookend: ") => bail!(
                "is of the filter's log, which does not tell what was allowed; take the access log (docs/tool.md)"
            ),
            Err(error) => bail!("is no JSON: {error}"),
        };
        let of_journal = value.get("kind").map(|kind| kind.as_str().unwrap_or_default().to_owned());
        match of_journal.as_deref() {
            Some("verdict") => {
                let told: Told = serde_json::from_value(value)
                    .map_err(|error| anyhow!("is no verdict of a journal: {error}"))?;
                self.events.extend(told.event()?);
            }
            Some("suppressed") => {
                self.suppressed += value.get("verdicts").and_then(Value::as_u64).unwrap_or(1)
            }
            Some("lost") => self.suppressed += value.get("events").and_then(Value::as_u64).unwrap_or(1),
            Some(kind) if OTHER_KINDS.contains(&kind) => {}
            Some(kind) => bail!("is of kind `{kind}`, which no journal has"),
            None if value.get("code").is_some() && value.get("rule").is_some() => {
                let access: Access = serde_json::from_value(value)
                    .map_err(|error| anyhow!("is no line of an access log: {error}"))?;
                self.events.extend(access.event()?);
            }
            None => bail!(
                "is neither of a journal (`kind`) nor of an access log with `code` and `rule` (docs/tool.md)"
            ),
        }
        Ok(())
    }

    /// How many events name a rule that there is not, and one such name.
    pub(super) fn strangers(&self, is_known: impl Fn(&str) -> bool) -> Option<(usize, &str)> {
        let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
        for event in self.events.iter().filter(|event| !is_known(&event.rule)) {
            *counted.entry(&event.rule).or_default() += 1;
        }
        let (first, _) = counted.first_key_value()?;
        Some((counted.values().sum(), first))
    }
}

impl Told {
    /// The connection it says was allowed by a rule, if it says so.
    fn event(self) -> anyhow::Result<Option<Event>> {
        match self.verdict.as_deref() {
            Some("allow") => {}
            Some("deny") => return Ok(None),
            _ => bail!("is a verdict that is neither `allow` nor `deny`"),
        }
        // What no rule decided, such as a reply, was opened by something that is told elsewhere.
        let Some(rule) = self.rule.clone() else { return Ok(None) };
        let ends = self.ends().ok_or_else(|| {
            anyhow!("is an allowed connection that lacks an address, a direction, a protocol or a port")
        })?;
        Ok(Some(Event { rule, ends: Some(ends), asked: None }))
    }

    fn ends(&self) -> Option<Ends> {
        let (local, remote) = (self.local?, self.remote?);
        let opened_here = match self.direction.as_deref()? {
            "from-workload" => true,
            "to-workload" => false,
            _ => return None,
        };
        let protocol = self.protocol.as_deref()?;
        let protocol = Protocol::ALL.into_iter().find(|known| known.name().eq_ignore_ascii_case(protocol))?;
        let (source, destination, port) =
            if opened_here { (local, remote, self.remote_port) } else { (remote, local, self.local_port) };
        let port = match &self.icmp {
            Some(Icmp { r#type, code }) => u16::from_be_bytes([*r#type, *code]),
            None if protocol.has_ports() => port?,
            None => 0,
        };
        Some(Ends { source, destination, protocol, port })
    }
}

impl Access {
    /// The request it says was allowed by a rule, if it says so.
    fn event(self) -> anyhow::Result<Option<Event>> {
        let there = |text: Option<String>| text.filter(|text| text != "-");
        // What the filter answers itself: it denies, or cannot judge and then names the fault for a rule.
        let own = |text: &Option<String>| text.as_deref().is_some_and(|text| text.contains("bookend_"));
        let denied = own(&self.details) || own(&self.rule);
        let Some(rule) = there(self.rule).filter(|_| !denied) else { return Ok(None) };
        let ends = match (there(self.source), there(self.destination)) {
            (Some(source), Some(destination)) => {
                let (source, _) = address(&source)?;
                let (destination, port) = address(&destination)?;
                let port = port.ok_or_else(|| anyhow!("has a `destination` without a port"))?;
                Some(Ends { source, destination, protocol: Protocol::Tcp, port })
            }
            (None, None) => None,
            _ => bail!("has only one of `source` and `destination`"),
        };
        let path = there(self.path);
        let asked = there(self.method).map(|method| Asked { method, path });
        Ok(Some(Event { rule, ends, asked }))
    }
}

/// An address with or without a port, as Envoy writes them.
fn address(text: &str) -> anyhow::Result<(IpAddr, Option<u16>)> {
    let alone = || text.parse().ok().map(|address: IpAddr| (address, None));
    let with_port = text.parse::<SocketAddr>().ok().map(|both| (both.ip(), Some(both.port())));
    with_port.or_else(alone).ok_or_else(|| anyhow!("has `{text}` where an address should be"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(lines: &str) -> Trail {
        let mut trail = Trail::default();
        lines.lines().for_each(|line| trail.take(line).unwrap());
        trail
    }

    fn refused(line: &str) -> String {
        Trail::default().take(line).unwrap_err().to_string()
    }

    const ALLOWED: &str = r#"{"kind":"verdict","verdict":"allow","rule":"a/p/r","direction":"to-workload","protocol":"tcp","local":"10.0.0.2","localPort":80,"remote":"10.0.0.1","remotePort":40000}"#;

    #[test]
    fn a_journal_tells_connections_and_what_it_left_out() {
        let other = "{\"kind\":\"policy\",\"outcome\":\"applied\"}\n{\"kind\":\"interface\"}\n{\"kind\":\"suppressed\",\"verdicts\":7}\n{\"kind\":\"lost\",\"events\":2}\n{\"kind\":\"closed\"}";
        let denied = ALLOWED.replace("allow", "deny");
        let trail = events(&format!("{ALLOWED}\n{other}\n{denied}\n{ALLOWED}"));
        assert_eq!(trail.suppressed, 9);
        let [event] = &Vec::from_iter(trail.events)[..] else { unreachable!("one connection") };
        let ends = event.ends.unwrap();
        assert_eq!((event.rule.as_str(), ends.port, event.asked.is_none()), ("a/p/r", 80, true));
        assert_eq!(
            (ends.source, ends.destination),
            ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap())
        );
    }

    #[test]
    fn an_access_log_tells_requests() {
        let known = r#"{"mark":null,"code":200,"details":"via_upstream","rule":"a/p/r","audit":null}"#;
        let denied = r#"{"code":403,"details":"bookend_denied{a/p/d}","rule":"a/p/d"}"#;
        let fault = r#"{"code":403,"details":"bookend_fault{x}","rule":"bookend_fault{x}"}"#;
        let without = r#"{"code":200,"details":"via_upstream","rule":"-"}"#;
        let whole = r#"{"code":404,"rule":"a/p/r","source":"10.0.0.1","destination":"[fd00::2]:8080","method":"GET","path":"/a?b=c"}"#;
        let trail = events(&[known, denied, fault, without, whole].join("\n"));
        let [short, long] = &Vec::from_iter(trail.events)[..] else { unreachable!("two events") };
        assert_eq!((short.ends, &short.asked), (None, &None));
        let asked = Asked { method: "GET".to_owned(), path: Some("/a?b=c".to_owned()) };
        assert_eq!((long.ends.unwrap().port, &long.asked), (8080, &Some(asked)));
    }

    #[test]
    fn a_line_that_is_not_understood_is_refused() {
        for (line, why) in [
            ("allow", "is no JSON"),
            (
                "[1][info][wasm] wasm log: bookend: denied by a/p/d: GET / from - as -",
                "is of the filter's log",
            ),
            ("{}", "is neither of a journal"),
            ("[]", "is neither of a journal"),
            (r#"{"kind":"verdicts"}"#, "is of kind `verdicts`"),
            (r#"{"kind":1}"#, "is of kind ``"),
            (r#"{"kind":"verdict"}"#, "is a verdict that is neither"),
            (r#"{"kind":"verdict","verdict":"allow","rule":"a"}"#, "is an allowed connection that lacks"),
            (&ALLOWED.replace("\"tcp\"", "\"tcq\""), "is an allowed connection that lacks"),
            (&ALLOWED.replace("10.0.0.1", "10.0.0"), "is no verdict of a journal"),
            (r#"{"code":200,"rule":"a","source":"10.0.0.1"}"#, "has only one of"),
            (
                r#"{"code":200,"rule":"a","source":"10.0.0.1","destination":"10.0.0.2"}"#,
                "has a `destination` without",
            ),
            (
                r#"{"code":200,"rule":"a","source":"x","destination":"10.0.0.2:1"}"#,
                "has `x` where an address",
            ),
            (r#"{"code":200,"rule":1}"#, "is no line of an access log"),
        ] {
            assert!(refused(line).starts_with(why), "{line}: {}", refused(line));
        }
    }

    #[test]
    fn rules_that_there_are_not_are_counted() {
        let trail = events(&format!("{ALLOWED}\n{}", ALLOWED.replace("a/p/r", "a/p/gone")));
        assert_eq!(trail.strangers(|id| id == "a/p/r"), Some((1, "a/p/gone")));
        assert_eq!(trail.strangers(|_| true), None);
    }
}
