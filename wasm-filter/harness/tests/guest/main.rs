//! A plugin written with the SDK, `bookend_guest.wasm`, in this host: what the SDK expects of a proxy.
//!
//! The module is found as the filter's is; see the tests of the shipped filter.
#![expect(clippy::expect_used, reason = "functions shared by tests fail as tests do")]

mod http;
mod tcp;

use std::io::Write;
use std::path::Path;
use std::sync::OnceLock;

use bookend_harness::{Instance, Module, Plugin};

/// The module, compiled once for all tests.
fn module() -> Option<&'static Module> {
    static MODULE: OnceLock<Option<Module>> = OnceLock::new();
    MODULE.get_or_init(load).as_ref()
}

fn load() -> Option<Module> {
    let Some(directory) = std::env::var_os("BOOKEND_DIST") else {
        assert!(
            std::env::var_os("CI").is_none(),
            "in CI `BOOKEND_DIST` must name the directory of the artifacts"
        );
        // Past the capture of the test harness.
        let _ = std::io::stderr().write_all(
            b"\n*** NOT TESTED: the guest written with the SDK. These tests need BOOKEND_DIST; run `scripts/test`. ***\n",
        );
        return None;
    };
    let file = Path::new(&directory).join("bookend_guest.wasm");
    let bytes = std::fs::read(&file).expect("`BOOKEND_DIST` holds `bookend_guest.wasm`");
    Some(Module::load(&bytes).expect("the guest is a module for this host"))
}

/// The plugin with this configuration.
fn started(configuration: &str) -> Option<Instance> {
    let plugin = Plugin { configuration: configuration.into(), ..Plugin::default() };
    module().map(|module| module.start(&plugin).expect("the guest starts"))
}

#[test]
fn a_refused_configuration_is_told() {
    let Some(module) = module() else { return };
    let plugin = Plugin { configuration: b"neither".to_vec(), ..Plugin::default() };
    assert!(module.start(&plugin).is_err());
}

#[test]
fn instances_of_one_module_run_in_threads_side_by_side() {
    let Some(module) = module() else { return };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let plugin = Plugin { configuration: b"http".to_vec(), ..Plugin::default() };
                let mut instance = module.start(&plugin).expect("the guest starts");
                for _ in 0..20 {
                    http::open(&mut instance);
                }
                assert_eq!(instance.metrics().get("guest.open"), Some(&bookend_harness::Metric::Gauge(0)));
            });
        }
    });
}
