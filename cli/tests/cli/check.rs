//! `bookend check`

use crate::{data, root, run, run_with_input};

/// Checks a document of `tests/bad` and compares everything that is printed.
fn check(file: &str) {
    let run = run(&data("bad"), &["check", "-f", file]);
    assert_eq!(run.code, Some(4), "{}", run.transcript());
    insta::with_settings!({ prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(format!("bad-{}", file.trim_end_matches(".yaml")), run.transcript());
    });
}

macro_rules! refused {
    ($($name:ident: $file:literal;)*) => {
        $(#[test] fn $name() { check($file); })*

        #[test]
        fn every_bad_document_is_checked() {
            let tested = [$($file),*];
            for entry in data("bad").read_dir().unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                assert!(tested.contains(&name.as_str()), "no test for {name}");
            }
        }
    };
}

refused! {
    an_anchor_bomb_is_refused_at_its_first_anchor: "anchor-bomb.yaml";
    an_address_is_one_of_one_host: "bad-address.yaml";
    a_block_is_an_address_and_a_prefix_length: "bad-cidr.yaml";
    a_port_is_a_number_from_1_to_65535: "bad-port.yaml";
    a_document_is_not_nested_without_end: "deep.yaml";
    two_rules_of_a_policy_have_two_names: "duplicate-rule.yaml";
    what_is_said_twice_is_shown_twice: "duplicates.yaml";
    an_empty_file_is_no_policy: "empty.yaml";
    an_empty_list_of_peers_means_nothing: "empty-peers.yaml";
    an_exception_lies_inside_its_block: "except-outside.yaml";
    a_policy_keeps_to_its_namespace: "foreign.yaml";
    a_binary_file_is_not_text: "not-text.yaml";
    an_unclosed_quote_is_not_yaml: "not-yaml.yaml";
    everything_that_is_wrong_is_said_at_once: "several.yaml";
    columns_count_characters_whatever_the_script: "unicode.yaml";
    a_misspelt_field_is_never_ignored: "unknown-field.yaml";
    a_label_operator_is_one_of_four: "unknown-operator.yaml";
    a_version_that_does_not_exist_is_refused: "wrong-api-version.yaml";
}

#[test]
fn bookinfo_is_accepted() {
    let run = run(&root(), &["check", "-f", "examples/bookinfo"]);
    assert_eq!(run.transcript(), "exit code: 0\n\nok: 1 policy (default/bookinfo), 7 rules, 8 workloads\n");
}

#[test]
fn what_is_probably_not_meant_is_a_warning_and_accepted() {
    let run = run(&data("warned"), &["check", "-f", "documents.yaml"]);
    insta::assert_snapshot!(run.transcript());
}

#[test]
fn programs_get_every_place_as_offsets_too() {
    let run = run(&data("bad"), &["check", "-f", "duplicate-rule.yaml", "-o", "json"]);
    insta::assert_snapshot!(run.transcript());
}

#[test]
fn programs_get_warnings_and_counts() {
    let run = run(&data("warned"), &["check", "-f", "documents.yaml", "-o", "json"]);
    assert_eq!(run.code, Some(0));
    for part in [r#""accepted": true"#, r#""errors": 0"#, r#""workloads": 3"#, r#""shop/shop""#] {
        assert!(run.out.contains(part), "{part} in {}", run.out);
    }
}

#[test]
fn a_code_is_explained() {
    insta::assert_snapshot!(run(&root(), &["check", "--explain", "b1105"]).transcript());
}

#[test]
fn an_unknown_code_is_an_error_with_a_cure() {
    insta::assert_snapshot!(run(&root(), &["check", "--explain", "B9"]).transcript());
}

#[test]
fn nothing_to_check_is_wrong_usage() {
    assert_eq!(run(&root(), &["check"]).code, Some(2));
}

#[test]
fn control_characters_never_reach_the_terminal() {
    let document = "apiVersion: bookend.dev/v1alpha1\nkind: \"\\e[31mred\\a\"\n\"\\e]0;title\\a\": 1\n";
    let run = run_with_input(&root(), &["check", "-f", "-"], document);
    assert_eq!(run.code, Some(4));
    assert!(!run.out.contains(['\x1b', '\x07']), "{:?}", run.out);
}
