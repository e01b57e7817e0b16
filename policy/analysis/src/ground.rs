//! The ground that policies stand on: everybody who can be at an end, in classes that no rule tells apart.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use bookend_engine::{End, Identity, Isolation, NamespaceMatch, Rule, Truth};

use crate::atoms::Atoms;
use crate::clauses::{ANYBODY, ClauseId, Clauses, Points};
use crate::engine::{looks_at_ends, nets};
use crate::side::{Name, Party, Place, Seen, Side};

/// All classes, and which rules can concern which of them. Built without looking at pairs.
pub struct Ground<'s> {
    parties: Vec<Party<'s>>,
    pub(crate) indexes: Vec<Index<'s>>,
}

/// What is known of one side's program.
pub(crate) struct Index<'s> {
    pub(crate) side: Side<'s>,
    pub(crate) rules: Vec<Indexed<'s>>,
    /// The rules whose `to` is this list.
    pub(crate) by_to: Vec<Vec<u32>>,
    /// Who may be meant by each list, by class.
    pub(crate) members: Vec<Vec<(u32, Truth)>>,
    /// The lists that may mean a class, in order.
    pub(crate) held: Vec<Vec<(ClauseId, Truth)>>,
    /// By list: the classes that it means otherwise than most, which may be not at all.
    pub(crate) unusual: Vec<Vec<(u32, Truth)>>,
    /// The classes of the workloads of each namespace, in order.
    pub(crate) by_namespace: BTreeMap<&'s str, Vec<u32>>,
    /// The isolations that may cover a class, as source and as destination.
    pub(crate) isolated: Vec<[Vec<u32>; 2]>,
}

pub(crate) struct Indexed<'s> {
    pub(crate) rule: &'s Rule,
    pub(crate) from: ClauseId,
    pub(crate) to: ClauseId,
    /// Whether its conditions look at who the ends are.
    pub(crate) looks: bool,
}

/// Somebody as all sides see them.
type Point<'s> = Vec<Seen<'s>>;

#[derive(Default)]
struct Members<'s> {
    workloads: BTreeSet<Name<'s>>,
    places: BTreeSet<Place>,
}

impl<'s> Ground<'s> {
    /// The classes with regard to all `sides` at once: nobody in a class is told from another of it by any of them.
    ///
    /// A workload is the same on all sides if its namespace and name are. On a side whose inventory lacks it, it is
    /// somebody outside. Its places are the addresses it has on any side.
    pub fn new(sides: &[Side<'s>]) -> Self {
        let atoms = Atoms::new(sides.iter().flat_map(|side| nets(side.program)));
        let (points, members) = points(sides, &atoms);
        let mut indexes: Vec<_> =
            (0..sides.len()).filter_map(|n| Some(index(*sides.get(n)?, n, &points))).collect();
        let (classes, class_of) = classify(&points, &indexes);
        for (number, index) in indexes.iter_mut().enumerate() {
            index.reduce(&classes, &class_of);
            let first = |class: &u32| points.get(*class as usize)?.get(number).copied();
            index.survey(&classes.iter().map(first).collect::<Vec<_>>());
        }
        let mut parties: Vec<Party<'s>> = classes
            .iter()
            .filter_map(|first| points.get(*first as usize))
            .map(|point| Party { workloads: Vec::new(), places: Vec::new(), seen: point.clone() })
            .collect();
        for (members, class) in members.into_iter().zip(&class_of) {
            if let Some(party) = parties.get_mut(*class as usize) {
                party.workloads.extend(members.workloads);
                party.places.extend(members.places);
            }
        }
        for party in &mut parties {
            party.workloads.sort_unstable();
            party.workloads.dedup();
            if party.is_workload() {
                party.places.clear();
            }
            party.places.sort_unstable();
        }
        Self { parties, indexes }
    }

    /// The classes.
    pub fn parties(&self) -> &[Party<'s>] {
        &self.parties
    }

    pub(crate) fn party(&self, class: u32) -> Option<&Party<'s>> {
        self.parties.get(class as usize)
    }
}

fn points<'s>(sides: &[Side<'s>], atoms: &Atoms) -> (Vec<Point<'s>>, Vec<Members<'s>>) {
    let mut identities: BTreeMap<Name<'s>, Vec<Option<_>>> = BTreeMap::new();
    let mut addresses: BTreeMap<Name<'s>, BTreeSet<IpAddr>> = BTreeMap::new();
    for (number, side) in sides.iter().enumerate() {
        for workload in side.inventory.workloads() {
            let identity = &workload.identity;
            let name = Name { namespace: &identity.namespace, name: &workload.name };
            let seen = identities.entry(name).or_insert_with(|| vec![None; sides.len()]);
            if let Some(slot) = seen.get_mut(number) {
                *slot = Some(identity);
            }
            let own = workload.instances.iter().flat_map(|instance| &instance.addresses);
            addresses.entry(name).or_default().extend(own.map(|address| address.to_canonical()));
        }
    }
    let taken: HashSet<IpAddr> = addresses.values().flatten().copied().collect();
    let mut found: BTreeMap<(bool, Place, Name<'s>), Point<'s>> = BTreeMap::new();
    for (name, identities) in &identities {
        let own = addresses.get(name).into_iter().flatten();
        let mut places: BTreeSet<Place> = own.map(|address| atoms.place(*address)).collect();
        if places.is_empty() {
            // Nobody knows where it is; no rule means it by its address.
            places.insert(Place::Elsewhere);
        }
        for place in places {
            let point = identities.iter().map(|identity| Seen { identity: *identity, place }).collect();
            found.insert((true, place, *name), point);
        }
    }
    let nobody = Name { namespace: "", name: "" };
    for place in atoms.outside(&taken) {
        found.insert((false, place, nobody), vec![Seen { identity: None, place }; sides.len()]);
    }
    let mut numbers: HashMap<(bool, Point<'s>), usize> = HashMap::new();
    let (mut points, mut members): (Vec<Point<'s>>, Vec<Members<'s>>) = (Vec::new(), Vec::new());
    for ((known, place, name), point) in found {
        let number = *numbers.entry((known, point.clone())).or_insert_with(|| {
            points.push(point);
            members.push(Members::default());
            points.len() - 1
        });
        let Some(members) = members.get_mut(number) else { continue };
        if known {
            members.workloads.insert(name);
        } else {
            members.places.insert(place);
        }
    }
    (points, members)
}

fn index<'s>(side: Side<'s>, number: usize, points: &[Point<'s>]) -> Index<'s> {
    let seen: Vec<Seen<'s>> = points.iter().filter_map(|point| point.get(number).copied()).collect();
    let ground = Points::new(seen.clone(), side.inventory);
    let mut clauses = Clauses::new();
    let mut rules = Vec::new();
    for rule in side.program.rules() {
        let (from, to) = (clauses.intern(&rule.from, &ground), clauses.intern(&rule.to, &ground));
        rules.push(Indexed { rule, from, to, looks: looks_at_ends(rule) });
    }
    let mut by_to = vec![Vec::new(); clauses.members.len()];
    for (position, rule) in (0..).zip(&rules) {
        if let Some(list) = by_to.get_mut(rule.to as usize) {
            list.push(position);
        }
    }
    let isolations = Isolations::new(side.program.isolations());
    let isolated = seen.iter().map(|seen| isolations.covering(seen)).collect();
    let held = transpose(&clauses.members, points.len());
    let (unusual, by_namespace) = (Vec::new(), BTreeMap::new());
    Index { side, rules, by_to, members: clauses.members, held, unusual, by_namespace, isolated }
}

/// Isolations, by the namespace that they name, so that not all are asked about everybody.
struct Isolations<'s> {
    all: &'s [Isolation],
    named: HashMap<&'s str, Vec<u32>>,
    /// Those that name no namespace.
    others: Vec<u32>,
}

impl<'s> Isolations<'s> {
    fn new(all: &'s [Isolation]) -> Self {
        let mut isolations = Self { all, named: HashMap::new(), others: Vec::new() };
        for (number, isolation) in (0..).zip(all) {
            match &isolation.workloads.namespaces {
                NamespaceMatch::Named(name) => isolations.named.entry(name).or_default().push(number),
                NamespaceMatch::Labelled(_) => isolations.others.push(number),
            }
        }
        isolations
    }

    /// Those that may cover somebody, as source and as destination.
    fn covering(&self, seen: &Seen<'_>) -> [Vec<u32>; 2] {
        let Some(identity) = seen.identity else { return [Vec::new(), Vec::new()] };
        let named = self.named.get(identity.namespace.as_str()).into_iter().flatten();
        let mut near: Vec<u32> = named.chain(&self.others).copied().collect();
        near.sort_unstable();
        let identity = Identity::Workload(identity);
        End::BOTH.map(|end| {
            let covers = |number: &u32| {
                self.all.get(*number as usize).is_some_and(|isolation| {
                    isolation.covers(end) && isolation.workloads.holds(&identity) != Truth::No
                })
            };
            near.iter().copied().filter(covers).collect()
        })
    }
}

fn transpose(members: &[Vec<(u32, Truth)>], points: usize) -> Vec<Vec<(ClauseId, Truth)>> {
    let mut held = vec![Vec::new(); points];
    for (clause, members) in (0..).zip(members) {
        for (point, truth) in members {
            if let Some(list) = held.get_mut(*point as usize) {
                list.push((clause, *truth));
            }
        }
    }
    held
}

/// The first point of every class, and the class of every point.
fn classify(points: &[Point<'_>], indexes: &[Index<'_>]) -> (Vec<u32>, Vec<u32>) {
    let all_differ = indexes.iter().any(|index| index.rules.iter().any(|rule| rule.looks));
    let mut numbers: HashMap<_, u32> = HashMap::new();
    let mut firsts = Vec::new();
    let mut class_of = Vec::new();
    for (number, point) in (0_u32..).zip(points) {
        let told: Vec<_> = point
            .iter()
            .zip(indexes)
            .map(|(seen, index)| {
                let held = index.held.get(number as usize);
                let held: Vec<_> =
                    held.into_iter().flatten().map(|(id, truth)| (*id, *truth as u8)).collect();
                let identity = seen
                    .identity
                    .map(|identity| (&identity.namespace, identity.proxied, identity.jwt, &identity.ports));
                (identity, seen.identity.filter(|_| all_differ), held, index.isolated.get(number as usize))
            })
            .collect();
        let class = *numbers.entry(told).or_insert_with(|| {
            firsts.push(number);
            firsts.len() as u32 - 1
        });
        class_of.push(class);
    }
    (firsts, class_of)
}

impl<'s> Index<'s> {
    /// Notes where classes are, and whom lists mean otherwise than most; `seen` is one of each class.
    fn survey(&mut self, seen: &[Option<Seen<'s>>]) {
        for (class, seen) in (0..).zip(seen) {
            if let Some(namespace) = seen.and_then(|seen| seen.namespace()) {
                self.by_namespace.entry(namespace).or_default().push(class);
            }
        }
        let classes = seen.len() as u32;
        let unusual = |members: &Vec<(u32, Truth)>| {
            let sure = members.iter().filter(|(_, truth)| *truth == Truth::Yes).count();
            if sure * 2 <= classes as usize {
                return members.clone();
            }
            // Most are meant for sure.
            let mut known = members.iter().copied().peekable();
            let truth = |class| known.next_if(|(at, _)| *at == class).map_or(Truth::No, |(_, truth)| truth);
            let all: Vec<_> = (0..classes).zip((0..classes).map(truth).collect::<Vec<_>>()).collect();
            all.into_iter().filter(|(_, truth)| *truth != Truth::Yes).collect()
        };
        self.unusual = self.members.iter().map(unusual).collect();
    }

    /// From points to classes.
    fn reduce(&mut self, firsts: &[u32], class_of: &[u32]) {
        for members in &mut self.members {
            for (point, _) in members.iter_mut() {
                *point = class_of.get(*point as usize).copied().unwrap_or(u32::MAX);
            }
            members.sort_unstable();
            members.dedup();
        }
        self.held = firsts.iter().filter_map(|first| self.held.get(*first as usize).cloned()).collect();
        self.isolated =
            firsts.iter().filter_map(|first| self.isolated.get(*first as usize).cloned()).collect();
    }

    /// Whether a list of peers means a class.
    pub(crate) fn means(&self, clause: ClauseId, class: u32) -> Truth {
        if clause == ANYBODY {
            return Truth::Yes;
        }
        let held = self.held.get(class as usize).map_or(&[][..], Vec::as_slice);
        held.binary_search_by_key(&clause, |(id, _)| *id)
            .ok()
            .and_then(|found| held.get(found))
            .map_or(Truth::No, |(_, truth)| *truth)
    }

    /// The rules whose `to` may mean a class, in order of trial.
    pub(crate) fn toward(&self, class: u32) -> Vec<u32> {
        let lists = self.held.get(class as usize).into_iter().flatten().map(|(id, _)| *id);
        let lists = lists.chain([ANYBODY]).filter_map(|id| self.by_to.get(id as usize));
        let mut rules: Vec<u32> = lists.flatten().copied().collect();
        rules.sort_unstable();
        rules
    }
}
