//! A host under policy, as its operators would write it down: the one description from which everything that is measured
//! is made, Bookend's documents and through them the rulesets of others.

use std::net::{Ipv4Addr, Ipv6Addr};

use anyhow::{Context as _, anyhow};
use bookend_lang::{Compiler, Source};
use bookend_plan::Plan;
use serde_json::{Value, json};

/// So many workloads or policies are in one file.
const PER_FILE: usize = 20_000;
/// So many rules are in one policy.
const RULES_PER_POLICY: usize = 1_000;
/// So many ports are in use before one peer gets a second rule.
const PORTS: usize = 16;
/// The least port.
const FIRST_PORT: usize = 8_000;

/// What the rules of an estate speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Workloads, by their labels.
    Workloads,
    /// Blocks of addresses; every second of IPv6.
    Blocks,
    /// Workloads, and each rule has limits, which no measurement reaches.
    Limited,
}

impl Kind {
    /// How tables call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Workloads => "workloads",
            Self::Blocks => "CIDRs",
            Self::Limited => "workloads, limited",
        }
    }
}

/// One host with `local` workloads, of which all are isolated, and `identities` peers elsewhere. `rules` rules each let one
/// peer or block reach the first local workload on one port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Estate {
    pub(super) kind: Kind,
    pub(super) rules: usize,
    pub(super) identities: usize,
    pub(super) local: usize,
    /// Whether the last peer, which the last rule lets in, is on this host as well.
    pub(super) near: bool,
}

impl Estate {
    /// With one local workload, and its peers elsewhere.
    pub(super) fn new(kind: Kind, rules: usize, identities: usize) -> Self {
        Self { kind, rules, identities, local: 1, near: false }
    }

    /// The peer that a rule lets in, by number.
    pub(super) fn peer(&self, rule: usize) -> usize {
        rule % self.identities
    }

    /// The port on which a rule lets its peer in.
    pub(super) fn port(&self, rule: usize) -> u16 {
        (FIRST_PORT + rule % PORTS + PORTS * (rule / self.identities)) as u16
    }

    /// The ports that some rule names.
    pub(super) fn ports(&self) -> impl Iterator<Item = u16> {
        let rounds = self.rules.div_ceil(self.identities).max(1);
        (FIRST_PORT..FIRST_PORT + PORTS * rounds).map(|port| port as u16)
    }

    /// Whether a rule lets a peer in on a port: what is expected of everybody.
    pub(super) fn allows(&self, peer: usize, port: u16) -> bool {
        (peer..self.rules).step_by(self.identities).any(|rule| self.port(rule) == port)
    }

    /// An address that a rule lets in: of its peer, or in its block.
    pub(super) fn allowed(&self, rule: usize) -> (Ipv4Addr, Ipv6Addr) {
        match self.kind {
            Kind::Workloads | Kind::Limited => (peer_v4(self.peer(rule)), peer_v6(self.peer(rule))),
            // Of the blocks of each family the last.
            Kind::Blocks => (block_v4(rule & !1, 9), block_v6(rule.saturating_sub(1) | 1, 9)),
        }
    }

    /// The files: policies, then inventories.
    pub(super) fn files(&self) -> (Vec<String>, Vec<String>) {
        (self.policies(""), self.inventories())
    }

    /// The files with policies. Where `edit` is not empty, one more rule has a name that contains it, and lets a peer
    /// reach every local workload on a port that depends on it: an edit that concerns all.
    pub(super) fn policies(&self, edit: &str) -> Vec<String> {
        let mut documents = vec![document("isolation", &self.isolation(edit))];
        for first in (0..self.rules).step_by(RULES_PER_POLICY) {
            let rules = first..(first + RULES_PER_POLICY).min(self.rules);
            let rules: Vec<Value> = rules.map(|rule| self.rule(rule)).collect();
            documents.push(document(&format!("rules-{first}"), &json!({ "allow": rules })));
        }
        // A workload of its own policy each: nothing can be shared.
        for first in (1..self.local).step_by(RULES_PER_POLICY) {
            let rules = (first..(first + RULES_PER_POLICY).min(self.local)).map(|own| {
                rule(&format!("own-{own}"), peers(own % self.identities), &format!("own-{own}"), 9_000)
            });
            documents.push(document(&format!("own-{first}"), &json!({ "allow": rules.collect::<Vec<_>>() })));
        }
        documents.chunks(PER_FILE / RULES_PER_POLICY).map(<[String]>::concat).collect()
    }

    fn isolation(&self, edit: &str) -> Value {
        let mut isolation = json!({ "isolate": [{ "workloads": { "labels": { "side": "local" } } }] });
        if let (false, Some(spec)) = (edit.is_empty(), isolation.as_object_mut()) {
            let port = 20_000 + edit.bytes().map(usize::from).sum::<usize>();
            let one = peers(0);
            let all = json!([{ "workloads": { "labels": { "side": "local" } } }]);
            spec.insert(
                "allow".to_owned(),
                json!([{ "name": format!("edit-{edit}"), "from": one, "to": all, "ports": [port] }]),
            );
        }
        isolation
    }

    fn rule(&self, number: usize) -> Value {
        let name = format!("rule-{number}");
        let (own, port) = ("own-0", self.port(number));
        match self.kind {
            Kind::Workloads => rule(&name, peers(self.peer(number)), own, port),
            Kind::Limited => {
                let mut rule = rule(&name, peers(self.peer(number)), own, port);
                if let Some(rule) = rule.as_object_mut() {
                    let plenty = json!({ "rate": "100000000/s" });
                    rule.insert(
                        "limits".to_owned(),
                        json!({ "connections": plenty, "connectionsPerSource": plenty, "packets": plenty, "packetsPerSource": plenty }),
                    );
                }
                rule
            }
            Kind::Blocks if number % 2 == 0 => {
                rule(&name, json!([{ "cidr": format!("{}/24", block_v4(number, 0)) }]), own, port)
            }
            Kind::Blocks => {
                rule(&name, json!([{ "cidr": format!("{}/64", block_v6(number, 0)) }]), own, port)
            }
        }
    }

    fn inventories(&self) -> Vec<String> {
        let local = (0..self.local).map(|own| {
            let instance = json!({ "addresses": [own_v4(own), own_v6(own)], "interface": interface(own) });
            workload(&format!("own-{own}"), "local", &instance)
        });
        let peers = (0..self.identities).map(|peer| {
            let mut instance = json!({ "addresses": [peer_v4(peer), peer_v6(peer)] });
            if let (true, Some(instance)) =
                (self.near && peer + 1 == self.identities, instance.as_object_mut())
            {
                instance.insert("interface".to_owned(), json!(UPLINK));
            }
            workload(&format!("peer-{peer}"), "remote", &instance)
        });
        let workloads: Vec<Value> = local.chain(peers).collect();
        let documents = workloads.chunks(PER_FILE).enumerate().map(|(number, workloads)| {
            format!(
                "{}\n",
                json!({
                    "apiVersion": "bookend.dev/v1alpha1", "kind": "Inventory", "metadata": { "name": format!("part-{number}") },
                    "spec": { "workloads": workloads },
                })
            )
        });
        documents.collect()
    }

    /// The plan of the host.
    ///
    /// # Errors
    /// If Bookend does not accept the documents, which says more about this file than about Bookend.
    pub(super) fn plan(&self) -> anyhow::Result<Plan> {
        let (policies, inventories) = self.files();
        let named = |name: &'static str| move |text: String| Source::new(name, text);
        let sources: Vec<Source> = policies
            .into_iter()
            .map(named("policy"))
            .chain(inventories.into_iter().map(named("inventory")))
            .collect();
        let mut compiler = Compiler::default();
        let compiled = compiler.compile(&sources).map_err(|refused| {
            let first = refused.diagnostics.first().map(|it| it.line(&sources).to_string());
            anyhow!("the documents are refused: {}", first.unwrap_or_default())
        })?;
        Plan::build(&compiled.program, &compiled.inventory, &[]).context("the plan is refused")
    }
}

/// The interface of the host to a local workload.
pub(super) fn interface(own: usize) -> String {
    format!("veth{own}")
}

/// The interface of the host to everybody else.
pub(super) const UPLINK: &str = "uplink";

/// The addresses of a local workload.
pub(super) fn own_v4(own: usize) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0ac8_0001 + own as u32)
}

/// Its IPv6 address.
pub(super) fn own_v6(own: usize) -> Ipv6Addr {
    Ipv6Addr::from_bits((0xfd00_00c8 << 96) + 1 + own as u128)
}

/// The address of a peer.
pub(super) fn peer_v4(peer: usize) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0100 + peer as u32)
}

/// Its IPv6 address.
pub(super) fn peer_v6(peer: usize) -> Ipv6Addr {
    Ipv6Addr::from_bits((0xfd00_0010 << 96) + 1 + peer as u128)
}

fn block_v4(rule: usize, host: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x1400_0000 + ((rule as u32) << 8) + host)
}

fn block_v6(rule: usize, host: u128) -> Ipv6Addr {
    Ipv6Addr::from_bits((0xfd01 << 112) + ((rule as u128) << 64) + host)
}

fn document(name: &str, spec: &Value) -> String {
    format!(
        "---\n{}\n",
        json!({
            "apiVersion": "bookend.dev/v1alpha1", "kind": "Policy", "metadata": { "name": name, "namespace": "shop" },
            "spec": spec,
        })
    )
}

fn workload(name: &str, side: &str, instance: &Value) -> Value {
    json!({ "name": name, "namespace": "shop", "labels": { "app": name, "side": side }, "instances": [instance] })
}

fn peers(peer: usize) -> Value {
    json!([{ "workloads": { "labels": { "app": format!("peer-{peer}") } } }])
}

#[expect(clippy::needless_pass_by_value, reason = "it becomes a part of the result")]
fn rule(name: &str, from: Value, to: &str, port: u16) -> Value {
    json!({ "name": name, "from": from, "to": [{ "workloads": { "labels": { "app": to } } }], "ports": [port] })
}
