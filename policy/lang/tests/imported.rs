//! Policies of other systems, as a person would have written them natively.

#![expect(clippy::panic, clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]

use bookend_lang::{Code, Import, Importing, Options, Refused, Source, Today, import};

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

const OF_ACCOUNTS: &str = "
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: { name: db, namespace: shop }
spec:
  selector: app == 'db'
  serviceAccountSelector: role == 'db'
  ingress:
  - { action: Allow, protocol: TCP, source: { selector: app == 'api' }, destination: { ports: [5432] } }
";

#[test]
fn a_policy_of_which_nothing_would_be_left_is_refused() {
    let refused = imports(&[("db.yaml", OF_ACCOUNTS)], true).unwrap_err();
    let [only] = refused.diagnostics.as_slice() else { panic!("{refused:#?}") };
    assert_eq!((only.code, only.span.line), (Code::ImportUnsayable, 2));
    assert!(only.message.starts_with("networkpolicy shop/db (db.yaml:2) means nobody today"), "{only:?}");
    let tolerant = Importing { reading: Options { best_effort: true }, merge: true };
    let import = import(&[Source::new("db.yaml", OF_ACCOUNTS)], tolerant).unwrap();
    assert!(import.documents.is_empty());
    assert!(matches!(import.lost.as_slice(), [only] if only.tolerated), "{:?}", import.lost);
}

#[test]
fn labels_of_accounts_are_written_as_they_are_today() {
    let account = "
apiVersion: v1
kind: ServiceAccount
metadata: { name: postgres, namespace: shop, labels: { role: db } }
";
    let import = imports(&[("db.yaml", OF_ACCOUNTS), ("account.yaml", account)], true).unwrap();
    assert!(import.documents.iter().any(|document| document.text.contains("postgres")));
    assert_eq!(import.today.into_iter().collect::<Vec<_>>(), [Today::Accounts]);
    assert_eq!(import.kinds.into_iter().collect::<Vec<_>>(), [("caliconetworkpolicy".to_owned(), 1)]);
}

#[test]
fn what_says_nothing_is_told_and_what_is_no_policy_is_not_counted() {
    let texts = [
        (
            "mtls.yaml",
            "
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: shop }
spec: { mtls: { mode: PERMISSIVE } }
",
        ),
        (
            "learnt.yaml",
            "
apiVersion: projectcalico.org/v3
kind: StagedNetworkPolicy
metadata: { name: learnt, namespace: shop }
spec: { stagedAction: Learn, selector: all() }
",
        ),
        (
            "felix.yaml",
            "
apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata: { name: default }
spec: { bpfEnabled: true }
",
        ),
        ("closed.yaml", CLOSED),
    ];
    let import = imports(&texts, true).unwrap();
    assert_eq!(
        import.idle,
        ["peerauthentication shop/default (mtls.yaml:2)", "stagednetworkpolicy shop/learnt (learnt.yaml:2)"]
    );
    let kinds: Vec<(&str, usize)> =
        import.kinds.iter().map(|(kind, number)| (kind.as_str(), *number)).collect();
    assert_eq!(kinds, [("networkpolicy", 1), ("peerauthentication", 1)]);
    assert!(import.today.is_empty() && import.lost.is_empty());
}
