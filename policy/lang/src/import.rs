//! The policies of other systems as Bookend's own documents, and whether they say the same.
//!
//! What is written is read again, with all facts of the sources, and compared with what the sources say, rule by rule:
//! taken apart by the end that each governs, both must have the same rules and isolations ([`proof`]). That holds for every
//! inventory, not only for the one at hand.

mod draft;
mod gather;
mod merge;
mod name;
mod order;
mod proof;

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Code, Compiled, Diagnostic, Options, Refused, Severity, Source, Span,
    compile::compile_in,
    compile_with,
    document::{Document, NetworkDocument, Spanned, TierDocument},
    lower::{BUILT_IN_TIERS, Network, Surroundings, Tier},
    write::{self, Page},
};
use bookend_engine::Workload;
pub use draft::Today;
use draft::{Found, drafts};
use gather::{Item, Role, gather};

/// Documents of Bookend's own in place of others.
#[derive(Debug)]
pub struct Import {
    /// The documents: what policies refer to first, then the policies.
    pub documents: Vec<Native>,
    /// What the sources say of the world, which stays where it is: manifests and inventories, as one text of YAML documents.
    pub facts: String,
    /// The rules and isolations of other systems that each rule and isolation stands for, by id.
    pub ids: BTreeMap<String, BTreeSet<String>>,
    /// The policies of other systems: how many of each kind, by what ids call it (`caliconetworkpolicy`).
    pub kinds: BTreeMap<String, usize>,
    /// How many policies were Bookend's own already.
    pub native: usize,
    /// Policies of other systems that neither allow nor deny anything, so that nothing is written for them: kind, name and place.
    pub idle: Vec<String>,
    /// What was left out, under [`Options::best_effort`]: policies that mean nobody today, [`Code::ImportUnsayable`].
    pub lost: Vec<Diagnostic>,
    /// What is written as it is today, and holds for this inventory only.
    pub today: BTreeSet<Today>,
    /// What the sources say.
    pub before: Compiled,
    /// What the documents and the facts say.
    pub after: Compiled,
}

/// A document of Bookend's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Native {
    /// `Policy`, `ClusterPolicy`, `Tier`, …
    pub kind: &'static str,
    /// `None` for what lies in no namespace.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// The document, in the canonical layout.
    pub text: String,
}

/// How documents of other systems are written as Bookend's own.
#[derive(Clone, Copy, Debug)]
pub struct Importing {
    /// How the sources are read.
    pub reading: Options,
    /// Whether what says the same together becomes one: both ends of a connection, and the policies of a namespace.
    pub merge: bool,
}

/// Writes the policies of other systems among the sources as Bookend's own; those that are Bookend's own stay as they are, but for
/// their layout.
///
/// # Errors
/// When the sources are refused; or, with [`Code::ImportDiffers`], when what was written does not say the same, which is a mistake of
/// Bookend's.
pub fn import(sources: &[Source], importing: Importing) -> Result<Import, Refused> {
    let (before, surroundings) = compile_in(sources, importing.reading)?;
    let items = gather(sources)?;
    let mut written = Written::default();
    written.surroundings(&surroundings, &items);
    written.facts(&items);
    let taken = native_names(&items);
    let Found { drafts, kinds, idle, lost, today } = drafts(&items, &before, &surroundings, sources);
    let lost = left_out(lost, importing.reading)?;
    let drafts = order::numbered(drafts, &native_tiers(&items));
    let drafts = if importing.merge { merge::merged(drafts) } else { drafts };
    for (page, ids) in name::pages(drafts, importing.merge, &taken) {
        written.page(&page, &ids);
    }
    written.own(&items)?;
    let after = read_again(&written, &before, importing.reading)?;
    let after = match inventory(&before, &after) {
        None => after,
        Some(inventory) => {
            written.documents.insert(0, inventory);
            read_again(&written, &before, importing.reading)?
        }
    };
    // A `Host` has no names for ports, and a HostEndpoint may have some.
    let named = before.inventory.hosts().find(|host| host.identity.ports.is_some());
    if let (Some(host), Some(difference)) = (named, proof::difference(&before, &after)) {
        let message =
            format!("Bookend's own `Host` cannot name ports, and `{}` does: {difference}", host.name);
        let cure = "leave the endpoint and its policies in their own language".to_owned();
        let diagnostics = vec![diagnostic(Code::ImportUnsayable, Span::whole(0), message, cure)];
        return Err(Refused { diagnostics });
    }
    if let Some(difference) = proof::difference(&before, &after) {
        return Err(differs(&difference));
    }
    let native = natives(&items).filter(|document| matches!(document, Document::Policy(_))).count();
    let Written { documents, facts, ids } = written;
    Ok(Import { documents, facts, ids, kinds, native, idle, lost, today, before, after })
}

/// What is written so far.
#[derive(Debug, Default)]
struct Written {
    documents: Vec<Native>,
    facts: String,
    ids: BTreeMap<String, BTreeSet<String>>,
}

impl Written {
    /// Tiers and networks that documents of other systems describe.
    fn surroundings(&mut self, surroundings: &Surroundings, items: &[Item]) {
        let (mut tiers, mut networks) = (BTreeSet::new(), BTreeSet::new());
        for document in natives(items) {
            match document {
                Document::Tier(tier) => tiers.insert(tier.name.value.as_str()),
                Document::Network(network) => networks.insert(network.name.value.as_str()),
                _ => false,
            };
        }
        tiers.extend(BUILT_IN_TIERS.map(|(name, _)| name));
        fn nowhere<T>(value: T) -> Spanned<T> {
            Spanned { value, span: Span::whole(0) }
        }
        for (name, tier) in surroundings.tiers.iter().filter(|(name, _)| !tiers.contains(name.as_str())) {
            let Tier { plane, order, namespaced } = *tier;
            let document =
                TierDocument { name: nowhere(name.clone()), order: nowhere(order), plane, namespaced };
            self.document(&Document::Tier(document), false);
        }
        let networks = surroundings.networks.iter().filter(|(name, _)| !networks.contains(name.as_str()));
        for (name, network) in networks {
            let Network { labels, blocks } = network.clone();
            let document = NetworkDocument { name: nowhere(name.clone()), labels, blocks };
            self.document(&Document::Network(document), false);
        }
    }

    /// What policies of other systems refer to; and, apart, what describes the world.
    fn facts(&mut self, items: &[Item]) {
        for item in items {
            match &item.role {
                Role::Foreign(documents) => {
                    let hosts = documents.iter().filter(|document| matches!(document, Document::Host(_)));
                    hosts.for_each(|document| self.document(document, false));
                }
                Role::Fact => {
                    self.facts.push_str("---\n");
                    self.facts.push_str(&item.tree.document());
                }
                Role::Native(..) => {}
            }
        }
    }

    /// A document that is no policy; a policy too, where `policies` are wanted.
    fn document(&mut self, document: &Document, policies: bool) {
        let (kind, namespace, name, text) = match document {
            Document::Tier(tier) => ("Tier", None, &tier.name.value, write::tier(tier)),
            Document::Network(network) => ("Network", None, &network.name.value, write::network(network)),
            Document::Host(host) => {
                let workload = &host.workload;
                ("Host", Some(workload.namespace.clone()), &workload.name.value, write::host(host))
            }
            Document::Policy(policy) if policies => {
                let page = Page::of(policy);
                let kind = if policy.namespace.is_some() { "Policy" } else { "ClusterPolicy" };
                (kind, policy.namespace.clone(), &policy.name.value, page.text())
            }
            _ => return,
        };
        self.documents.push(Native { kind, namespace, name: name.clone(), text: laid_out(text) });
    }

    /// A policy, and which ids stand for which.
    fn page(&mut self, page: &Page, ids: &[(String, BTreeSet<String>)]) {
        let kind = if page.namespace.is_some() { "Policy" } else { "ClusterPolicy" };
        self.ids.extend(ids.iter().cloned());
        let text = laid_out(page.text());
        self.documents.push(Native {
            kind,
            namespace: page.namespace.clone(),
            name: page.name.clone(),
            text,
        });
    }

    /// What is Bookend's own already.
    fn own(&mut self, items: &[Item]) -> Result<(), Refused> {
        for item in items {
            let Role::Native(text, documents) = &item.role else { continue };
            let kind = ["Policy", "ClusterPolicy", "Tier", "Network", "Host", "Reporting", "PolicyTest"]
                .into_iter()
                .find(|kind| kind.to_lowercase() == item.kind);
            match (text, kind) {
                (Some(text), Some(kind)) => {
                    let namespaced = matches!(kind, "Policy" | "Host");
                    let default = || Some("default".to_owned());
                    self.documents.push(Native {
                        kind,
                        namespace: item.namespace.clone().or_else(default).filter(|_| namespaced),
                        name: item.name.clone(),
                        text: crate::format(&Source::new("import", text.as_str()))?,
                    });
                }
                (_, Some(kind @ ("Reporting" | "PolicyTest"))) => {
                    let text = item.tree.document();
                    self.documents.push(Native {
                        kind,
                        namespace: None,
                        name: item.name.clone(),
                        text: laid_out(text),
                    });
                }
                _ => documents.iter().for_each(|document| self.document(document, true)),
            }
        }
        Ok(())
    }
}

/// The text in the canonical layout; what is written is laid out so already, but for what only the formatter knows.
fn laid_out(text: String) -> String {
    crate::format(&Source::new("import", text.as_str())).unwrap_or(text)
}

/// Namespaces and names of the policies that are Bookend's own already.
fn native_names(items: &[Item]) -> BTreeSet<(Option<String>, String)> {
    natives(items)
        .filter_map(|document| match document {
            Document::Policy(policy) => Some((policy.namespace.clone(), policy.name.value.clone())),
            _ => None,
        })
        .collect()
}

/// The tiers in which policies lie that are Bookend's own already.
fn native_tiers(items: &[Item]) -> BTreeSet<Option<String>> {
    natives(items)
        .filter_map(|document| match document {
            Document::Policy(policy) => Some(policy.tier.as_ref().map(|tier| tier.value.clone())),
            _ => None,
        })
        .collect()
}

/// What Bookend's own documents say.
fn natives(items: &[Item]) -> impl Iterator<Item = &Document> {
    let documents = items.iter().filter_map(|item| match &item.role {
        Role::Native(_, documents) => Some(documents),
        _ => None,
    });
    documents.flatten()
}

/// The documents and the facts, read as anybody would.
fn read_again(written: &Written, before: &Compiled, reading: Options) -> Result<Compiled, Refused> {
    let Written { documents, facts, ids } = written;
    let texts: Vec<&str> = documents.iter().map(|document| document.text.as_str()).collect();
    let own = (!texts.is_empty()).then(|| Source::new("import", texts.join("---\n")));
    let facts = (!facts.is_empty()).then(|| Source::new("facts", facts.as_str()));
    let sources: Vec<Source> = own.into_iter().chain(facts).collect();
    compile_with(&sources, reading).map_err(|refused| {
        let mut errors = refused.diagnostics.into_iter().filter(|d| d.severity() == Severity::Error);
        let Some(error) = errors.next() else { return differs("what was written is refused") };
        let end = |document: &Native| document.text.lines().count() + 1;
        let ends = documents.iter().scan(0, |line, document| {
            *line += end(document);
            Some(*line)
        });
        let (_, document) = ends.zip(documents).find(|(end, _)| error.span.line <= *end).unzip();
        let place = document.and_then(|document| place_of(document, ids, before));
        let message = format!("Bookend's own documents cannot say this: {}", error.message);
        let cure = "leave the policy in its own language, or say it otherwise there".to_owned();
        let span = place.unwrap_or(Span::whole(0));
        Refused { diagnostics: vec![diagnostic(Code::ImportUnsayable, span, message, cure)] }
    })
}

/// Where something stands that a document was written for.
fn place_of(document: &Native, ids: &BTreeMap<String, BTreeSet<String>>, before: &Compiled) -> Option<Span> {
    let prefix = match &document.namespace {
        Some(namespace) => format!("{namespace}/{}/", document.name),
        None => format!("{}/", document.name),
    };
    let (_, origins) = ids.iter().find(|(id, _)| id.starts_with(&prefix))?;
    origins.iter().find_map(|id| before.places.get(id)).copied()
}

/// What documents of other systems say of workloads, and nothing else does.
fn inventory(before: &Compiled, after: &Compiled) -> Option<Native> {
    let unlike = |workload: &&Workload| {
        let other = after.inventory.workload(&workload.identity.namespace, &workload.name);
        workload.identity.jwt && other.is_some_and(|other| !other.identity.jwt)
    };
    let text = write::inventory("imported", before.inventory.workloads().iter().filter(unlike))?;
    Some(Native { kind: "Inventory", namespace: None, name: "imported".to_owned(), text: laid_out(text) })
}

/// Refuses what nothing would be left of; under best effort it is told.
fn left_out(lost: Vec<(Span, String)>, reading: Options) -> Result<Vec<Diagnostic>, Refused> {
    let told = |(span, label)| {
        let message = format!(
            "{label} means nobody today, so nothing of it would be written, and nothing would be enforced later"
        );
        let cure = "add the manifests that say who is meant (ServiceAccounts with their labels, HostEndpoints), or leave the policy in its own language; with `--best-effort` it is left out";
        let mut told = diagnostic(Code::ImportUnsayable, span, message, cure.to_owned());
        told.tolerated = reading.best_effort;
        told
    };
    let diagnostics: Vec<Diagnostic> = lost.into_iter().map(told).collect();
    if diagnostics.is_empty() || reading.best_effort { Ok(diagnostics) } else { Err(Refused { diagnostics }) }
}

fn differs(difference: &str) -> Refused {
    let message = format!("what would be written does not say the same: {difference}");
    let cure = "this is a mistake of Bookend's and not of your documents, please tell its authors; `--no-merge` may help meanwhile";
    Refused { diagnostics: vec![diagnostic(Code::ImportDiffers, Span::whole(0), message, cure.to_owned())] }
}

fn diagnostic(code: Code, span: Span, message: String, cure: String) -> Diagnostic {
    Diagnostic { code, span, message, cure, related: None, tolerated: false }
}
