//! A decision of either layer, in one form.

mod proxy;

use std::fmt::Write as _;

use anyhow::Context;
use bookend_text::{cut, plain};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The longest line that is shown, and the longest cause in it, in characters.
const WIDEST: usize = 1_000;
const LONGEST_CAUSE: usize = 250;

/// Who decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Layer {
    /// The kernel of a node.
    Kernel,
    /// The filter in a proxy.
    Proxy,
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// It passes.
    Allow,
    /// It does not.
    Deny,
}

impl Verdict {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

impl Layer {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Proxy => "proxy",
        }
    }
}

/// What a rule in audit mode would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Audit {
    verdict: Verdict,
    pub(super) rule: String,
}

/// A request, as far as a filter tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Asked {
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
}

/// A decision; docs/json.md describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Decision {
    pub(super) time: String,
    pub(super) layer: Layer,
    /// The node, or the pod as `namespace/name`; empty where there is no cluster.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) at: String,
    pub(super) verdict: Verdict,
    pub(super) rule: Option<String>,
    /// Why, where no rule decided alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) audit: Option<Audit>,
    /// Workloads (`namespace/name`), or an address, or a SPIFFE id.
    pub(super) from: String,
    pub(super) to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<Asked>,
    /// It was not dropped: a dry run.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    observed: bool,
}

/// What is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// A decision. Boxed, because most of what is told is one and all of it is moved.
    Decision(Box<Decision>),
    /// Decisions that were made and not told: how many, and by whom.
    Lost(u64, String),
    /// Somebody cannot be asked.
    Trouble(String),
}

/// What an enforcer writes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KernelLine {
    kind: String,
    #[serde(default)]
    time: String,
    verdict: Option<Verdict>,
    reason: Option<String>,
    rule: Option<String>,
    audit: Option<Audit>,
    workload: Option<String>,
    direction: Option<String>,
    protocol: Option<String>,
    local: Option<String>,
    #[serde(default)]
    local_port: u16,
    remote: Option<String>,
    #[serde(default)]
    remote_port: u16,
    peer: Option<String>,
    #[serde(default)]
    observed: bool,
    events: Option<u64>,
    verdicts: Option<Value>,
}

impl Told {
    /// What a line of an enforcer on `node` says; nothing, if it is about no decision.
    ///
    /// # Errors
    /// If it makes no sense.
    pub(super) fn kernel(line: &str, node: &str) -> anyhow::Result<Option<Self>> {
        let line: KernelLine = serde_json::from_str(line).context("a line of an enforcer makes no sense")?;
        let who = || if node.is_empty() { "the enforcer".to_owned() } else { format!("node {node}") };
        match (line.kind.as_str(), line.verdict) {
            ("lost", _) => return Ok(Some(Self::Lost(line.events.unwrap_or_default(), who()))),
            ("suppressed", _) => {
                let number = line.verdicts.as_ref().and_then(Value::as_u64).unwrap_or_default();
                return Ok(Some(Self::Lost(number, who())));
            }
            ("verdict", Some(_)) => {}
            _ => return Ok(None),
        }
        let unknown = || "?".to_owned();
        let own = line.workload.or(line.local).unwrap_or_else(unknown);
        let other = line.peer.or(line.remote).unwrap_or_else(unknown);
        let outward = line.direction.as_deref() == Some("from-workload");
        let (from, to, port) =
            if outward { (own, other, line.remote_port) } else { (other, own, line.local_port) };
        let ports = matches!(line.protocol.as_deref(), Some("tcp" | "udp" | "sctp"));
        Ok(Some(Self::Decision(Box::new(Decision {
            time: line.time,
            layer: Layer::Kernel,
            at: node.to_owned(),
            verdict: line.verdict.unwrap_or(Verdict::Deny),
            reason: line.reason.filter(|reason| {
                line.rule.is_none() || !matches!(reason.as_str(), "rule" | "default" | "isolation")
            }),
            rule: line.rule,
            audit: line.audit,
            from,
            to,
            protocol: line.protocol,
            port: Some(port).filter(|_| ports),
            request: None,
            observed: line.observed,
        }))))
    }

    /// As a line for people, in which nothing is an order to a terminal.
    pub(super) fn line(&self) -> String {
        let line = match self {
            Self::Decision(decision) => decision.line(),
            Self::Lost(number, who) => format!("… {number} more that {who} did not tell one by one"),
            Self::Trouble(text) => text.clone(),
        };
        plain(&cut(&line, WIDEST)).into_owned()
    }

    /// As one JSON object on one line.
    ///
    /// # Errors
    /// If it cannot be written so.
    pub(super) fn json(&self) -> anyhow::Result<String> {
        #[derive(Serialize)]
        struct Tagged<'a> {
            kind: &'static str,
            #[serde(flatten)]
            decision: &'a Decision,
        }
        let text = match self {
            Self::Decision(decision) => serde_json::to_string(&Tagged { kind: "decision", decision }),
            Self::Lost(number, who) => {
                serde_json::to_string(&serde_json::json!({ "kind": "lost", "decisions": number, "by": who }))
            }
            Self::Trouble(text) => {
                serde_json::to_string(&serde_json::json!({ "kind": "trouble", "message": text }))
            }
        };
        text.context("cannot write a decision as JSON")
    }
}

impl Decision {
    /// What it was decided by, for counting and showing.
    pub(super) fn cause(&self) -> String {
        let cause = match (&self.rule, &self.reason) {
            (Some(rule), None) => rule.clone(),
            (Some(rule), Some(reason)) => format!("{rule} ({reason})"),
            (None, Some(reason)) => format!("({reason})"),
            (None, None) => "-".to_owned(),
        };
        plain(&cut(&cause, LONGEST_CAUSE)).into_owned()
    }

    fn line(&self) -> String {
        let clock = self.time.split('T').nth(1).map_or("", |time| time.get(..12).unwrap_or(time));
        let mut line = format!(
            "{clock:12}  {:6}  {:5}  {} → {}",
            self.layer.name(),
            self.verdict.name(),
            self.from,
            self.to
        );
        // Writing to a string cannot fail.
        let _ = match (&self.protocol, self.port) {
            (Some(protocol), Some(port)) => write!(line, " {protocol}/{port}"),
            (Some(protocol), None) => write!(line, " {protocol}"),
            _ => Ok(()),
        };
        if let Some(Asked { method, path, .. }) = &self.request {
            let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "?".to_owned());
            let _ = write!(line, " {} {}", or(method), or(path));
        }
        let _ = write!(line, "  {}", self.cause());
        if let Some(audit) = &self.audit {
            let _ = write!(line, "  [audit: {} {}]", audit.verdict.name(), audit.rule);
        }
        if self.observed {
            line.push_str("  [dry run: not dropped]");
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::super::envoy::tests::line;
    use super::*;

    const KERNEL: &str = r#"{"kind":"verdict","time":"2026-07-01T12:00:00.123456Z","verdict":"deny","reason":"isolation","rule":"shop/web/isolate[0]","interface":"veth1","workload":"shop/db","direction":"to-workload","protocol":"tcp","local":"10.0.0.2","localPort":5432,"remote":"10.0.0.1","remotePort":40000,"peer":"shop/web","bytes":60,"policy":"aa"}"#;
    const PROXY: &str = r#"{"bookend":"decision","verdict":"deny","rule":"shop/api/never","end":"destination","revision":"r1","layer":"http","method":"GET","host":"api","path":"/cart","peer":{"address":"10.0.0.7","principals":["spiffe://cluster.local/ns/shop/sa/web"]},"port":8080}"#;

    #[test]
    fn both_layers_tell_in_one_form() {
        let kernel = Told::kernel(KERNEL, "node-1").unwrap().unwrap();
        assert_eq!(
            kernel.line(),
            "12:00:00.123  kernel  deny   shop/web → shop/db tcp/5432  shop/web/isolate[0]"
        );
        assert_eq!(
            kernel.json().unwrap(),
            r#"{"kind":"decision","time":"2026-07-01T12:00:00.123456Z","layer":"kernel","at":"node-1","verdict":"deny","rule":"shop/web/isolate[0]","from":"shop/web","to":"shop/db","protocol":"tcp","port":5432}"#
        );
        let proxy = Told::proxy(&line(PROXY), "shop/api-1", "shop/api").unwrap();
        assert_eq!(
            proxy.line(),
            "12:00:01.500  proxy   deny   shop/web → shop/api http/8080 GET /cart  shop/api/never"
        );
        assert_eq!(
            proxy.json().unwrap(),
            r#"{"kind":"decision","time":"2026-07-01T12:00:01.500000000Z","layer":"proxy","at":"shop/api-1","verdict":"deny","rule":"shop/api/never","from":"shop/web","to":"shop/api","protocol":"http","port":8080,"request":{"method":"GET","host":"api","path":"/cart"}}"#
        );
    }

    #[test]
    fn what_is_no_decision_is_told_as_what_it_is() {
        let kernel = |line: &str| Told::kernel(line, "").unwrap();
        assert_eq!(kernel(r#"{"kind":"policy","time":"t","outcome":"applied","complaints":[]}"#), None);
        assert_eq!(
            kernel(r#"{"kind":"lost","time":"t","events":3}"#),
            Some(Told::Lost(3, "the enforcer".to_owned()))
        );
        assert_eq!(
            kernel(r#"{"kind":"suppressed","time":"t","verdicts":9}"#),
            Some(Told::Lost(9, "the enforcer".to_owned()))
        );
        assert!(Told::kernel("{", "").is_err());
        assert_eq!(Told::proxy("[2026] something else of Envoy", "a/b", "a/b"), None);
        let suppressed = line(r#"{"bookend":"suppressed","lines":4}"#);
        assert_eq!(Told::proxy(&suppressed, "a/b", "a/b"), Some(Told::Lost(4, "proxy a/b".to_owned())));
    }

    #[test]
    fn what_leaves_a_workload_and_what_is_only_rehearsed_is_told_so() {
        let line = KERNEL
            .replace("to-workload", "from-workload")
            .replace(
                r#""rule":"shop/web/isolate[0]""#,
                r#""rule":null,"audit":{"verdict":"deny","rule":"a/b/c"},"observed":true"#,
            )
            .replace(r#""reason":"isolation""#, r#""reason":"spoofed""#);
        let told = Told::kernel(&line, "").unwrap().unwrap();
        assert_eq!(
            told.line(),
            "12:00:00.123  kernel  deny   shop/db → shop/web tcp/40000  (spoofed)  [audit: deny a/b/c]  [dry run: not dropped]"
        );
    }

    #[test]
    fn nothing_that_is_told_is_an_order_to_a_terminal_and_programs_get_it_as_it_is() {
        let hostile = PROXY.replace("/cart", r"/\u001b[2J\u202e\u009b31m\n12:00:02.000  kernel");
        let told = Told::proxy(&line(&hostile), "shop/api-1", "shop/api").unwrap();
        assert!(
            told.line().contains(r"GET /\u{1b}[2J\u{202e}\u{9b}31m\n12:00:02.000  kernel"),
            "{}",
            told.line()
        );
        let json: Value = serde_json::from_str(&told.json().unwrap()).unwrap();
        assert_eq!(json["request"]["path"], "/\u{1b}[2J\u{202e}\u{9b}31m\n12:00:02.000  kernel");
        let kernel = KERNEL.replace("shop/web/isolate[0]", &"\\u001b]0;".repeat(900));
        let told = Told::kernel(&kernel, "node-1").unwrap().unwrap();
        assert!(!told.line().contains('\u{1b}') && told.line().ends_with('…'), "{}", told.line());
        let trouble = Told::Trouble("the enforcer answers \u{1b}c".to_owned());
        assert_eq!(trouble.line(), r"the enforcer answers \u{1b}c");
    }
}
