//! The YAML in docs/policy.md is what it says: valid.

use bookend_lang::{Source, compile};

#[test]
fn every_document_in_the_reference_compiles() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/policy.md")).unwrap();
    let fences: Vec<&str> =
        page.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(fences.len() >= 2);
    for fence in fences {
        let sources = [Source::new("docs/policy.md", fence)];
        if let Err(refused) = compile(&sources) {
            let lines: Vec<_> = refused.diagnostics.iter().map(|d| d.line(&sources).to_string()).collect();
            panic!("{}\n{fence}", lines.join("\n"));
        }
    }
}
