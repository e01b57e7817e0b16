//! Rules that ask for what nobody can tell about their ends.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use bookend_engine::{HttpMatch, Labels, PortMatch, Truth, Workload};

use super::Finding;
use crate::clauses::{ANYBODY, ClauseId};
use crate::engine::{conditions, expressions};
use crate::ground::{Ground, Index, Indexed};
use crate::side::{Name, Party, Side};

/// Looks at the ends of every rule of the first side.
pub(super) fn findings<'s>(side: Side<'s>, ground: &Ground<'s>) -> Vec<Finding<'s>> {
    let Some(index) = ground.indexes.first() else { return Vec::new() };
    let placed = addresses(side);
    let accounts = accounts(ground);
    let mut alike = HashMap::new();
    let mut found = Vec::new();
    for rule in &index.rules {
        let destinations = members(index, ground, rule.to);
        if let Some(destination) = without_tokens(rule, &destinations) {
            found.push(Finding::UnverifiedTokens { rule: &rule.rule.id, destination });
        }
        found.extend(nameless_ports(rule, &destinations));
        let judged = destinations.iter().any(|party| party.identity(0).is_some_and(|w| w.proxied));
        if rule.from != ANYBODY && judged {
            let pair = alike
                .entry(rule.from)
                .or_insert_with(|| indistinct((index, ground), rule.from, &accounts, &placed));
            found.extend(pair.map(|(meant, other)| Finding::Indistinct {
                rule: &rule.rule.id,
                meant,
                other,
            }));
        }
    }
    found.extend(nowhere(side, index, ground, &placed));
    found
}

/// The workloads that a list of peers may mean.
fn members<'g, 's>(index: &Index<'s>, ground: &'g Ground<'s>, clause: ClauseId) -> Vec<&'g Party<'s>> {
    let workload = |class: &u32| ground.party(*class).filter(|party| party.identity(0).is_some());
    if clause == ANYBODY {
        return (0..ground.parties().len() as u32).filter_map(|class| workload(&class)).collect();
    }
    let members = index.members.get(clause as usize).into_iter().flatten();
    members.filter_map(|(class, _)| workload(class)).collect()
}

/// A destination whose proxy verifies no tokens, of a rule that asks for them. Of a rule for everybody only where nobody's
/// does.
fn without_tokens<'s>(rule: &Indexed<'s>, destinations: &[&Party<'s>]) -> Option<Name<'s>> {
    fn asks(condition: &HttpMatch) -> bool {
        !condition.jwt.is_any() || condition.not.iter().any(asks)
    }
    let by_expression = || expressions(rule.rule).iter().any(|text| text.contains("jwt."));
    if !conditions(rule.rule).iter().any(asks) && !by_expression() {
        return None;
    }
    let proxied = || destinations.iter().filter(|party| party.identity(0).is_some_and(|w| w.proxied));
    let verifies = |party: &Party<'_>| party.identity(0).is_some_and(|identity| identity.jwt);
    if rule.to == ANYBODY && proxied().any(|party| verifies(party)) {
        return None;
    }
    proxied().find(|party| !verifies(party)).and_then(|party| party.workloads.first().copied())
}

/// Ports by names that no destination gives any of its own. A name that a rule lists for several protocols is there if one of them has it:
/// some dialects name a port of any protocol.
fn nameless_ports<'s>(rule: &Indexed<'s>, destinations: &[&Party<'s>]) -> Vec<Finding<'s>> {
    let listed = rule.rule.ports.alternatives().unwrap_or_default().iter().chain(&rule.rule.not_ports);
    let mut names: BTreeMap<&'s str, bool> = BTreeMap::new();
    for port in listed {
        let PortMatch::Named(named) = port else { continue };
        let has = |party: &&Party<'_>| {
            let ports = party.identity(0).and_then(|identity| identity.ports.as_ref());
            ports.is_some_and(|ports| ports.iter().any(|port| named.means(port)))
        };
        *names.entry(&named.name).or_default() |= destinations.iter().any(has);
    }
    let missing = names.into_iter().filter(|(_, has)| !has && !destinations.is_empty());
    missing.map(|(port, _)| Finding::NoSuchPort { rule: &rule.rule.id, port }).collect()
}

/// The classes that run under each account, by namespace and name.
type Accounts<'s> = BTreeMap<(&'s str, &'s str), Vec<u32>>;

fn accounts<'s>(ground: &Ground<'s>) -> Accounts<'s> {
    let mut accounts: Accounts<'s> = BTreeMap::new();
    for (class, party) in (0_u32..).zip(ground.parties()) {
        if let Some(identity) = party.identity(0) {
            accounts.entry((&identity.namespace, &identity.service_account)).or_default().push(class);
        }
    }
    accounts
}

/// The workloads of which the inventory has an address, and those whose pods it has: what makes pods is listed beside them, with
/// their account and with labels that each of them has, and has no address of its own.
fn addresses(side: Side<'_>) -> BTreeSet<Name<'_>> {
    fn account(workload: &Workload) -> (&str, &str) {
        (&workload.identity.namespace, &workload.identity.service_account)
    }
    fn name(workload: &Workload) -> Name<'_> {
        Name { namespace: &workload.identity.namespace, name: &workload.name }
    }
    let mut labels: HashMap<(&str, &str), HashSet<&Labels>> = HashMap::new();
    let (mut placed, mut others) = (BTreeSet::new(), Vec::new());
    for workload in side.inventory.workloads() {
        if workload.instances.iter().any(|instance| !instance.addresses.is_empty()) {
            labels.entry(account(workload)).or_default().insert(&workload.identity.labels);
            placed.insert(name(workload));
        } else if !workload.identity.labels.is_empty() {
            others.push(workload);
        }
    }
    let makes = |workload: &&Workload| {
        let own = &workload.identity.labels;
        let within = |pod: &&Labels| own.iter().all(|(key, value)| pod.get(key) == Some(value));
        labels.get(&account(workload)).is_some_and(|pods| pods.iter().any(within))
    };
    placed.extend(others.into_iter().filter(makes).map(name));
    placed
}

/// Two sources of which a list of peers means one, and which a destination's proxy takes for the same: they run under one
/// account, and the address of one of them is not known, by which it could be told from the other.
fn indistinct<'s>(
    (index, ground): (&Index<'s>, &Ground<'s>),
    from: ClauseId,
    accounts: &Accounts<'s>,
    placed: &BTreeSet<Name<'s>>,
) -> Option<(Name<'s>, Name<'s>)> {
    let names = |class: &u32| ground.party(*class).map(|party| party.workloads.as_slice());
    let account = |class: u32| {
        let identity = ground.party(class)?.identity(0)?;
        Some((identity.namespace.as_str(), identity.service_account.as_str()))
    };
    // Of an account of which nobody is meant, nobody is taken for somebody else.
    let members = index.members.get(from as usize).into_iter().flatten();
    let concerned: BTreeSet<_> = members.filter_map(|(class, _)| account(*class)).collect();
    let concerned = concerned.iter().filter_map(|account| accounts.get(account));
    for classes in concerned.filter(|classes| classes.len() > 1) {
        let meant = |class: &&u32| index.means(from, **class) != Truth::No;
        let (Some(one), Some(other)) = (classes.iter().find(meant), classes.iter().find(|c| !meant(c)))
        else {
            continue;
        };
        let (Some(one), Some(other)) = (names(one), names(other)) else { continue };
        let unplaced = |names: &[Name<'s>]| names.iter().find(|name| !placed.contains(name)).copied();
        let (meant, other) = match (unplaced(one), unplaced(other)) {
            (Some(name), _) => (Some(name), other.first().copied()),
            (None, Some(name)) => (one.first().copied(), Some(name)),
            (None, None) => continue,
        };
        if let (Some(meant), Some(other)) = (meant, other) {
            return Some((meant, other));
        }
    }
    None
}

/// Isolations of workloads without a known address, in an inventory that knows those of others.
fn nowhere<'s>(
    side: Side<'s>,
    index: &Index<'s>,
    ground: &Ground<'s>,
    placed: &BTreeSet<Name<'s>>,
) -> Vec<Finding<'s>> {
    if placed.is_empty() {
        return Vec::new();
    }
    let mut found: BTreeMap<&'s str, BTreeSet<Name<'s>>> = BTreeMap::new();
    for (class, party) in (0_u32..).zip(ground.parties()) {
        let unplaced: Vec<_> =
            party.workloads.iter().filter(|name| !placed.contains(*name)).copied().collect();
        let Some(isolated) = index.isolated.get(class as usize).filter(|_| !unplaced.is_empty()) else {
            continue;
        };
        for number in isolated.iter().flatten() {
            if let Some(isolation) = side.program.isolations().get(*number as usize) {
                found.entry(&isolation.id).or_default().extend(unplaced.iter().copied());
            }
        }
    }
    let finding = |(isolation, workloads): (&'s str, BTreeSet<Name<'s>>)| Finding::NoAddress {
        isolation,
        workloads: workloads.into_iter().collect(),
    };
    found.into_iter().map(finding).collect()
}
