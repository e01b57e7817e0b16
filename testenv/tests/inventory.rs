//! The example's inventory document and the world's table of addresses are about the same machines.

use std::collections::BTreeMap;
use std::path::Path;

use bookend_testenv::demo::documents::Documents;
use bookend_testenv::world::topology::{Proxy, WORKLOADS};

#[test]
fn the_inventory_says_where_the_world_put_everybody() {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let inventory = Documents::bookinfo(checkout).compiled().unwrap().inventory;
    assert_eq!(inventory.workloads().len(), WORKLOADS.len());
    for workload in WORKLOADS {
        let listed = inventory.workload(workload.namespace, workload.pod).unwrap();
        let identity = &listed.identity;
        let labels: BTreeMap<_, _> =
            workload.labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        assert_eq!(identity.labels, labels, "{}", workload.key);
        assert_eq!(identity.service_account, workload.service_account);
        assert_eq!(identity.proxied, workload.proxy != Proxy::None, "{}", workload.key);
        let [instance] = listed.instances.as_slice() else { panic!("{} runs once", workload.key) };
        assert_eq!(instance.addresses, workload.addresses());
        assert_eq!(instance.interface, Some(workload.interface()));
    }
}
