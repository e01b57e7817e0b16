//! Questions and answers as JSON.

use bookend_engine::{
    Connection, Endpoint, Exchange, Explanation, Head, Identity, Inventory, Judgement, Location, NoTrace,
    Protocol, Request, Tokens, decide, rehearse,
};
use bookend_lang::{Compiled, Diagnostic, Source, compile};
use serde::Deserialize;
use serde_json::{Value, json};

/// What the page asks.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Question {
    /// The texts in the editor.
    sources: Vec<Text>,
    /// A connection to judge, if one is asked about.
    connection: Option<Asked>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    name: String,
    text: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// A workload as `namespace/name`, or an address.
    from: String,
    to: String,
    port: u16,
    /// The request on it; left out, the connection itself is judged.
    request: Option<Asking>,
}

/// A request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asking {
    method: Option<String>,
    host: Option<String>,
    path: Option<String>,
    /// Names and values, in order.
    #[serde(default)]
    headers: Vec<(String, String)>,
    /// The claims of each token that the proxy verified.
    #[serde(default)]
    tokens: Vec<Value>,
}

/// Answers a question: `{"diagnostics": […], "verdict": …}`, or `{"error": "…"}` when it cannot be read.
#[must_use]
pub fn answer(question: &str) -> String {
    let value = match serde_json::from_str::<Question>(question) {
        Ok(question) => reply(&question),
        Err(error) => json!({ "error": format!("the question cannot be read: {error}") }),
    };
    value.to_string()
}

fn reply(question: &Question) -> Value {
    let sources: Vec<Source> =
        question.sources.iter().map(|text| Source::new(&text.name, text.text.as_bytes())).collect();
    match compile(&sources) {
        Err(refused) => json!({ "diagnostics": diagnostics(&refused.diagnostics) }),
        Ok(compiled) => {
            let mut reply = json!({ "diagnostics": diagnostics(&compiled.warnings) });
            if let (Some(asked), Some(object)) = (&question.connection, reply.as_object_mut()) {
                match judge(&compiled, asked) {
                    Ok(verdict) => object.insert("verdict".to_owned(), verdict),
                    Err(error) => object.insert("error".to_owned(), error.into()),
                };
            }
            reply
        }
    }
}

fn diagnostics(list: &[Diagnostic]) -> Vec<Value> {
    list.iter()
        .map(|d| {
            json!({
                "code": d.code.as_str(), "severity": d.severity().name(), "message": d.message, "cure": d.cure,
                "source": d.span.source, "start": d.span.start, "end": d.span.end,
                "line": d.span.line, "column": d.span.column,
            })
        })
        .collect()
}

fn judge<'a>(compiled: &Compiled, asked: &'a Asked) -> Result<Value, String> {
    let connection = Connection {
        source: endpoint(&compiled.inventory, &asked.from)?,
        destination: endpoint(&compiled.inventory, &asked.to)?,
        protocol: Protocol::Tcp,
        port: asked.port,
    };
    let headers: Vec<(&[u8], &[u8])> =
        asked.request.iter().flat_map(|request| &request.headers).map(bytes).collect();
    let request = asked.request.as_ref().map(|request| {
        let bytes = |text: &'a Option<String>| text.as_deref().map(str::as_bytes);
        Request::new(Head {
            method: bytes(&request.method),
            authority: bytes(&request.host),
            path: bytes(&request.path),
            headers: Some(&headers),
            tokens: Tokens::Verified(request.tokens.clone()),
            ..Head::default()
        })
    });
    let exchange = request.as_ref().map_or(Exchange::Packet, Exchange::Http);
    let mut explanation = Explanation::default();
    let judgement = decide(&compiled.program, &connection, exchange, &mut explanation);
    let audit = rehearse(&compiled.program, &connection, exchange, &judgement, &mut NoTrace);
    let mut verdict = verdict(&judgement);
    if let Some(fields) = verdict.as_object_mut() {
        fields.insert("steps".to_owned(), explanation.steps.len().into());
        fields.insert("audit".to_owned(), audit.as_ref().map(self::verdict).unwrap_or_default());
    }
    Ok(verdict)
}

fn bytes((name, value): &(String, String)) -> (&[u8], &[u8]) {
    (name.as_bytes(), value.as_bytes())
}

fn verdict(judgement: &Judgement<'_>) -> Value {
    let (end, decision) = judgement.deciding();
    json!({ "verdict": judgement.verdict().name(), "by": decision.cause.id(), "at": end.name() })
}

fn endpoint<'a>(inventory: &'a Inventory, name: &str) -> Result<Endpoint<'a>, String> {
    if let Ok(address) = name.parse() {
        return Ok(inventory.endpoint(address));
    }
    let (namespace, name) = name.split_once('/').unwrap_or(("default", name));
    let workload = inventory
        .workload(namespace, name)
        .ok_or_else(|| format!("there is no workload `{name}` in namespace `{namespace}`"))?;
    let address = workload.instances.iter().flat_map(|instance| &instance.addresses).next();
    let identity = Identity::Workload(&workload.identity);
    Ok(Endpoint {
        principal: inventory.principal_of(&identity),
        identity,
        location: address.map_or(Location::Elsewhere, |address| Location::of(*address)),
    })
}

#[cfg(test)]
mod tests {
    use super::answer;
    use serde_json::{Value, json};

    fn ask(connection: Value) -> Value {
        let read = |name: &str| {
            let path = format!("{}/../examples/bookinfo/{name}", env!("CARGO_MANIFEST_DIR"));
            json!({ "name": name, "text": std::fs::read_to_string(path).unwrap() })
        };
        let sources = [read("policy.yaml"), read("bookinfo.yaml"), read("inventory.yaml")];
        serde_json::from_str(&answer(&json!({ "sources": sources, "connection": connection }).to_string()))
            .unwrap()
    }

    #[test]
    fn a_verdict_in_the_page_names_the_rule() {
        let asked = |method| json!({ "from": "reviews-v2", "to": "ratings-v1", "port": 9080, "request": { "method": method, "path": "/ratings/1" } });
        assert_eq!(ask(asked("GET"))["verdict"]["by"], "default/bookinfo/reviews-read-ratings");
        assert_eq!(ask(asked("POST"))["verdict"]["verdict"], "deny");
    }

    #[test]
    fn whatever_is_wrong_is_part_of_the_answer() {
        assert!(answer("{").contains("cannot be read"));
        let typo = json!({ "sources": [{ "name": "x", "text": "kind: Policy\nkind: x" }] }).to_string();
        assert!(answer(&typo).contains("B1006"));
        assert!(ask(json!({ "from": "nobody", "to": "ratings-v1", "port": 1 }))["error"].is_string());
    }
}
