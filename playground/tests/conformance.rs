//! The page says of every case of the corpus what the case expects, as far as a page can be asked about it.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "functions shared by tests fail as tests do"
)]

use std::sync::Arc;

use bookend_engine::{End, Protocol, Verdict};
use bookend_playground::Playground;
use bookend_testing::question::{ServerName, Tokens};
use bookend_testing::{Answer, Audit, Corpus, Judged, Question, Seen, Traffic, Vehicle, World, run};
use serde_json::{Map, Value, json};

/// A page, asked by text alone.
#[derive(Default)]
struct Page {
    playground: Playground,
    world: Option<Arc<World>>,
    /// What was asked and answered, a line each: a browser is asked the same (`playground/page/tests/corpus.test.mjs`).
    transcript: String,
}

impl Page {
    fn ask(&mut self, question: &Value) -> anyhow::Result<Value> {
        let told = self.playground.ask(&question.to_string());
        self.transcript.push_str(&json!({ "question": question.to_string(), "answer": told }).to_string());
        self.transcript.push('\n');
        let told: Value = serde_json::from_str(&told)?;
        match told.get("answer") {
            Some(answer) => Ok(answer.clone()),
            None => anyhow::bail!("{question}: {told}"),
        }
    }
}

impl Vehicle for Page {
    fn name(&self) -> &'static str {
        "page"
    }

    fn enter(&mut self, world: &Arc<World>) -> anyhow::Result<()> {
        let source =
            |(number, text): (usize, &String)| json!({ "name": format!("{number}.yaml"), "text": text });
        let sources: Vec<_> = world.documents.iter().enumerate().map(source).collect();
        let told = self.ask(&json!({ "ask": "open", "version": "now", "sources": sources }))?;
        anyhow::ensure!(told["check"]["accepted"] == true, "{told}");
        self.world = Some(Arc::clone(world));
        Ok(())
    }

    fn judge(&mut self, question: &Question) -> anyhow::Result<Judged> {
        let world = Arc::clone(self.world.as_ref().unwrap());
        let asked = match asked(question, &world) {
            Ok(asked) => asked,
            Err(reason) => return Ok(Judged::NotApplicable(reason)),
        };
        let told = self.ask(&asked)?;
        let layer = if matches!(question.traffic, Traffic::Packet) { "kernel" } else { "proxy" };
        let points = told[0]["points"].as_array().unwrap();
        let points = || points.iter().filter(|point| point["layer"] == layer && point["verdict"].is_string());
        // As an answer of several points is one: who denies first; else the last that has a rule.
        let deciding = points()
            .find(|point| point["verdict"] == "deny")
            .or_else(|| points().rfind(|point| point["tier"].is_string()))
            .or_else(|| points().next_back());
        let Some(point) = deciding else { return Ok(Judged::NotApplicable("nobody of a page's judges it")) };
        let answer = answer(point).unwrap();
        Ok(match (layer, &point["audit"]) {
            ("proxy", audit) => answer.with(told_by(audit)),
            // Of both ends together.
            _ => answer.with(Audit::Unseen),
        }
        .into())
    }
}

fn told_by(value: &Value) -> Option<(Verdict, String)> {
    let verdict = match value["verdict"].as_str()? {
        "allow" => Verdict::Allow,
        _ => Verdict::Deny,
    };
    Some((verdict, value["id"].as_str()?.to_owned()))
}

fn answer(value: &Value) -> Option<Answer> {
    told_by(value).map(|(verdict, id)| Answer::new(verdict, id))
}

/// The question as a page writes it, or why it cannot.
fn asked(question: &Question, world: &World) -> Result<Value, &'static str> {
    if question.end == End::Source {
        return Err("a page has no filter at the source");
    }
    let (from, to) = (question.source.address, question.destination.address);
    let mut asked = json!({ "ask": "explain", "version": "now", "from": from, "to": to });
    let fields = asked.as_object_mut().unwrap();
    let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    match question.protocol {
        Protocol::Other => return Err("a page asks about protocols that have ports, and ICMP"),
        Protocol::Icmp | Protocol::Icmpv6 => {
            set("icmp", format!("{}/{}", question.port / 256, question.port % 256).into());
            set("protocol", if to.is_ipv4() { "icmp" } else { "icmpv6" }.into());
        }
        protocol => {
            set("protocol", protocol.name().to_lowercase().into());
            set("port", question.port.to_string().into());
        }
    }
    match &question.traffic {
        Traffic::Packet => {
            set("packet", true.into());
        }
        Traffic::Stream(seen) => {
            known(seen, question, world, &mut set)?;
        }
        Traffic::Request { peer, head, tokens } => {
            let encrypted = known(peer, question, world, &mut set)?;
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| "a page sends UTF-8");
            let part = |part: &Option<Vec<u8>>| match part {
                Some(bytes) => text(bytes),
                None => Err("a page's requests have a method, a host and a path"),
            };
            let mut request = Map::new();
            request.insert("method".to_owned(), part(&head.method)?.into());
            request.insert("path".to_owned(), part(&head.path)?.into());
            request.insert("host".to_owned(), part(&head.authority)?.into());
            let mut headers = Vec::new();
            for (name, value) in &head.headers {
                let (name, value) = (text(name)?, text(value)?);
                if name != name.trim().to_ascii_lowercase()
                    || value != value.trim()
                    || name == "host"
                    || name.is_empty()
                {
                    return Err("a page writes headers as proxies hand them over");
                }
                headers.push((name, value));
            }
            request.insert("headers".to_owned(), json!(headers));
            match tokens {
                Tokens::Unreadable => return Err("a page's tokens are verified"),
                Tokens::Verified(tokens) if tokens.is_empty() => {}
                Tokens::Verified(tokens) if tokens.iter().all(Value::is_object) => {
                    request.insert("claims".to_owned(), json!(tokens));
                }
                Tokens::Verified(_) => return Err("a page's claims are objects"),
            }
            if let Some(client) = head.client {
                request.insert("client".to_owned(), json!(client));
            }
            match (&head.server_name, encrypted) {
                (ServerName::Name(name), _) => drop(request.insert("sni".to_owned(), name.as_str().into())),
                (ServerName::Unknown, true) | (ServerName::Absent, false) => {}
                _ => return Err("a page tells the name of a handshake, where there is one"),
            }
            set("request", request.into());
        }
    }
    Ok(asked)
}

/// Who the source proves to be; whether it does so in a handshake.
fn known(
    seen: &Seen,
    question: &Question,
    world: &World,
    set: &mut impl FnMut(&str, Value) -> Option<Value>,
) -> Result<bool, &'static str> {
    let own = world.certificate(question.source.address);
    if seen.address != Some(question.source.address) {
        return Err("a page's proxies see the source's address");
    }
    match (seen.uri_sans.as_slice(), own) {
        ([], None) => Ok(false),
        ([], Some(_)) => {
            set("plaintext", true.into());
            Ok(false)
        }
        ([id], Some(own)) if *id == own => Ok(true),
        ([id], None)
            if world.inventory.at(question.source.address).is_none()
                && id.starts_with("spiffe://")
                && !id.contains('*') =>
        {
            set("principal", id.as_str().into());
            Ok(true)
        }
        _ => Err("a page's workloads prove what they are, and nobody proves two things"),
    }
}

#[test]
fn a_page_answers_the_whole_corpus() {
    let corpus = Corpus::load().unwrap();
    let mut page = Page::default();
    let report = run(&corpus, &mut page);
    println!("{report}");
    assert!(report.differences.is_empty(), "{report}");
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("playground-transcript.jsonl");
    std::fs::write(path, page.transcript).unwrap();
}
