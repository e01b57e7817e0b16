//! What the page is told is what `bookend … -o json` prints: the snapshots of the command's tests are the judge.
#![expect(clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]

use std::fs;
use std::path::{Path, PathBuf};

use bookend_playground::Playground;
use serde_json::{Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Files of a directory of the repository, as they are called when the command runs in `from`.
fn sources(from: &str, names: &[&str]) -> Value {
    let read = |name: &&str| json!({ "name": name, "text": fs::read_to_string(root().join(from).join(name)).unwrap() });
    names.iter().map(read).collect()
}

fn bookinfo() -> Value {
    let names =
        ["bookinfo", "inventory", "policy", "tests"].map(|name| format!("examples/bookinfo/{name}.yaml"));
    sources(".", &names.each_ref().map(String::as_str))
}

/// What the command printed for a program.
fn printed(suite: &str, name: &str) -> Value {
    let path = root().join(format!("cli/tests/{suite}/snapshots/{suite}__{name}.snap"));
    let text = fs::read_to_string(path).unwrap();
    let start = ["\n{\n", "\n[\n"].iter().filter_map(|start| text.find(start)).min().unwrap();
    serde_json::from_str(&text[start..]).unwrap()
}

fn ask(playground: &mut Playground, question: Value) -> Value {
    serde_json::from_str(&playground.ask(&question.to_string())).unwrap()
}

fn opened(version: &str, sources: Value) -> Playground {
    let mut playground = Playground::default();
    open(&mut playground, version, sources);
    playground
}

fn open(playground: &mut Playground, version: &str, sources: Value) -> Value {
    ask(playground, json!({ "ask": "open", "version": version, "sources": sources }))
}

#[test]
fn an_explanation_is_the_commands() {
    let mut playground = opened("now", bookinfo());
    let request = json!({ "method": "POST", "path": "/ratings/7" });
    let question = json!({ "ask": "explain", "version": "now", "from": "reviews-v2", "to": "ratings", "request": request });
    let told = ask(&mut playground, question);
    assert_eq!(told["answer"], printed("cli", "explain__programs_get_the_same_answer"));
}

#[test]
fn a_graph_is_the_commands_and_every_box_has_a_place() {
    let mut playground = opened("now", bookinfo());
    let told = ask(&mut playground, json!({ "ask": "graph", "version": "now", "denied": true }));
    assert_eq!(told["answer"]["graph"], printed("whole", "programs_get_the_graph_with_what_is_denied"));
    let nodes = |of: &str| told["answer"][of]["nodes"].as_array().unwrap().len();
    assert_eq!(nodes("graph"), nodes("layout"));
}

#[test]
fn a_difference_is_the_commands() {
    let mut playground = opened("old", sources("cli/tests/changed", &["old", "inventory.yaml"].map(yaml_of)));
    let new = sources("cli/tests/changed", &["new", "inventory.yaml"].map(yaml_of));
    open(&mut playground, "new", new);
    let told = ask(&mut playground, json!({ "ask": "diff", "old": "old", "new": "new" }));
    assert_eq!(told["answer"], printed("whole", "programs_get_every_change"));
}

/// The only file of a directory, or the file itself.
fn yaml_of(name: &str) -> &str {
    match name {
        "old" => "old/policy.yaml",
        "new" => "new/policy.yaml",
        name => name,
    }
}

#[test]
fn refused_documents_are_told_as_check_tells_them_and_marked_where_they_are_wrong() {
    let mut playground = Playground::default();
    let refused = sources("cli/tests/bad", &["duplicate-rule.yaml"]);
    let text = refused[0]["text"].as_str().unwrap().to_owned();
    let told = open(&mut playground, "now", refused);
    let expected = printed("cli", "check__programs_get_every_place_as_offsets_too");
    assert_eq!(told["answer"]["check"], expected);
    let (mark, first) = (&told["answer"]["marks"][0], &expected["diagnostics"][0]);
    // The file is ASCII, so that bytes are code units.
    assert!(text.is_ascii());
    assert_eq!((&mark["from"], &mark["to"]), (&first["start"], &first["end"]));
    assert_eq!(mark["related"]["from"], first["related"]["start"]);
    // Every question about them is told the same.
    for ask_for in ["names", "graph", "test", "report"] {
        let told = ask(&mut playground, json!({ "ask": ask_for, "version": "now" }));
        assert_eq!(told["refused"], expected, "{ask_for}");
    }
}

#[test]
fn tests_and_tests_that_ask_about_nobody_are_the_commands() {
    let with = |test: &str| {
        let test = format!("tested/{test}.yaml");
        sources("cli/tests", &["model/inventory.yaml", "model/policy.yaml", &test])
    };
    let mut playground = opened("now", with("failing"));
    let question = json!({ "ask": "test", "version": "now", "filter": "reads data" });
    assert_eq!(ask(&mut playground, question)["answer"], printed("cli", "test__programs_get_everything"));
    let mut playground = opened("now", with("unsound"));
    let told = ask(&mut playground, json!({ "ask": "test", "version": "now" }));
    assert_eq!(told["refused"], printed("cli", "test__programs_get_refused_tests_as_check_prints_them"));
}

#[test]
fn an_edit_is_judged_as_if_it_had_been_there_from_the_start() {
    let [whole, broken] = [bookinfo(), {
        let mut broken = bookinfo();
        broken[2]["text"] = broken[2]["text"].as_str().unwrap().replacen("allow:", "alow:", 1).into();
        broken
    }];
    let mut edited = opened("now", whole.clone());
    for sources in [&broken, &whole, &broken, &whole] {
        let told = open(&mut edited, "now", sources.clone());
        assert_eq!(told, open(&mut Playground::default(), "now", sources.clone()));
        let question = json!({ "ask": "graph", "version": "now" });
        assert_eq!(ask(&mut edited, question.clone()), ask(&mut opened("now", sources.clone()), question));
    }
}

#[test]
fn the_rule_that_decides_is_found_in_the_text() {
    let mut playground = opened("now", bookinfo());
    let places = ask(&mut playground, json!({ "ask": "places", "version": "now" }));
    let place = &places["answer"]["default/bookinfo/reviews-read-ratings"];
    let all = bookinfo();
    let text = all[place["source"].as_u64().unwrap() as usize]["text"].as_str().unwrap();
    let units: Vec<u16> = text.encode_utf16().collect();
    let part = &units[place["from"].as_u64().unwrap() as usize..place["to"].as_u64().unwrap() as usize];
    assert_eq!(String::from_utf16(part).unwrap(), "reviews-read-ratings");
}

#[test]
fn whatever_is_wrong_with_a_question_is_part_of_the_answer() {
    let mut playground = opened("now", bookinfo());
    for (question, why) in [
        (
            json!({ "ask": "explain", "version": "now", "from": "nobody", "to": "ratings" }),
            "nobody is called `nobody`",
        ),
        (
            json!({ "ask": "explain", "version": "gone", "from": "a", "to": "b" }),
            "there is no version `gone`",
        ),
        (
            json!({ "ask": "explain", "version": "now", "from": "reviews-v2", "to": "192.0.2.33" }),
            "Say it with `port`",
        ),
        (
            json!({ "ask": "explain", "version": "now", "from": "192.0.2.1", "to": "ratings", "principal": "x" }),
            "`principal` makes no sense",
        ),
        (
            json!({ "ask": "explain", "version": "now", "from": "reviews-v2", "to": "ratings", "icmp": "x" }),
            "`icmp` makes no sense",
        ),
        (
            json!({ "ask": "explain", "version": "now", "from": "a", "to": "b", "request": { "path": "/", "headers": [["Host", "x"]] } }),
            "`host` is no header",
        ),
        (
            json!({ "ask": "explain", "version": "now", "from": "a", "to": "b", "request": { "path": "/", "claims": 1 } }),
            "`claims` makes no sense",
        ),
        (
            json!({ "ask": "explain", "version": "now", "from": "a", "to": "b", "nonsense": 1 }),
            "cannot be read",
        ),
        (json!({ "ask": "nothing" }), "cannot be read"),
        (json!({ "ask": "import", "sources": [] }), ""),
        (json!({ "ask": "meaning", "code": "B0" }), "there is no code `B0`"),
    ] {
        let told = ask(&mut playground, question);
        let error = told["error"].as_str().map_or_else(|| told["refused"].to_string(), str::to_owned);
        assert!(error.contains(why) && told["answer"].is_null(), "{told}");
    }
    assert!(playground.ask("{").contains("cannot be read"));
}

#[test]
fn every_other_answer_is_there() {
    let mut playground = opened("now", bookinfo());
    for (question, part) in [
        (json!({ "ask": "check", "version": "now" }), r#""accepted":true"#),
        (json!({ "ask": "names", "version": "now" }), r#""name":"default/ratings-v1""#),
        (json!({ "ask": "schema" }), r#""$defs""#),
        (json!({ "ask": "drawing", "version": "now", "form": "svg" }), "<svg"),
        (json!({ "ask": "report", "version": "now" }), "# What the policies mean"),
        (
            json!({ "ask": "format", "source": { "name": "x", "text": "kind:   Policy\napiVersion: bookend.dev/v1alpha1\nmetadata: {name: x}\nspec: {}\n" } }),
            "kind: Policy",
        ),
        (
            json!({ "ask": "import", "sources": sources("examples/migration", &["network-policies.yaml"]) }),
            r#""proof""#,
        ),
        (json!({ "ask": "about" }), env!("CARGO_PKG_VERSION")),
        (json!({ "ask": "close", "version": "now" }), "null"),
    ] {
        let told = playground.ask(&question.to_string());
        assert!(told.starts_with(r#"{"answer":"#) && told.contains(part), "{question}: {told}");
    }
}
