//! Coming to a node, and leaving it.

use crate::traffic::{connects, until};
use crate::world::{World, store4};
use std::io::Read;
use std::path::PathBuf;

const LIST: &str = "{\n  \"cniVersion\": \"1.0.0\",\n  \"name\": \"k8s\",\n  \"plugins\": [\n    { \"type\": \"ptp\" }\n  ]\n}\n";

/// The directories of a node, and the options that name them.
fn node(world: &World) -> (PathBuf, PathBuf, Vec<String>) {
    let (bin, conf) = (world.path("bin"), world.path("net.d"));
    for directory in [&bin, &conf] {
        std::fs::create_dir_all(directory).unwrap();
    }
    let text = |path: &PathBuf| path.to_str().unwrap().to_owned();
    let socket = world.path("run").join("cni.sock");
    let options =
        ["--cni-bin-dir", &text(&bin), "--cni-conf-dir", &text(&conf), "--cni-socket", &text(&socket)];
    (bin, conf, options.map(str::to_owned).to_vec())
}

fn borrowed(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

#[test]
fn the_plugin_is_installed_kept_and_removed_and_nothing_stays() {
    let Some(mut world) = World::new() else { return };
    let (bin, conf, options) = node(&world);
    let beside = PathBuf::from(env!("CARGO_BIN_EXE_bookend-cni"));
    let dist = format!("BOOKEND_DIST={}", beside.parent().unwrap().display());
    world.enforce_so(&["env", &dist], &borrowed(&options));
    until("it waits for a configuration", || world.said().contains("waiting for one"));
    let list = conf.join("10-net.conflist");
    let is_in = || std::fs::read_to_string(&list).is_ok_and(|text| text.matches("bookend-cni").count() == 1);
    std::fs::write(&list, LIST).unwrap();
    until("it is in the configuration", is_in);
    assert!(bin.join("bookend-cni").exists());
    // The other plugin's own installer writes it again.
    let draft = conf.join("draft");
    std::fs::write(&draft, LIST).unwrap();
    std::fs::rename(&draft, &list).unwrap();
    until("it is back", is_in);
    std::fs::remove_file(bin.join("bookend-cni")).unwrap();
    until("the program is back", || bin.join("bookend-cni").exists());
    // Not while an enforcer runs.
    let (code, _, said) = world.ask("leave", &borrowed(&options));
    assert!(code == Some(1) && said.contains("another enforcer is running"), "{said}");
    world.kill();
    for _ in 0..2 {
        let (code, _, said) = world.ask("leave", &borrowed(&options));
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(std::fs::read_to_string(&list).unwrap(), LIST);
        assert!(!bin.join("bookend-cni").exists() && !world.is_pinned());
        assert!(!world.path("run").exists() && !world.path("attachments.json").exists());
    }
    assert!(connects(&world.web, &world.store, store4(), 80));
}

#[test]
fn whoever_stays_says_when_the_node_is_clean_and_ends_when_told() {
    let Some(mut world) = World::new() else { return };
    let (_, _, options) = node(&world);
    world.enforce();
    let socket = world.path("ready.sock");
    let mut all = borrowed(&options);
    let listen = socket.to_str().unwrap().to_owned();
    all.extend(["--stay", "--listen", &listen]);
    let mut leaving = world.begin("leave", &all);
    let ready = |world: &World| {
        let mut command = world.host.command("curl");
        command.args([
            "-s",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "--unix-socket",
            &listen,
            "http://localhost/readyz",
        ]);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    until("it says that the node is not clean", || ready(&world) == "503");
    world.kill();
    until("it says that the node is clean", || ready(&world) == "200");
    assert!(!world.is_pinned());
    let id = leaving.id().to_string();
    assert!(std::process::Command::new("kill").arg(&id).status().unwrap().success());
    assert!(leaving.wait().unwrap().success());
    let mut said = String::new();
    leaving.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("nothing of Bookend is left on this node"), "{said}");
}
