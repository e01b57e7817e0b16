//! What is written natively says the same, and is not written any further.

#![expect(clippy::panic, clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]

use bookend_lang::{Import, Importing, Options, Source, compile, import};

#[track_caller]
fn imported(texts: &[&str]) -> Import {
    let sources: Vec<_> = texts.iter().map(|text| Source::new("x", *text)).collect();
    let importing = Importing { reading: Options::default(), merge: true };
    import(&sources, importing).unwrap_or_else(|refused| {
        let lines: Vec<_> = refused.diagnostics.iter().map(|d| d.line(&sources).to_string()).collect();
        panic!("{}\n{}", lines.join("\n"), texts.join("---\n"))
    })
}

fn text(import: &Import) -> String {
    import.documents.iter().map(|document| document.text.as_str()).collect::<Vec<_>>().join("---\n")
}

/// Documents in brackets, which are written anew and not only laid out.
fn in_brackets(text: &str) -> Vec<String> {
    let values: Vec<serde_json::Value> =
        serde_saphyr::from_multiple_with_options(text, serde_saphyr::options! { strict_booleans: true })
            .unwrap();
    values.iter().map(ToString::to_string).collect()
}

#[test]
fn every_field_of_every_document_is_written_as_it_is_read() {
    let documents = in_brackets(include_str!("data/maximal.yaml"));
    let texts: Vec<&str> = documents.iter().map(String::as_str).collect();
    let import = imported(&texts);
    let written = text(&import);
    let facts = documents.iter().find(|document| document.contains("\"Inventory\"")).unwrap();
    let again = imported(&[&written, facts]);
    assert_eq!(text(&again), written);
    let meaning = |text: &[&str]| {
        let sources: Vec<_> = text.iter().map(|text| Source::new("x", *text)).collect();
        compile(&sources).map_err(|refused| refused.diagnostics).unwrap().configuration().revision
    };
    assert_eq!(meaning(&[&written, facts]), meaning(&texts));
    insta::assert_snapshot!(written);
}

#[test]
fn pages_of_the_manual_are_fixed_points() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let page = std::fs::read_to_string(format!("{root}/docs/policy.md")).unwrap();
    let facts = std::fs::read_to_string(format!("{root}/examples/bookinfo/bookinfo.yaml")).unwrap();
    for text in page.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()) {
        if compile(&[Source::new("x", text)]).is_err() {
            continue;
        }
        let brackets = in_brackets(text);
        let brackets: Vec<&str> = brackets.iter().map(String::as_str).chain([facts.as_str()]).collect();
        let once = self::text(&imported(&brackets));
        if !once.is_empty() {
            assert_eq!(self::text(&imported(&[&once, &facts])), once);
        }
    }
}
