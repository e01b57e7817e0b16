//! What `bookend-lang` takes, the types, both schemas and an API server take as well: neither editors nor clusters refuse
//! a document that means something.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "functions shared by tests fail as tests do"
)]

mod documents;
#[path = "../../../lang/tests/shared/pointers.rs"]
mod pointers;
mod server;

use bookend_api::{ClusterPolicy, Host, Inventory, Network, Policy, PolicyTest, Reporting, Tier};
use bookend_lang::{Compiler, Source};
use documents::{corruptions, maximal, written};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use server::Server;

/// What the type of a document makes of it.
fn typed(document: &Value) -> Result<Value, String> {
    fn both<T: DeserializeOwned + Serialize>(document: &Value) -> Result<Value, String> {
        let read: T = serde_json::from_value(document.clone()).map_err(|error| error.to_string())?;
        Ok(serde_json::to_value(read).unwrap())
    }
    match document["kind"].as_str().unwrap_or_default() {
        "Policy" => both::<Policy>(document),
        "ClusterPolicy" => both::<ClusterPolicy>(document),
        "Tier" => both::<Tier>(document),
        "Network" => both::<Network>(document),
        "Host" => both::<Host>(document),
        "Reporting" => both::<Reporting>(document),
        "Inventory" => both::<Inventory>(document),
        "PolicyTest" => both::<PolicyTest>(document),
        other => Err(format!("there is no kind `{other}`")),
    }
}

/// Everything that refuses a document.
struct Judges {
    server: Server,
    editor: jsonschema::Validator,
}

impl Judges {
    fn new() -> Self {
        let editor = jsonschema::validator_for(&bookend_lang::schema()).unwrap();
        Self { server: Server::new(), editor }
    }

    /// Who refuses it, and why.
    fn refusals(&self, document: &Value) -> Vec<String> {
        let mut found = Vec::new();
        match typed(document) {
            Err(error) => found.push(format!("types: {error}")),
            Ok(again) if again != *document => found.push(format!("types: read as {again}")),
            Ok(_) => {}
        }
        if let Err(error) = self.editor.validate(document) {
            found.push(format!("schema of files: {error} at {}", error.instance_path()));
        }
        found.extend(self.server.refusal(document).map(|error| format!("API server: {error}")));
        found
    }
}

#[test]
fn a_document_that_is_compiled_passes_the_types_both_schemas_and_an_api_server() {
    let judges = Judges::new();
    let (mut passed, mut wrong) = (0, Vec::new());
    for group in written() {
        let sources = [Source::new(&group.name, &*group.text)];
        if bookend_lang::compile(&sources).is_err() {
            continue;
        }
        for document in &group.documents {
            let refusals = judges.refusals(document);
            if !refusals.is_empty() {
                wrong.push(format!("{}: {document:#}\n{}", group.name, refusals.join("\n")));
            }
            passed += 1;
        }
    }
    assert_eq!(wrong.join("\n"), "");
    assert!(passed > 300, "{passed} documents");
}

#[test]
fn a_corruption_that_the_types_a_schema_or_an_api_server_refuse_is_not_compiled() {
    let judges = Judges::new();
    let sound = maximal();
    let mut compiler = Compiler::default();
    let (mut refused, mut total, mut wrong) = ([0; 3], 0, Vec::new());
    for (index, what, corrupted) in corruptions(&sound) {
        let refusals = judges.refusals(&corrupted);
        total += 1;
        for (count, who) in refused.iter_mut().zip(["types", "schema", "API"]) {
            *count += usize::from(refusals.iter().any(|refusal| refusal.starts_with(who)));
        }
        if refusals.is_empty() {
            continue;
        }
        let mut documents = sound.clone();
        documents[index] = corrupted;
        let sources: Vec<Source> =
            documents.iter().map(|document| Source::new("x", format!("{document:#}\n---\n"))).collect();
        if compiler.compile(&sources).is_ok() {
            wrong.push(format!("{what}: {}", refusals.join("; ")));
        }
    }
    assert_eq!(wrong.join("\n"), "");
    // Each of them is worth having.
    let [types, schema, server] = refused;
    assert!(types > 2000 && schema > 2800 && server > 2000, "{refused:?} of {total}");
}

#[test]
fn rules_of_an_api_server_refuse_what_they_are_about() {
    let server = Server::new();
    let policy = |spec: &str| -> Value {
        let text = format!(
            "{{apiVersion: bookend.dev/v1alpha1, kind: Policy, metadata: {{name: p, namespace: default}}, spec: {spec}}}"
        );
        serde_saphyr::from_str(&text).unwrap()
    };
    let refused = |document: &Value, about: &str| {
        let refusal = server.refusal(document).unwrap_or_default();
        assert!(refusal.contains(about), "{document}: `{refusal}` and not `{about}`");
    };
    refused(&policy("{tier: default}"), "the policy says nothing");
    refused(
        &policy("{allow: [{name: a, mode: audit, limits: {connections: {rate: 1/s}}}]}"),
        "limits nothing",
    );
    refused(
        &policy("{mode: audit, allow: [{name: a, limits: {connections: {rate: 1/s}}}]}"),
        "limits nothing",
    );
    refused(&policy("{deny: [{name: a, answer: {status: 302}}]}"), "means nothing without a header");
    refused(&policy("{deny: [{name: a, answer: {status: 304, body: x}}]}"), "has no body");
    refused(&policy("{allow: [{name: a}, {name: a}]}"), "twice");
    assert_eq!(
        server.refusal(&policy(
            "{mode: audit, allow: [{name: a, mode: enforce, limits: {connections: {rate: 1/s}}}]}"
        )),
        None
    );
    let other = |kind: &str, name: &str, spec: &str| -> Value {
        let text = format!(
            "{{apiVersion: bookend.dev/v1alpha1, kind: {kind}, metadata: {{name: {name}}}, spec: {spec}}}"
        );
        serde_saphyr::from_str(&text).unwrap()
    };
    refused(&other("Tier", "baseline", "{order: 7}"), "built in");
    assert_eq!(server.refusal(&other("Tier", "mine", "{order: 7}")), None);
    refused(&other("Host", "h", "{interfaces: [{name: lo, addresses: [192.0.2.1]}]}"), "not judged");
    refused(
        &other(
            "Host",
            "h",
            "{labels: {bookend.dev/host: x}, interfaces: [{name: e, addresses: [192.0.2.1]}]}",
        ),
        "the host's name",
    );
    refused(&other("Host", &"h".repeat(64), "{interfaces: [{name: e, addresses: [192.0.2.1]}]}"), "63");
    let service = "name: s, addresses: [192.0.2.1], ports: [{port: 1}]";
    refused(&other("Inventory", "i", &format!("{{services: [{{{service}}}]}}")), "write one of them");
}
