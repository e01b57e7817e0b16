//! Plans one after the other, for the price of what changed.

use bookend_abi::address::from_ip;
use bookend_abi::table::{NO_LIMIT, NO_RULE};
use bookend_engine::{End, Instance, Inventory, Program, Truth, Workload, WorkloadIdentity};
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::block::Runs;
use crate::local::{Concern, Governing, Local};
use crate::lower::lower;
use crate::name::RuleNumbers;
use crate::remote::Remotes;
use crate::service::Served;
use crate::world::{World, canonical, title};
use crate::{InterfacePlan, Plan, PlanError, PolicyContents, number};

/// Makes plans, and remembers what the last one was made of: the policy of a workload is made again only when a rule or an
/// isolation that can concern it is another one, or when anything in the inventory changed. What it makes is what
/// [`Plan::build`] makes, but for who is retained: see [`plan`](Self::plan).
#[derive(Default)]
pub struct Planner {
    world: World,
    /// Counts worlds: what was lowered for another one is of no use.
    generation: u64,
    /// By the number of the workload's identity.
    lowered: HashMap<u64, Vec<Lowered>>,
    numbers: RuleNumbers,
}

/// A policy that was made.
struct Lowered {
    /// For this world.
    generation: u64,
    /// At this end.
    end: End,
    /// From these rules and isolations.
    program: Program,
    /// What each of the rules says of the workload.
    truths: Vec<(Truth, Truth)>,
    /// How it tells addresses apart.
    runs: Arc<Runs>,
    /// What came of it.
    handle: u64,
    contents: Arc<PolicyContents>,
    /// The numbers of rules and limits in it.
    rules: BTreeSet<u64>,
    limits: BTreeSet<u32>,
    /// Whether the plan that is being made has it.
    used: bool,
}

impl Lowered {
    /// Whether it would come out again.
    fn is_of(&self, generation: u64, end: End, concern: &Concern<'_>) -> bool {
        (self.generation, self.end) == (generation, end)
            && self.truths == concern.truths
            && self.program.rules().iter().eq(concern.rules.iter().copied())
            && self.program.isolations().iter().eq(concern.isolations.iter().copied())
    }
}

impl Planner {
    /// The plan of the host that has the interfaces which `inventory` names, to replace the plan `current`.
    ///
    /// Its policies also know the identities of `current` where they were and are no more, so that nobody is a stranger while one plan
    /// replaces the other.
    ///
    /// # Errors
    /// When the inventory contradicts itself, or when the tables cannot express what the engine says. The next plan
    /// is made as if nothing had been asked.
    pub fn plan(
        &mut self,
        program: &Program,
        inventory: &Inventory,
        current: &Plan,
    ) -> Result<Plan, PlanError> {
        if !self.world.is_of(inventory) {
            self.world = World::new(inventory, &self.world)?;
            self.generation += 1;
        }
        if self.world.retain(current) {
            self.generation += 1;
        }
        self.planned(program, inventory)
    }

    /// The same as [`plan`](Self::plan), for an inventory that differs from the one that was planned last in nothing but where the
    /// workloads at the positions `moved` are and in who is behind Services; at the cost of what moved, unless some policy tells
    /// the new places from the old ones. Policies may know identities where they were for longer.
    ///
    /// # Errors
    /// As [`plan`](Self::plan).
    pub fn plan_moved(
        &mut self,
        program: &Program,
        inventory: &Inventory,
        current: &Plan,
        moved: &[usize],
    ) -> Result<Plan, PlanError> {
        let in_force = Arc::ptr_eq(&self.world.identities, &current.identities);
        let partitions: BTreeSet<Arc<Runs>> =
            self.lowered.values().flatten().map(|lowered| Arc::clone(&lowered.runs)).collect();
        if !in_force || !self.world.follow(inventory, moved, &partitions) {
            return self.plan(program, inventory, current);
        }
        self.planned(program, inventory)
    }

    /// The plan that also knows the `retained` identities, at any address.
    pub(crate) fn once(
        program: &Program,
        inventory: &Inventory,
        retained: &[WorkloadIdentity],
    ) -> Result<Plan, PlanError> {
        let mut planner = Self { world: World::new(inventory, &World::default())?, ..Self::default() };
        planner.world.retain_anywhere(retained)?;
        planner.planned(program, inventory)
    }

    fn planned(&mut self, program: &Program, inventory: &Inventory) -> Result<Plan, PlanError> {
        let Self { world, generation, lowered, numbers } = self;
        for before in lowered.values_mut().flatten() {
            before.used = false;
        }
        let mut plan = Plan {
            identities: Arc::clone(&world.identities),
            known: Arc::clone(&world.known),
            services: world.services.clone(),
            ..Plan::default()
        };
        let governing = Governing::new(program, inventory.trust_domain());
        // Of use only where something is lowered.
        let peers: OnceCell<(Remotes<'_>, Served<'_>)> = OnceCell::new();
        let (mut rules, mut limits) = (BTreeSet::new(), BTreeSet::new());
        for (name, (workload, instance)) in interfaces(inventory)? {
            let addresses = canonical(instance);
            let identity = number::of_identity(&workload.identity);
            let mut handle_at = |end: End| -> Result<u64, PlanError> {
                let local =
                    Local::new(&governing, inventory.trust_domain(), &workload.identity, end, &addresses)
                        .map_err(|disagreement| disagreement.into_error(title(workload), name))?;
                let concern = local.concern(&governing);
                let known = lowered.entry(identity).or_default();
                let made = match known.iter().position(|lowered| lowered.is_of(*generation, end, &concern)) {
                    Some(position) => known.get_mut(position),
                    None => {
                        let (remotes, served) = match peers.get() {
                            Some(peers) => peers,
                            None => {
                                let remotes = world.remotes();
                                let served = Served::new(inventory, &world.numbers, &remotes)?;
                                let made = (remotes, served);
                                peers.get_or_init(|| made)
                            }
                        };
                        let (mut contents, program, runs) =
                            lower(concern.program(), &local, (remotes, served), numbers)?;
                        let handle = contents.seal();
                        let (rules, limits) = numbers_in(&contents);
                        known.push(Lowered {
                            generation: *generation,
                            end,
                            program,
                            truths: concern.truths,
                            runs,
                            handle,
                            contents: Arc::new(contents),
                            rules,
                            limits,
                            used: true,
                        });
                        known.last_mut()
                    }
                };
                // It is there; without one everything is denied.
                let Some(made) = made else { return Ok(0) };
                made.used = true;
                let other = plan.policies.insert(made.handle, Arc::clone(&made.contents));
                if other.is_some_and(|other| other != made.contents) {
                    let first = format!("{:016x}", made.handle);
                    let second = format!("{} at the {}", title(workload), end.name());
                    return Err(PlanError::SameNumber { what: "the policies", first, second });
                }
                rules.extend(&made.rules);
                limits.extend(&made.limits);
                Ok(made.handle)
            };
            let (egress, ingress) = (handle_at(End::Source)?, handle_at(End::Destination)?);
            plan.interfaces.push(InterfacePlan {
                name: name.to_owned(),
                role: instance.role,
                namespace: workload.identity.namespace.clone(),
                workload: workload.name.clone(),
                egress,
                ingress,
                addresses: addresses.into_iter().map(from_ip).collect(),
            });
        }
        lowered.retain(|_, several| {
            several.retain(|lowered| lowered.used);
            !several.is_empty()
        });
        plan.rules = rules.iter().filter_map(|rule| Some((*rule, numbers.id(*rule)?.clone()))).collect();
        plan.limits = limits.iter().filter_map(|limit| Some((*limit, numbers.limit_of(*limit)?))).collect();
        Ok(plan)
    }
}

/// The numbers of rules and limits that a policy refers to.
fn numbers_in(contents: &PolicyContents) -> (BTreeSet<u64>, BTreeSet<u32>) {
    let head = &contents.head;
    let mut rules = BTreeSet::from([head.default_rule, head.default_audit_rule]);
    let mut limits = BTreeSet::new();
    for (_, value) in &contents.verdicts {
        rules.extend([value.rule, value.audit_rule]);
        limits.insert(value.limit);
    }
    rules.remove(&NO_RULE);
    limits.remove(&NO_LIMIT);
    (rules, limits)
}

/// The interfaces of this host and who is behind them.
fn interfaces(inventory: &Inventory) -> Result<BTreeMap<&str, (&Workload, &Instance)>, PlanError> {
    let mut interfaces: BTreeMap<&str, (&Workload, &Instance)> = BTreeMap::new();
    let instances = inventory.workloads().iter().flat_map(|w| w.instances.iter().map(move |i| (w, i)));
    for (workload, instance) in instances {
        let Some(interface) = instance.interface.as_deref() else { continue };
        if let Some((first, _)) = interfaces.insert(interface, (workload, instance)) {
            let (first, second) = (title(first), title(workload));
            return Err(PlanError::SharedInterface { interface: interface.to_owned(), first, second });
        }
    }
    Ok(interfaces)
}
