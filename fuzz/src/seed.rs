//! Where the search starts: inputs that are made from the conformance cases, and a few of other forms.
//!
//! What fuzzing itself found worth keeping lies in `corpus/`.

mod frame;
mod proxy;
mod section;

use std::fs;
use std::path::Path;

use bookend_engine::{Clause, HttpMatch};
use bookend_lang::{Source, compile};
use serde_json::Value;

pub use proxy::{entry, pairs, written};
use section::Section;

/// An input, and the target it is for.
pub type Seed = (&'static str, Vec<u8>);

/// Claims, hosts and paths that no case of the conformance suite combines.
const REQUESTS: [&str; 4] = [
    "GET shop.test:8080 /users/alice/x?tenant=acme&n=1&n=2\nx-tenant: acme\nx-role: a, b\n\
     = {\"iss\": \"https://iss.test\", \"sub\": \"alice\", \"groups\": [\"dev\", 7, true], \"realm\": {\"roles\": [\"editor\"]}}",
    "POST shop.test /shop.v1.Orders/Get\ncontent-type: application/grpc+proto\nx-role: admin\nX-Role: ops",
    "delete - /a/../%2e?%74=%78+y;z#\nx_role: admin\nhost: other.test",
    "GET [2001:db8::1]:443 -\n= {\"sub\": \"alice\"}\n= {\"sub\": \"bob\", \"level\": 7.5}",
];

const REGEXES: [&str; 8] = [
    "a|ab\nab",
    "(a*)*b\naaab",
    "a{2,5}?[^a-c]+\naaxy",
    "(?:ab){0}|[\\]\\-\\d]\\w\\S\n-a~",
    ".*\\.(jpg|png)\na.jpg",
    "((((a+)?)*){3})\naaa",
    "[\\w-]+@[\\d.]{1,3}\na@1.2",
    "\\t \\\\{2}\n\t \\\\",
];

const EXPRESSIONS: [&str; 5] = [
    "request.method in ['GET', \"HEAD\"] && !(request.host.contains('evil'))",
    "jwt.claims.sub == path.user || has(jwt.claims.realm.roles) && 'dev' in jwt.claims.groups",
    "jwt.claims['level'] == 7 && jwt.claims.admin == true || destination.port in [80, 8080]",
    "request.headers['x-tenant'] == request.query['tenant'] && source.labels['app'] != destination.labels.app",
    "source.principal.endsWith('/sa/web') || request.path.startsWith('/a') == false",
];

/// All seeds. `root` is the root of the repository.
///
/// # Panics
/// When its conformance cases cannot be read.
pub fn all(root: &Path) -> Vec<Seed> {
    let mut seeds: Vec<Seed> = frame::seeds().into_iter().map(|bytes| ("packets", bytes)).collect();
    seeds.extend(proxy::metadata().into_iter().map(|bytes| ("metadata", bytes)));
    seeds.extend(proxy::attributes().into_iter().map(|bytes| ("attributes", bytes)));
    let mut add = |target, text: String| seeds.push((target, text.into_bytes()));
    REGEXES.iter().for_each(|text| add("regexes", (*text).to_owned()));
    for expression in EXPRESSIONS {
        REQUESTS.iter().for_each(|request| add("expressions", format!("{expression}\n{request}")));
    }
    for name in ["bookinfo.yaml", "policy.yaml", "inventory.yaml", "tests.yaml"] {
        add("documents", text(&root.join("examples/bookinfo").join(name)));
    }
    let inventory = text(&root.join("conformance/inventory.yaml"));
    add("documents", inventory.clone());
    let mut files: Vec<_> = fs::read_dir(root.join("conformance"))
        .expect("the cases")
        .map(|file| file.expect("a file").path())
        .collect();
    files.sort();
    for file in files.iter().filter(|file| file.extension().is_some_and(|kind| kind == "yaml")) {
        for section in text(file).split("\n---\nabout:").map(Section::read) {
            of_section(&section, &inventory, &mut add);
        }
    }
    seeds.sort();
    seeds.dedup();
    seeds
}

fn of_section(section: &Section, inventory: &str, add: &mut impl FnMut(&'static str, String)) {
    let facts = section.inventory.as_deref().unwrap_or(inventory);
    let Some(policy) = &section.policy else { return };
    add("documents", policy.clone());
    let sources = [Source::new("policy", policy.as_str()), Source::new("inventory", facts)];
    let Ok(compiled) = compile(&sources) else { return };
    if section.inventory.is_some() {
        add("documents", format!("{policy}---\n{facts}"));
    }
    let mut configuration = compiled.configuration();
    let workloads = configuration.inventory.workloads().iter().take(3).cloned().collect();
    configuration.inventory = configuration.inventory.with_workloads(workloads);
    let json = configuration.to_json().expect("it was compiled");
    add("configuration", String::from_utf8(json).expect("JSON is text"));
    let rules = compiled.program.rules().iter();
    for http in rules.flat_map(|rule| rule.http.alternatives().unwrap_or_default()) {
        of_conditions(http, section, add);
    }
}

fn of_conditions(http: &HttpMatch, section: &Section, add: &mut impl FnMut(&'static str, String)) {
    let requests: Vec<&str> =
        section.requests.iter().map(String::as_str).chain(REQUESTS.into_iter().take(1)).collect();
    let written = brief(http);
    for request in &requests {
        add("requests", format!("{written}\n{request}"));
        if let Some(when) = &http.when {
            add("expressions", format!("{when}\n{request}"));
        }
        let mut words = request.lines().next().unwrap_or_default().split(' ').skip(1);
        let (authority, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        for pattern in alternatives(&http.paths) {
            add("paths", format!("{}\n{target}", pattern.as_str()));
        }
        for pattern in alternatives(&http.hosts) {
            add("hosts", format!("{}\n{authority}", pattern.as_str()));
        }
    }
    http.not.iter().for_each(|not| of_conditions(not, section, add));
}

fn alternatives<T>(clause: &Clause<T>) -> &[T] {
    clause.alternatives().unwrap_or_default()
}

/// Conditions as JSON without the parts that say nothing.
fn brief(http: &HttpMatch) -> String {
    let Ok(Value::Object(mut written)) = serde_json::to_value(http) else {
        unreachable!("conditions are a map")
    };
    written.retain(|_, part| !part.is_null() && part.as_array().is_none_or(|list| !list.is_empty()));
    Value::Object(written).to_string()
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
