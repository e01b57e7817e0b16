//! Loading and starting.

use bookend_harness::{Error, Level, LogLine, Module, Plugin};

use crate::guest::{exchange, said, started, wasm};

const REFUSES: &str = r#"
  (data (i32.const 16) "no such rule")
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (drop (call $log (i32.const 4) (i32.const 16) (i32.const 12)))
    i32.const 0)
"#;

#[test]
fn a_refused_configuration_is_an_error_that_quotes_the_module() {
    let error = started(REFUSES, &Plugin::default()).expect_err("the plugin refuses");
    let line = LogLine { level: Level::Error, message: "no such rule".to_owned() };
    assert_eq!(error, Error::ConfigurationRefused { logs: vec![line] });
    assert_eq!(error.to_string(), "the module refused its configuration: no such rule");
}

#[test]
fn a_module_may_refuse_to_start() {
    let body = r#"(func (export "proxy_on_vm_start") (param i32 i32) (result i32) i32.const 0)"#;
    assert_eq!(
        started(body, &Plugin::default()).expect_err("refuses"),
        Error::StartRefused { logs: Vec::new() }
    );
}

#[test]
fn each_configuration_is_readable_in_its_callback() {
    let body = r#"
      (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
        ;; the plugin's configuration is not there yet
        (call $say (call $get_buffer (i32.const 7) (i32.const 0) (i32.const -1) (i32.const 0) (i32.const 4)))
        (call $say (call $get_buffer (i32.const 6) (i32.const 0) (i32.const -1) (i32.const 0) (i32.const 4)))
        call $tell
        i32.const 1)
      (func (export "proxy_on_configure") (param i32 i32) (result i32)
        (call $say (call $get_buffer (i32.const 7) (i32.const 1) (i32.const 3) (i32.const 0) (i32.const 4)))
        call $tell
        (call $say (call $get_buffer (i32.const 9) (i32.const 0) (i32.const 3) (i32.const 0) (i32.const 4)))
        i32.const 1)
    "#;
    let plugin =
        Plugin { vm_configuration: b"vm".to_vec(), configuration: b"plugin".to_vec(), ..Plugin::default() };
    let instance = started(body, &plugin).expect("the plugin starts");
    let lines: Vec<_> = instance.startup_logs().iter().map(|line| line.message.as_str()).collect();
    assert_eq!(lines, ["1", "0", "vm", "0", "lug", "2"]);
}

#[test]
fn callbacks_come_in_the_order_of_envoy() {
    let mut body = String::new();
    for (name, parameters, letter) in [
        ("_initialize", 0, 'i'),
        ("main", 2, 'm'),
        ("proxy_on_context_create", 2, 'c'),
        ("proxy_on_vm_start", 2, 'v'),
        ("proxy_on_configure", 2, 'f'),
        ("proxy_on_request_headers", 3, 'h'),
        ("proxy_on_done", 1, 'd'),
        ("proxy_on_log", 1, 'l'),
        ("proxy_on_delete", 1, 'x'),
    ] {
        let result = i32::from(!name.contains("headers"));
        let type_ =
            if parameters == 0 { String::new() } else { format!("(param {})", "i32 ".repeat(parameters)) };
        let code = u32::from(letter) - 48;
        body += &format!(
            "(func (export \"{name}\") {type_} (result i32) (call $say (i32.const {code})) i32.const {result})"
        );
    }
    let mut instance = started(&body, &Plugin::default()).expect("the plugin starts");
    let lines: String = instance.startup_logs().iter().map(|line| line.message.as_str()).collect();
    assert_eq!(lines, "imcvf");
    let outcome = instance.http_request(&exchange(&[], Default::default())).expect("the request is played");
    assert_eq!(said(&outcome).concat(), "chldx");
}

#[test]
fn only_logging_is_allowed_while_a_module_initializes() {
    let body = r#"(func (export "_initialize")
      (drop (call $get_property (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 4))))"#;
    let error = started(body, &Plugin::default()).expect_err("the call is forbidden");
    assert_eq!(
        error.to_string(),
        "the module crashed in `_initialize`: `proxy_get_property` may not be called while the module initializes"
    );
}

#[test]
fn what_a_host_lacks_is_named() {
    let load = |text: &str| Module::load(&wat::parse_str(text).expect("well formed")).expect_err("refused");
    let wasi = r#"(module (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32))))"#;
    assert_eq!(
        load(wasi).to_string(),
        "the module imports `wasi_snapshot_preview1.fd_write`, which this host does not offer; build it for \
         `wasm32-unknown-unknown`"
    );
    let unknown = r#"(module (import "env" "proxy_teleport" (func)))"#;
    assert_eq!(
        load(unknown).to_string(),
        "the module imports `env.proxy_teleport`, which this host does not offer"
    );
    let wrong = r#"(module (import "env" "proxy_log" (func (param i32))))"#;
    assert_eq!(load(wrong), Error::WrongImport { name: "proxy_log".to_owned() });
    assert_eq!(load("(module)"), Error::UnknownAbi);
    let bare = r#"(module (func (export "proxy_abi_version_0_2_1")))"#;
    assert_eq!(load(bare), Error::MissingExport { what: "its `memory`" });
    assert!(matches!(Module::load(b"MZ").err(), Some(Error::NotAModule { .. })));
}

#[test]
fn a_module_is_shared_by_threads_and_each_instance_has_its_own_state() {
    let body = r#"
      (data (i32.const 16) "asked")
      (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
        (drop (call $define_metric (i32.const 0) (i32.const 16) (i32.const 5) (i32.const 8)))
        i32.const 1)
      (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (call $increment_metric (i32.load (i32.const 8)) (i64.const 1)))
    "#;
    let module = Module::load(&wasm(body)).expect("the plugin loads");
    let counts = std::thread::scope(|scope| {
        let count = |times: usize| {
            let module = module.clone();
            scope.spawn(move || {
                let mut instance = module.start(&Plugin::default()).expect("the plugin starts");
                for _ in 0..times {
                    instance.http_request(&exchange(&[], Default::default())).expect("the request is played");
                }
                instance.metrics().clone()
            })
        };
        [count(1), count(3)].map(|thread| thread.join().expect("the thread ends"))
    });
    assert_eq!(counts.map(|metrics| metrics["asked"].clone()), [1, 3].map(bookend_harness::Metric::Counter));
}
