//! The commands of docs/packaging.md print what it says they print.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::command::dist;
use crate::fake::{self, Scratch};
use crate::server::Server;

/// The host in the page, in whose place the test's registry stands.
const HOST: &str = "registry.example.com";

/// What is printed, without what depends on files and on the length of names.
fn plain(line: &str) -> String {
    let words = line.split_whitespace().map(|word| {
        let hex = word.rsplit(':').next().unwrap();
        let digest = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        if digest { word.replace(hex, "…") } else { word.to_owned() }
    });
    let words: Vec<String> = words.collect();
    let size = |(index, word): (usize, &String)| {
        let counts = words.get(index + 1).is_some_and(|next| next == "bytes");
        if counts { "…".to_owned() } else { word.clone() }
    };
    words.iter().enumerate().map(size).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_commands_of_the_page_about_images_print_what_it_says() {
    let scratch = Scratch::new("page");
    let server = Server::start(&scratch, "");
    scratch.write("work/bookend_filter.wasm", &fake::module(&fake::EXPORTS, b""));
    let platform = scratch.platform(&bookend_package::document::Platform::usual());
    fs::rename(platform, scratch.path().join("work/static")).unwrap();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/packaging.md");
    let page = fs::read_to_string(page).unwrap();
    let mut ran = 0;
    let blocks = page.split("```console\n$ ").skip(1).filter_map(|rest| rest.split("\n```").next());
    for step in blocks.flat_map(|block| block.split("\n$ ")) {
        let (command, written) = step.split_once('\n').unwrap_or((step, ""));
        let here = command.replace(HOST, &format!("127.0.0.1:{}", server.port())).replace(
            "skopeo copy",
            "skopeo --insecure-policy copy --src-tls-verify=false --dest-tls-verify=false",
        );
        let path = format!("{}:{}", dist().display(), std::env::var("PATH").unwrap());
        let output = Command::new("bash")
            .args(["-c", &here])
            .current_dir(scratch.path().join("work"))
            .env("PATH", path)
            .env("BOOKEND_DIST", scratch.path().join("work"))
            .env("HOME", scratch.path())
            .env_remove("DOCKER_CONFIG")
            .env_remove("XDG_RUNTIME_DIR")
            .env_remove("REGISTRY_AUTH_FILE")
            .output()
            .unwrap();
        let printed = String::from_utf8([output.stderr, output.stdout].concat()).unwrap();
        let printed = printed.replace(&format!("127.0.0.1:{}", server.port()), HOST);
        let printed: Vec<String> = printed.lines().map(plain).collect();
        let written: Vec<String> = written.lines().map(plain).collect();
        // A line of its own that says `…` stands for what goes to standard error.
        let (elided, expected) = match written.split_first() {
            Some((first, rest)) if first == "…" => (true, rest),
            _ => (false, written.as_slice()),
        };
        let fits = if elided { printed.ends_with(expected) } else { printed == expected };
        assert!(fits, "`{command}` printed:\n{}", printed.join("\n"));
        ran += 1;
    }
    assert!(ran >= 6, "the page shows its commands");
}
