mod own;

use super::*;
use bookend_abi::Address;
use bookend_abi::table::{Limit, PolicyHead, TCP, VerdictKey, VerdictValue};
use std::cell::RefCell;
use std::rc::Rc;

/// A host of plain maps that can be told to fail, and outlives its enforcer.
#[derive(Clone, Default)]
struct PlainHost(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    tables: PlainTables,
    /// Attached interfaces, and whether they still exist.
    links: BTreeMap<u32, bool>,
    renewed: Vec<u32>,
    /// Steps until one fails.
    patience: Option<usize>,
    log: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
#[error("told to fail")]
struct Told;

impl PlainHost {
    fn step(&self, what: String, change: impl FnOnce(&mut State)) -> Result<(), Told> {
        let mut state = self.0.borrow_mut();
        match &mut state.patience {
            Some(0) => return Err(Told),
            Some(steps) => *steps -= 1,
            None => {}
        }
        state.log.push(what);
        change(&mut state);
        Ok(())
    }

    fn tables(&self) -> PlainTables {
        self.0.borrow().tables.clone()
    }
}

impl Host for PlainHost {
    type Error = Told;

    fn read(&mut self) -> Result<PlainTables, Told> {
        Ok(self.tables())
    }

    fn attached(&mut self) -> Result<BTreeSet<u32>, Told> {
        Ok(self.0.borrow().links.keys().copied().collect())
    }

    fn attach(&mut self, name: &str, ifindex: u32, manner: Manner) -> Result<(), Told> {
        let own = if manner.own { "own " } else { "" };
        self.step(format!("attach {own}{name}"), |state| {
            state.links.insert(ifindex, true);
        })
    }

    fn recall(&mut self, ifindex: u32, addresses: &[Address], _: u32) -> Result<(), Told> {
        self.step(format!("recall {ifindex} {}", addresses.len()), |_| {})
    }

    fn renew(&mut self, ifindex: u32) -> Result<bool, Told> {
        let mut state = self.0.borrow_mut();
        state.renewed.push(ifindex);
        Ok(state.links.get(&ifindex).copied().unwrap_or_default())
    }

    fn release(&mut self, ifindex: u32) -> Result<(), Told> {
        self.step(format!("release {ifindex}"), |state| {
            state.links.remove(&ifindex);
        })
    }

    fn write_limit(&mut self, number: u32, limit: Limit) -> Result<(), Told> {
        self.step(format!("limit {number}"), |state| {
            state.tables.limits.insert(number, limit);
        })
    }

    fn remove_limit(&mut self, number: u32) -> Result<(), Told> {
        self.step(format!("remove limit {number}"), |state| {
            state.tables.limits.remove(&number);
        })
    }

    fn write_policy(&mut self, handle: u64, contents: &PolicyContents) -> Result<(), Told> {
        for (key, value) in &contents.verdicts {
            self.step("verdict".to_owned(), |state| {
                state.tables.verdicts.insert(*key, *value);
            })?;
        }
        self.step(format!("policy {handle}"), |state| {
            state.tables.policies.insert(handle, contents.head);
        })
    }

    fn remove_policy(&mut self, handle: u64, contents: &PolicyContents) -> Result<(), Told> {
        self.step(format!("remove policy {handle}"), |state| {
            state.tables.policies.remove(&handle);
        })?;
        for (key, _) in &contents.verdicts {
            self.step("remove verdict".to_owned(), |state| {
                state.tables.verdicts.remove(key);
            })?;
        }
        Ok(())
    }

    fn write_interface(&mut self, ifindex: u32, interface: Interface) -> Result<(), Told> {
        self.step(format!("interface {ifindex}"), |state| {
            state.tables.police(Interface { ifindex, ..interface });
        })
    }

    fn remove_interface(&mut self, ifindex: u32) -> Result<(), Told> {
        self.step(format!("remove interface {ifindex}"), |state| {
            state.tables.leave(ifindex);
        })
    }

    fn own(&mut self, key: OwnedKey) -> Result<(), Told> {
        self.step("own".to_owned(), |state| {
            state.tables.owned.insert(key);
        })
    }

    fn disown(&mut self, key: OwnedKey) -> Result<(), Told> {
        self.step("disown".to_owned(), |state| {
            state.tables.owned.remove(&key);
        })
    }

    fn write_identity(&mut self, address: Address, identity: u64) -> Result<(), Told> {
        self.step("identity".to_owned(), |state| {
            state.tables.identities.insert(address, identity);
        })
    }

    fn remove_identity(&mut self, address: Address) -> Result<(), Told> {
        self.step("remove identity".to_owned(), |state| {
            state.tables.identities.remove(&address);
        })
    }

    fn write_config(&mut self, config: Config) -> Result<(), Told> {
        self.step("config".to_owned(), |state| state.tables.config = config)
    }
}

const ADDRESS: Address = [7; 16];

/// A plan of one interface `veth0` with one policy, `handle`, both ways.
fn plan(handle: u64) -> Plan {
    let key =
        VerdictKey { policy: handle, identity: 1, block: 0, port: 80, protocol: TCP, prefix_length: 16 };
    let contents = PolicyContents {
        head: PolicyHead { tcp_prefixes: 1 << 16, ..PolicyHead::default() },
        blocks: Vec::new(),
        verdicts: vec![(key, VerdictValue::new(5, 1))],
    };
    Plan {
        policies: BTreeMap::from([(handle, contents.into())]),
        interfaces: vec![InterfacePlan {
            role: Role::Workload,
            name: "veth0".to_owned(),
            namespace: "default".to_owned(),
            workload: "web".to_owned(),
            egress: handle,
            ingress: handle,
            addresses: vec![ADDRESS],
        }],
        identities: BTreeMap::from([(ADDRESS, 1)]).into(),
        ..Plan::default()
    }
}

fn name_of(ifindex: u32) -> Option<String> {
    (ifindex == 4).then(|| "veth0".to_owned())
}

fn index_of(name: &str) -> Option<u32> {
    (name == "veth0").then_some(4)
}

fn adopt(host: &PlainHost) -> Enforcement<PlainHost> {
    Enforcement::adopt(host.clone(), 0, false, name_of).unwrap()
}

/// `veth0` policed under policy 100.
fn enforced() -> (PlainHost, Enforcement<PlainHost>) {
    let host = PlainHost::default();
    let mut enforcement = adopt(&host);
    enforcement.apply(plan(100)).unwrap();
    enforcement.see(index_of, name_of).unwrap();
    (host, enforcement)
}

#[test]
fn an_interface_is_denied_everything_before_it_has_a_policy() {
    let (host, enforcement) = enforced();
    let log = host.0.borrow().log.clone();
    assert_eq!(
        log,
        ["config", "verdict", "policy 100", "identity", "config", "attach veth0", "own", "interface 4"]
    );
    assert_eq!(enforcement.policed().get("veth0"), Some(&4));
}

#[test]
fn an_interface_that_comes_later_is_policed_then() {
    let host = PlainHost::default();
    let mut enforcement = adopt(&host);
    enforcement.apply(plan(100)).unwrap();
    assert_eq!(enforcement.see(|_| None, |_| None).unwrap(), []);
    assert!(host.tables().interfaces.is_empty());
    let notices = enforcement.see(index_of, name_of).unwrap();
    assert_eq!(notices, [Notice::Policed { interface: "veth0".to_owned(), ifindex: 4 }]);
    assert_eq!(enforcement.see(index_of, name_of).unwrap(), []);
}

#[test]
fn an_interface_that_is_made_again_under_its_name_is_policed_again() {
    let (host, mut enforcement) = enforced();
    enforcement.see(|_| Some(9), |_| None).unwrap();
    let tables = host.tables();
    assert_eq!(tables.slots.keys().collect::<Vec<_>>(), [&9]);
    assert_eq!(tables.owned.iter().collect::<Vec<_>>(), [&OwnedKey { ifindex: 9, address: ADDRESS }]);
    assert_eq!(host.0.borrow().links.keys().collect::<Vec<_>>(), [&9]);
}

#[test]
fn a_new_policy_is_written_before_the_switch_and_the_old_removed_after() {
    let (host, mut enforcement) = enforced();
    host.0.borrow_mut().log.clear();
    enforcement.apply(plan(200)).unwrap();
    let log = host.0.borrow().log.clone();
    assert_eq!(
        log,
        ["verdict", "policy 200", "interface 4", "remove policy 100", "remove verdict", "config"]
    );
}

#[test]
fn every_change_has_connections_judged_again() {
    let (host, mut enforcement) = enforced();
    let before = host.tables();
    enforcement.apply(plan(200)).unwrap();
    let after = host.tables();
    assert_ne!(before.config.epoch, after.config.epoch);
    assert_ne!(before.policed(4).unwrap().epoch, after.policed(4).unwrap().epoch);
    // And nothing is, when nothing changes.
    enforcement.apply(plan(200)).unwrap();
    assert_eq!(host.tables(), after);
}

#[test]
fn a_workload_that_leaves_the_inventory_is_cut_off_not_opened() {
    let (host, mut enforcement) = enforced();
    enforcement.apply(Plan::default()).unwrap();
    enforcement.see(index_of, name_of).unwrap();
    let state = host.0.borrow();
    assert!(state.links.contains_key(&4));
    assert!(state.tables.interfaces.is_empty() && state.tables.owned.is_empty());
}

#[test]
fn a_plan_that_does_not_fit_touches_nothing() {
    let (host, mut enforcement) = enforced();
    let before = host.tables();
    let mut huge = plan(200);
    let interface = huge.interfaces[0].clone();
    let many = bookend_abi::table::capacity::INTERFACES + 1;
    huge.interfaces =
        (0..many).map(|n| InterfacePlan { name: format!("v{n}"), ..interface.clone() }).collect();
    assert!(matches!(enforcement.apply(huge), Err(ApplyError::Refused(PlanError::OverCapacity { .. }))));
    assert_eq!(host.tables(), before);
}

#[test]
fn a_restart_finds_everything_and_writes_nothing_twice() {
    let (host, first) = enforced();
    let plan_before = first.plan().clone();
    drop(first);
    let mut second = adopt(&host);
    assert_eq!(host.0.borrow().renewed, [4]);
    assert_eq!(second.plan().policies, plan_before.policies);
    host.0.borrow_mut().log.clear();
    second.apply(plan_before).unwrap();
    assert_eq!(second.see(index_of, name_of).unwrap(), []);
    assert_eq!(host.0.borrow().log, Vec::<String>::new());
}

#[test]
fn a_restart_forgets_interfaces_that_went_meanwhile() {
    let (host, first) = enforced();
    drop(first);
    host.0.borrow_mut().links.insert(4, false);
    let second = adopt(&host);
    assert!(second.policed().is_empty());
    let tables = host.tables();
    assert!(tables.interfaces.is_empty() && tables.owned.is_empty());
    assert!(host.0.borrow().links.is_empty());
}

#[test]
fn wherever_a_change_breaks_off_the_next_enforcer_completes_it() {
    for patience in 0..6 {
        let (host, mut enforcement) = enforced();
        host.0.borrow_mut().patience = Some(patience);
        assert!(matches!(enforcement.apply(plan(200)), Err(ApplyError::Host(Told))), "step {patience}");
        let interrupted = host.tables();
        // Whatever policy the interface has is there, whole.
        let handle = interrupted.policed(4).unwrap().egress;
        assert!(interrupted.policies.contains_key(&handle), "step {patience}");
        assert!(interrupted.verdicts.keys().any(|key| key.policy == handle), "step {patience}");

        host.0.borrow_mut().patience = None;
        let mut next = adopt(&host);
        next.apply(plan(200)).unwrap();
        let tables = host.tables();
        assert_eq!(tables.policies.keys().collect::<Vec<_>>(), [&200], "step {patience}");
        assert!(tables.verdicts.keys().all(|key| key.policy == 200), "step {patience}");
        assert_eq!(tables.policed(4).unwrap().egress, 200);
        assert!(tables.config.epoch >= interrupted.config.epoch);
    }
}

#[test]
fn an_interface_that_is_renamed_is_cut_off_not_opened() {
    let (host, mut enforcement) = enforced();
    let away = |ifindex| (ifindex == 4).then(|| "away".to_owned());
    enforcement.see(|name| (name == "away").then_some(4), away).unwrap();
    assert!(host.tables().interfaces.is_empty());
    assert!(host.0.borrow().links.contains_key(&4));
    assert_eq!(enforcement.policed().get("away"), Some(&4));
    // Back under its name, it is policed as before.
    enforcement.see(index_of, name_of).unwrap();
    assert_eq!(host.tables().policed(4).unwrap().egress, 100);
    assert_eq!(enforcement.policed().keys().collect::<Vec<_>>(), ["veth0"]);
}
