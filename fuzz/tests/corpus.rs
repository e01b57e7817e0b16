//! All inputs that are kept, and all that are made from the conformance cases, against the laws; without libFuzzer.

use std::fs;
use std::panic::{RefUnwindSafe, catch_unwind};
use std::path::Path;

use bookend_fuzz::{LAWS, seed};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn holds(law: impl Fn(&[u8]) + RefUnwindSafe, bytes: &[u8], what: &str) {
    let held = catch_unwind(|| law(bytes)).is_ok();
    assert!(held, "{what}: broken by {}", bytes.escape_ascii());
}

#[test]
fn the_laws_hold_for_every_kept_input() {
    for (target, law) in LAWS {
        let directory = root().join("corpus").join(target);
        let mut inputs = 0;
        for file in
            fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        {
            let path = file.expect("a file").path();
            holds(law, &fs::read(&path).expect("a readable file"), &path.display().to_string());
            inputs += 1;
        }
        assert!(inputs > 0, "{} is empty", directory.display());
    }
}

#[test]
fn the_laws_hold_for_every_seed() {
    let seeds = seed::all(&root().join(".."));
    for (target, law) in LAWS {
        let mut own = seeds.iter().filter(|(name, _)| *name == target).peekable();
        assert!(own.peek().is_some(), "no seed for {target}");
        for (number, (_, bytes)) in own.enumerate() {
            holds(law, bytes, &format!("seed {number} of {target}"));
        }
    }
}

#[test]
fn every_law_has_a_target_and_every_target_a_law() {
    let mut targets: Vec<String> = fs::read_dir(root().join("fuzz_targets"))
        .expect("the targets")
        .map(|file| file.expect("a file").file_name().to_string_lossy().trim_end_matches(".rs").to_owned())
        .collect();
    targets.sort();
    assert_eq!(targets, LAWS.map(|(name, _)| name));
}

#[test]
fn the_shortest_inputs_break_no_law() {
    for (target, law) in LAWS {
        for bytes in [&b""[..], b"\n", b"\0", b"\n\n\n", b"\xff\xff"] {
            holds(law, bytes, target);
        }
    }
}
