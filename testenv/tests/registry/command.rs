//! The command as a user meets it.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::fake::{self, Scratch};
use crate::server::{AUTH, Server, free_port};

/// The directory of the built binaries.
pub(crate) fn dist() -> PathBuf {
    let dist = std::env::var_os("BOOKEND_DIST");
    dist.expect("`BOOKEND_DIST` must name the directory of the binaries; run scripts/test").into()
}

fn bookend(scratch: &Scratch) -> Command {
    scratch.write("bookend_filter.wasm", &fake::module(&fake::EXPORTS, b""));
    let platform = scratch.platform(&bookend_package::document::Platform::usual());
    if !scratch.path().join("static").exists() {
        std::fs::rename(platform, scratch.path().join("static")).unwrap();
    }
    let mut command = Command::new(dist().join("bookend"));
    command.arg("package").current_dir(scratch.path()).env("BOOKEND_DIST", scratch.path());
    command.env_remove("SOURCE_DATE_EPOCH").env("HOME", scratch.path()).env("DOCKER_CONFIG", scratch.path());
    command.env_remove("XDG_RUNTIME_DIR").env_remove("REGISTRY_AUTH_FILE");
    command
}

/// What a command prints, on both streams, and how it ends.
fn run(command: &mut Command, input: &str) -> (String, String, Option<i32>) {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().expect("`bookend` is built by scripts/build");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

#[test]
fn both_images_are_pushed_below_one_repository_and_can_be_verified_by_what_is_printed() {
    let scratch = Scratch::new("command-all");
    let server = Server::start(&scratch, "");
    let (out, err, code) = run(bookend(&scratch).args(["all", "--push", &server.name("bookend:0.1.0")]), "");
    assert_eq!(code, Some(0), "{err}");
    let lines: Vec<Vec<&str>> = out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines.iter().map(|line| line[0]).collect::<Vec<_>>(), ["filter", "enforcer"]);
    for line in &lines {
        assert!(line[1].starts_with(&server.name(&format!("bookend/{}@sha256:", line[0]))), "{out}");
        let (told, err, code) = run(bookend(&scratch).args(["verify", line[1]]), "");
        assert_eq!(code, Some(0), "{err}");
        assert!(told.contains(&format!("{} is a", line[1])), "{told}");
    }
    // The same again sends nothing, and a dry run says the same without asking anybody.
    let (again, err, _) = run(bookend(&scratch).args(["all", "--push", &server.name("bookend:0.1.0")]), "");
    assert!(again == out && err.contains("is there already") && !err.contains("bytes sent"), "{again}{err}");
    drop(server);
    let (dry, _, _) = run(bookend(&scratch).args(["all", "--dry-run", "-o", "json"]), "");
    let dry: serde_json::Value = serde_json::from_str(&dry).unwrap();
    for (image, line) in dry["images"].as_array().unwrap().iter().zip(&lines) {
        assert!(line[1].ends_with(image["digest"].as_str().unwrap()), "{dry}");
        assert_eq!(image["referrers"].as_array().unwrap().len(), 2);
    }
}

#[test]
fn a_password_comes_from_standard_input_or_from_what_docker_login_keeps_or_from_its_credential_helper() {
    let scratch = Scratch::new("command-login");
    let server = Server::start_tls(&scratch, AUTH, &["localhost"]);
    let name = server.name("bookend/filter:1");
    let push = |scratch: &Scratch| {
        let mut command = bookend(scratch);
        command.args(["filter", "--push", &name, "--ca-file", "ca.pem"]);
        command
    };
    let (_, err, code) = run(&mut push(&scratch), "");
    assert!(code == Some(1) && err.contains("wants to know who asks"), "{err}");
    let (_, err, code) = run(push(&scratch).args(["--username", "bookend", "--password-stdin"]), "secret\n");
    assert_eq!(code, Some(0), "{err}");
    let (_, err, code) = run(push(&scratch).args(["--username", "bookend", "--password-stdin"]), "guess\n");
    assert!(
        code == Some(1) && err.contains("does not accept the password") && !err.contains("guess"),
        "{err}"
    );
    let (_, err, code) = run(push(&scratch).args(["--username", "bookend"]), "");
    assert!(code == Some(2) && err.contains("--password-stdin"), "{err}");

    // `bookend:secret` in base 64.
    let host = format!("127.0.0.1:{}", server.port());
    let kept = format!(r#"{{"auths": {{"{host}": {{"auth": "Ym9va2VuZDpzZWNyZXQ="}}}}}}"#);
    scratch.write("config.json", kept.as_bytes());
    let (_, err, code) = run(&mut push(&scratch), "");
    assert_eq!(code, Some(0), "{err}");

    scratch.write("config.json", format!(r#"{{"credHelpers": {{"{host}": "bookend-test"}}}}"#).as_bytes());
    let (_, err, code) = run(&mut push(&scratch), "");
    assert!(code == Some(1) && err.contains("the credential helper that it names cannot be run"), "{err}");
    let helper = scratch.write(
        "bin/docker-credential-bookend-test",
        b"#!/bin/sh\nread -r host\necho '{\"ServerURL\":\"x\",\"Username\":\"bookend\",\"Secret\":\"secret\"}'\n",
    );
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", helper.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let (_, err, code) = run(push(&scratch).env("PATH", path), "");
    assert_eq!(code, Some(0), "{err}");

    scratch.write("config.json", b"not json");
    let (_, err, code) = run(&mut push(&scratch), "");
    assert!(
        code == Some(1) && err.contains("cannot use the credentials for") && err.contains("docker login"),
        "{err}"
    );
}

#[test]
fn an_interruption_ends_a_push_with_a_sentence() {
    let scratch = Scratch::new("command-interrupted");
    let name = format!("127.0.0.1:{}/bookend/filter:1", free_port());
    let mut command = bookend(&scratch);
    command.args(["filter", "--push", &name]).stderr(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let waits = lines.by_ref().find(|line| line.contains("trying again in"));
    assert!(waits.unwrap().contains("cannot reach the registry"));
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    let told: Vec<String> = lines.collect();
    assert!(told.iter().any(|line| line.starts_with("error: interrupted; what was sent stays")), "{told:?}");
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn wrong_usage_and_wrong_files_are_told_apart() {
    let scratch = Scratch::new("command-usage");
    for (arguments, code, reason) in [
        (&["filter"][..], 2, "--push"),
        (&["filter", "--push", "filter:1"], 2, "names no registry"),
        (&["filter", "--push", "oci://localhost/a"], 2, "leave out `oci://`"),
        (&["filter", "--push", "localhost/a", "--out", "b"], 2, "cannot be used with"),
        (&["enforcer", "--platform", "windows/amd64=static", "--dry-run"], 2, "a platform is `linux/amd64`"),
        (&["enforcer", "--platform", "linux/arm64=static", "--dry-run"], 1, "for amd64, not for linux/arm64"),
        (&["enforcer", "--platform", "linux/amd64=none", "--dry-run"], 1, "cannot read the enforcer"),
        (&["filter", "--wasm", "static/bookend-cni", "--dry-run"], 1, "does not begin as WebAssembly does"),
        (&["filter", "--out", "static"], 1, "exists already"),
        (&["verify", "oci:none"], 1, "is not a whole OCI image layout"),
    ] {
        let (_, err, ended) = run(bookend(&scratch).args(arguments), "");
        assert!(ended == Some(code) && err.contains(reason), "{arguments:?}: {ended:?}: {err}");
    }
    let (_, err, ended) =
        run(bookend(&scratch).args(["filter", "--dry-run"]).env("SOURCE_DATE_EPOCH", "now"), "");
    assert!(ended == Some(1) && err.contains("`SOURCE_DATE_EPOCH` is `now`"), "{err}");
}
