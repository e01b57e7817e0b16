//! What is rendered starts the program as the program wants to be started.

use bookend_enforcer::command::Command;
use bookend_objects::install::{Cni, Installation, Istio};
use clap::Parser;
use serde_json::Value;

fn accepted(object: &Value) {
    let arguments =
        object.pointer("/spec/template/spec/containers/0/args").and_then(Value::as_array).unwrap();
    // As a kubelet writes them, on networks of both families.
    for address in ["10.244.0.7", "fd00::7"] {
        let arguments =
            arguments.iter().map(|argument| argument.as_str().unwrap().replace("$(POD_IP)", address));
        let line: Vec<String> = std::iter::once("bookend-enforcer".to_owned()).chain(arguments).collect();
        if let Err(error) = Command::try_parse_from(&line) {
            panic!("{line:?}\n{error}");
        }
    }
}

#[test]
fn the_program_takes_the_arguments_of_every_installation() {
    let pinned = |name: &str| format!("registry.example/{name}@sha256:{}", "a".repeat(64));
    let cni = Cni { programs: "/srv/cni/bin".to_owned(), configurations: "/etc/other".to_owned() };
    for istio in Istio::ALL {
        for (audit, ask_proxies, cni) in [(false, true, Some(cni.clone())), (true, false, None)] {
            let filter = (istio != Istio::None).then(|| pinned("filter"));
            let mut installation = Installation::new(Vec::new(), pinned("enforcer"), filter);
            (installation.istio, installation.audit) = (istio, audit);
            installation.pull_secret = Some("registry".to_owned());
            (installation.enforcer.ask_proxies, installation.enforcer.cni) = (ask_proxies, cni);
            let workloads = installation.workloads();
            let programs = workloads.iter().filter(|object| object["kind"] != "PodDisruptionBudget");
            programs.chain([&installation.leaving()]).for_each(accepted);
        }
    }
}
