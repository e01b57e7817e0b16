//! What is formatted says the same, keeps its comments, and is not formatted any further.

use bookend_lang::{Code, Source, compile, format};

#[track_caller]
fn check(text: &str, expected: &str) {
    let formatted = format(&Source::new("x", text)).map_err(|refused| refused.diagnostics);
    assert_eq!(formatted.as_deref(), Ok(expected));
    let again = format(&Source::new("x", expected)).map_err(|refused| refused.diagnostics);
    assert_eq!(again.as_deref(), Ok(expected));
}

#[test]
fn keys_come_in_their_order_with_their_comments() {
    check(
        "# All of it.\nkind: Policy\napiVersion: bookend.dev/v1alpha1\nspec:\n    allow:\n      # The only rule.\n\
         \x20     - to: [ {workloads: {}} ] # anybody\n        name: r   # its name\n\n    tier: default\n\
         metadata: {name: p}\n# The end.\n",
        "# All of it.\napiVersion: bookend.dev/v1alpha1\nkind: Policy\nmetadata: { name: p }\nspec:\n\
         \x20 tier: default\n  allow:\n  # The only rule.\n  - name: r       # its name\n\
         \x20   to: [{ workloads: {} }]     # anybody\n# The end.\n",
    );
}

#[test]
fn brackets_stay_where_they_fit_and_have_no_comments_inside() {
    let long = "a".repeat(120);
    check(
        &format!("a: {{b: [1,2], \"c\": '#'}}\nd: [\n  x, # one\n  y\n]\ne: [{long}, b]\n"),
        &format!("a: {{ b: [1, 2], \"c\": '#' }}\nd:\n- x  # one\n- y\ne:\n- {long}\n- b\n"),
    );
}

#[test]
fn a_list_that_is_not_indented_is_not_taken_for_its_first_entry() {
    for list in ["- { b: c }", "- [b]", "- { b: c }\n- [d]"] {
        let text = format!("apiVersion: x\nlist:\n{list}\nz: # f\n  q: {{ g: h }}\n");
        let once = format(&Source::new("a", text.as_str())).unwrap();
        assert_eq!(format(&Source::new("a", once.as_str())).unwrap(), once, "{text}");
    }
}

#[test]
fn what_could_be_lost_is_refused() {
    for text in ["%YAML 1.2\n---\na: b\n", "a: [\n"] {
        let refused = format(&Source::new("x", text)).unwrap_err();
        assert!(matches!(refused.diagnostics[0].code, Code::NotFormattable | Code::NotYaml), "{text}");
    }
}

#[test]
fn documents_mean_the_same_before_and_after() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let mut texts: Vec<String> = ["policy.yaml", "bookinfo.yaml", "inventory.yaml"]
        .map(|name| std::fs::read_to_string(format!("{root}/examples/bookinfo/{name}")).unwrap())
        .into();
    texts.push(include_str!("data/maximal.yaml").to_owned());
    let page = std::fs::read_to_string(format!("{root}/docs/policy.md")).unwrap();
    texts.extend(page.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()));
    for text in texts {
        let formatted =
            format(&Source::new("x", text.as_str())).map_err(|refused| refused.diagnostics).unwrap();
        let again = format(&Source::new("x", formatted.as_str())).unwrap();
        assert_eq!(again, formatted);
        let comments = |text: &str| text.lines().filter(|line| line.contains('#')).count();
        assert_eq!(comments(&formatted), comments(&text));
        let meaning = |text: &str| {
            compile(&[Source::new("x", text)]).map(|compiled| compiled.configuration().revision).ok()
        };
        assert_eq!(meaning(&formatted), meaning(&text), "{formatted}");
    }
}
