//! Where policies of other systems are written natively, no verdict changes: what `bookend import` proves before it writes.

#![expect(clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]

use bookend_analysis::{Side, diff, inhabited};
use bookend_lang::{Import, Importing, Options, Source, import};

fn imported(texts: &[String], merge: bool) -> Import {
    let sources: Vec<_> = texts.iter().map(|text| Source::new("x", text.as_str())).collect();
    import(&sources, Importing { reading: Options::default(), merge }).unwrap()
}

/// How many workloads were made up, and how many changes there are.
fn changes(import: &Import) -> (usize, usize) {
    let (old, new) = (&import.before.program, &import.after.program);
    let (inventory, made_up) = inhabited(&[old, new], &import.before.inventory);
    let side = |program| Side { program, inventory: &inventory };
    let difference = diff(side(old), side(new));
    for change in &difference.changes {
        eprintln!("{change:?}");
    }
    (made_up, difference.changes.len())
}

fn file(name: &str) -> String {
    std::fs::read_to_string(format!("{}/../../{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn no_connection_of_bookinfo_gets_another_verdict() {
    let names = [
        "examples/migration/network-policies.yaml",
        "examples/migration/authorization-policies.yaml",
        "examples/bookinfo/bookinfo.yaml",
        "examples/bookinfo/inventory.yaml",
    ];
    for merge in [true, false] {
        let (made_up, changes) = changes(&imported(&names.map(file), merge));
        assert!(made_up > 5, "{made_up}");
        assert_eq!(changes, 0);
    }
}

#[test]
fn without_an_inventory_everybody_is_made_up_whom_policies_speak_of() {
    for name in ["recipes", "cluster"] {
        let (made_up, changes) =
            changes(&imported(&[file(&format!("policy/lang/tests/data/foreign/{name}.yaml"))], true));
        assert!(made_up > 3, "{made_up}");
        assert_eq!(changes, 0);
    }
}

#[test]
fn a_lost_rule_is_a_change_though_there_is_no_inventory() {
    let import = imported(&[file("policy/lang/tests/data/foreign/recipes.yaml")], true);
    let program =
        import.before.program.clone().retaining(|rule| !rule.id.contains("web-allow-prod"), |_| true);
    let (inventory, _) = inhabited(&[&import.before.program, &program], &import.before.inventory);
    let side = |program| Side { program, inventory: &inventory };
    assert!(!diff(side(&import.before.program), side(&program)).changes.is_empty());
}
