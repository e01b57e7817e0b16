//! Policies of other systems, as a person would have written them natively.

#![expect(clippy::panic, clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]

use bookend_lang::{Code, Import, Importing, Options, Refused, Source, import};

fn imports(texts: &[(&str, &str)], merge: bool) -> Result<Import, Refused> {
    let sources: Vec<_> = texts.iter().map(|(name, text)| Source::new(*name, *text)).collect();
    import(&sources, Importing { reading: Options::default(), merge })
}

#[track_caller]
fn imported(texts: &[(&str, &str)], merge: bool) -> String {
    let import = imports(texts, merge).unwrap_or_else(|refused| panic!("{:#?}", refused.diagnostics));
    let text =
        import.documents.iter().map(|document| document.text.as_str()).collect::<Vec<_>>().join("---\n");
    let facts = Some(("facts", import.facts.as_str())).filter(|(_, facts)| !facts.is_empty());
    let written: Vec<_> = [("import", text.as_str())].into_iter().chain(facts).collect();
    let again = imports(&written, true).unwrap();
    let again =
        again.documents.iter().map(|document| document.text.as_str()).collect::<Vec<_>>().join("---\n");
    assert_eq!(again, text, "what is native is written no further");
    text
}

fn example(name: &str) -> String {
    std::fs::read_to_string(format!("{}/../../examples/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn the_policies_of_bookinfo_become_one_for_each_plane() {
    let names = ["migration/network-policies.yaml", "migration/authorization-policies.yaml"];
    let facts = ["bookinfo/bookinfo.yaml", "bookinfo/inventory.yaml"];
    let texts: Vec<_> = names.into_iter().chain(facts).map(|name| (name, example(name))).collect();
    let texts: Vec<_> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
    insta::assert_snapshot!("bookinfo", imported(&texts, true));
    insta::assert_snapshot!("bookinfo-rule-by-rule", imported(&texts, false));
}

#[test]
fn the_recipes_read_as_if_they_were_native() {
    let recipes = include_str!("data/foreign/recipes.yaml");
    insta::assert_snapshot!("recipes", imported(&[("recipes.yaml", recipes)], true));
}

#[test]
fn rules_keep_the_names_that_their_author_gave_them() {
    insta::assert_snapshot!(
        "cluster",
        imported(&[("cluster.yaml", include_str!("data/foreign/cluster.yaml"))], true)
    );
}

const CLOSED: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: closed, namespace: shop }
spec: { podSelector: {}, policyTypes: [Ingress] }
";

#[test]
fn what_is_native_already_stays_with_its_comments_and_keeps_its_name() {
    let native = "# Ours.\napiVersion: bookend.dev/v1alpha1\nkind: Policy\nmetadata: { name: closed, namespace: shop }\n\
                  spec:\n  isolate:\n  - workloads: {}  # everybody\n";
    let text = imported(&[("native.yaml", native), ("netpol.yaml", CLOSED)], true);
    assert!(text.ends_with(native), "{text}");
    assert!(text.contains("name: networkpolicy.closed"), "{text}");
}

#[test]
fn a_list_of_kubectl_holds_as_many_policies() {
    let list = format!("apiVersion: v1\nkind: List\nitems:\n- {}\n", CLOSED.trim().replace('\n', "\n  "));
    let import = imports(&[("list.yaml", &list)], true).unwrap();
    assert_eq!(import.kinds.get("networkpolicy"), Some(&1));
    assert_eq!(
        import.ids["shop/closed/isolate[0]"].iter().collect::<Vec<_>>(),
        ["shop/networkpolicy.closed/isolate[0]"]
    );
}

#[test]
fn documents_that_are_refused_are_not_written() {
    let refused = imports(&[("x", &CLOSED.replace("Ingress", "Inbound"))], true).unwrap_err();
    assert!(refused.diagnostics.iter().all(|diagnostic| diagnostic.code != Code::ImportDiffers));
}
