//! A compiler that remembers says what one that does not remember says, after every edit.
#![expect(clippy::indexing_slicing, reason = "functions shared by tests fail as tests do")]

use bookend_lang::{Compiled, Compiler, Diagnostic, Refused, Source, compile};
use proptest::prelude::*;

/// Documents that need each other, contradict each other, or are wrong by themselves.
const DOCUMENTS: [&str; 26] = [
    "{apiVersion: bookend.dev/v1alpha1, kind: Policy, metadata: {name: p}, spec: {isolate: [{workloads: {}}]}}",
    "{apiVersion: bookend.dev/v1alpha1, kind: Policy, metadata: {name: q}, spec: {isolate: [{workloads: {}}]}}",
    "{apiVersion: bookend.dev/v1alpha1, kind: Policy, metadata: {name: p, namespace: shop}, spec: {allow: [{name: r, \
     from: [{workloads: {labels: {app: a}}}], ports: [80]}]}}",
    "{apiVersion: bookend.dev/v1alpha1, kind: Policy, metadata: {name: n}, spec: {deny: [{name: r, from: [{network: net}]}]}}",
    "{apiVersion: bookend.dev/v1alpha1, kind: Policy, metadata: {name: t}, spec: {tier: t, deny: [{name: r, ports: [81]}]}}",
    "{apiVersion: bookend.dev/v1alpha1, kind: ClusterPolicy, metadata: {name: p}, spec: {tier: admin, deny: [{name: r, \
     from: [{entities: [node]}]}]}}",
    "{apiVersion: bookend.dev/v1alpha1, kind: Policy, metadata: {name: bad}, spec: {allow: [{name: r, from: []}]}}",
    "{apiVersion: bookend.dev/v1alpha1, kind: Policy, metadata: {name: two}, spec: {allow: [{name: r}, {name: r}]}}",
    "{apiVersion: bookend.dev/v1alpha1, kind: Network, metadata: {name: net}, spec: {cidrs: [203.0.113.0/24]}}",
    "{apiVersion: bookend.dev/v1alpha1, kind: Network, metadata: {name: net}, spec: {cidrs: [198.51.100.0/24]}}",
    "{apiVersion: bookend.dev/v1alpha1, kind: Network, metadata: {name: net}, spec: {cidrs: [198.51.100.1/24]}}",
    "{apiVersion: bookend.dev/v1alpha1, kind: Tier, metadata: {name: t}, spec: {order: 5, namespaced: true}}",
    "{apiVersion: bookend.dev/v1alpha1, kind: Tier, metadata: {name: u}, spec: {order: 5}}",
    "{apiVersion: bookend.dev/v1alpha1, kind: Inventory, metadata: {name: i}, spec: {nodes: [192.0.2.1], workloads: [\
     {name: a, labels: {app: a}, proxy: true, instances: [{addresses: [10.0.0.1]}]}]}}",
    "{apiVersion: bookend.dev/v1alpha1, kind: Inventory, metadata: {name: j}, spec: {workloads: [{name: a, jwt: true}]}}",
    "{apiVersion: bookend.dev/v1alpha1, kind: Inventory, metadata: {name: k}, spec: {workloads: [{name: b, namespace: shop, \
     labels: {app: a}, instances: [{addresses: [10.0.0.1]}]}]}}",
    "{apiVersion: v1, kind: Pod, metadata: {name: a, labels: {app: a}}, spec: {}, status: {podIP: 10.0.0.1}}",
    "{apiVersion: v1, kind: Pod, metadata: {name: c, namespace: shop, labels: {app: c}}, spec: {hostNetwork: true}}",
    "{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {template: {metadata: {labels: {app: a}}, spec: {}}}}",
    "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {team: a}}}",
    "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {selector: {app: a}, ports: [{port: 80}]}}",
    "{apiVersion: bookend.dev/v1alpha1, kind: PolicyTest, metadata: {name: t}, spec: {tests: [{name: one, from: a, \
     to: \"b:80\", expect: deny}]}}",
    "{apiVersion: v1, kind: ConfigMap, metadata: {name: unread}}",
    "{apiVersion: v1, kind: Pod",
    "# nothing but a remark",
    "",
];

/// What is changed about the sources.
#[derive(Clone, Debug)]
enum Edit {
    /// Puts a document before another, or at the end.
    Insert(usize, usize, usize),
    Remove(usize, usize),
    Replace(usize, usize, usize),
    /// Moves all that follows to other lines.
    Remark(usize, usize),
    /// Exchanges two sources, and keeps their names.
    Exchange(usize, usize),
    /// Exchanges two sources with their names.
    Swap(usize, usize),
    /// Makes a source part of another.
    Join(usize, usize),
    /// Nothing.
    Again,
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let (n, document) = (0..8_usize, 0..DOCUMENTS.len());
    let edit = prop_oneof![
        4 => (n.clone(), n.clone(), document.clone()).prop_map(|(s, d, new)| Edit::Insert(s, d, new)),
        3 => (n.clone(), n.clone()).prop_map(|(s, d)| Edit::Remove(s, d)),
        3 => (n.clone(), n.clone(), document).prop_map(|(s, d, new)| Edit::Replace(s, d, new)),
        2 => (n.clone(), n.clone()).prop_map(|(s, d)| Edit::Remark(s, d)),
        1 => (n.clone(), n.clone()).prop_map(|(a, b)| Edit::Exchange(a, b)),
        1 => (n.clone(), n.clone()).prop_map(|(a, b)| Edit::Swap(a, b)),
        1 => (n.clone(), n).prop_map(|(a, b)| Edit::Join(a, b)),
        1 => Just(Edit::Again),
    ];
    proptest::collection::vec(edit, 1..24)
}

/// Named lists of documents.
type Files = Vec<(String, Vec<String>)>;

fn apply(files: &mut Files, edit: &Edit) {
    let many = files.len();
    let text = |document: usize| DOCUMENTS[document].to_owned();
    match *edit {
        Edit::Insert(source, at, document) => {
            let list = &mut files[source % many].1;
            list.insert(at.min(list.len()), text(document));
        }
        Edit::Remove(source, at) => {
            let list = &mut files[source % many].1;
            if !list.is_empty() {
                list.remove(at % list.len());
            }
        }
        Edit::Replace(source, at, document) => {
            let list = &mut files[source % many].1;
            let many = list.len();
            if many > 0 {
                list[at % many] = text(document);
            }
        }
        Edit::Remark(source, at) => {
            let list = &mut files[source % many].1;
            let many = list.len();
            if many > 0 {
                list[at % many].insert_str(0, "# ein Wörtchen vorab\n");
            }
        }
        Edit::Exchange(a, b) => {
            let (a, b) = (a % many, b % many);
            files.swap(a, b);
            let name = core::mem::take(&mut files[a].0);
            files[a].0 = core::mem::replace(&mut files[b].0, name);
        }
        Edit::Swap(a, b) => files.swap(a % many, b % many),
        Edit::Join(a, b) => {
            let (a, b) = (a % many, b % many);
            if a != b {
                let taken = core::mem::take(&mut files[b].1);
                files[a].1.extend(taken);
            }
        }
        Edit::Again => {}
    }
}

fn sources(files: &Files) -> Vec<Source> {
    files.iter().map(|(name, list)| Source::new(name.clone(), list.join("\n---\n"))).collect()
}

/// All that a compiler says, in a form that can be compared.
fn said(result: Result<&Compiled, &Refused>) -> Result<String, Vec<Diagnostic>> {
    // What was compiled before is counted, and nothing else of it is left.
    let plain = |compiled: &Compiled| Compiled { version: 0, ..compiled.clone() };
    result.map(|compiled| format!("{:#?}", plain(compiled))).map_err(|refused| refused.diagnostics.clone())
}

proptest! {
    #[test]
    fn a_compiler_that_remembers_says_the_same_after_every_edit(edits in edits()) {
        let first = |document: usize| vec![DOCUMENTS[document].to_owned()];
        let mut files: Files = vec![
            ("a".to_owned(), first(0)),
            ("b".to_owned(), first(13)),
            // Nothing keeps two sources from having one name.
            ("b".to_owned(), first(19)),
        ];
        let mut compiler = Compiler::default();
        for edit in &edits {
            apply(&mut files, edit);
            let sources = sources(&files);
            let (remembered, anew) = (compiler.compile(&sources), compile(&sources));
            prop_assert_eq!(said(remembered.as_ref().map(|compiled| *compiled)), said(anew.as_ref()), "after {:?}", edit);
        }
    }
}

#[test]
fn what_was_refused_once_is_compiled_when_it_is_mended() {
    let sources = |port: &str| {
        [Source::new(
            "x",
            format!(
                "{{apiVersion: bookend.dev/v1alpha1, kind: Policy, metadata: {{name: p}}, \
                 spec: {{allow: [{{name: r, ports: [{port}]}}]}}}}"
            ),
        )]
    };
    let mut compiler = Compiler::default();
    assert_eq!(compiler.compile(&sources("80")).map(|c| c.program.rules().len()).ok(), Some(1));
    assert!(compiler.compile(&sources("0")).is_err());
    let mended =
        compiler.compile(&sources("81")).map(|compiled| format!("{:?}", compiled.program.rules())).ok();
    let anew = compile(&sources("81")).map(|compiled| format!("{:?}", compiled.program.rules())).ok();
    assert_eq!(mended, anew);
    assert!(mended.is_some());
}
