//! `bookend playground`, as a browser meets it. What the server lets whom do is tested where it is; here is a page of one line.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::{command, run};

/// A directory with a page and a policy.
fn scene(name: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _absent = fs::remove_dir_all(&directory);
    fs::create_dir_all(directory.join("page")).unwrap();
    fs::write(directory.join("page/index.html"), "<head></head>the page").unwrap();
    fs::write(directory.join("policy.yaml"), "old").unwrap();
    directory
}

/// The command while it runs, and where its page is: host and path.
struct Served {
    child: Child,
    host: String,
    path: String,
}

impl Served {
    fn new(directory: &Path, arguments: &[&str]) -> Self {
        let mut child = command(directory)
            .args(["playground", "--page", "page", "-o", "json"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut text = String::new();
        while !text.contains('}') {
            text.push_str(&lines.next().unwrap().unwrap());
        }
        let answer: Value = serde_json::from_str(&text).unwrap();
        let url = answer.get("url").and_then(Value::as_str).unwrap().strip_prefix("http://").unwrap();
        let (host, path) = url.split_once('/').unwrap();
        Self { child, host: host.to_owned(), path: format!("/{path}") }
    }

    /// Status and body.
    fn ask(&self, method: &str, name: &str, body: &str) -> (u16, String) {
        let Self { host, path, .. } = self;
        let mut stream = TcpStream::connect(host).unwrap();
        let head = format!(
            "{method} {path}{name} HTTP/1.1\r\nhost: {host}\r\norigin: http://{host}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }
}

#[test]
fn a_page_reads_and_saves_what_was_named_until_it_is_interrupted() {
    let directory = scene("playground");
    let mut served = Served::new(&directory, &["-f", "policy.yaml"]);
    assert!(served.host.starts_with("127.0.0.1:"), "{}", served.host);
    let (status, page) = served.ask("GET", "", "");
    assert!(status == 200 && page.contains("bookend-files") && page.contains("the page"), "{page}");
    let files: Value = serde_json::from_str(&served.ask("GET", "api/files", "").1).unwrap();
    assert_eq!(
        (&files["files"][0]["name"], &files["files"][0]["text"]),
        (&json!("policy.yaml"), &json!("old"))
    );
    let wish = json!({ "name": "policy.yaml", "text": "new", "hash": files["files"][0]["hash"] });
    assert_eq!(served.ask("PUT", "api/file", &wish.to_string()).0, 200);
    assert_eq!(served.ask("PUT", "api/file", &wish.to_string()).0, 409);
    assert_eq!(fs::read_to_string(directory.join("policy.yaml")).unwrap(), "new");
    let interrupt = Command::new("kill").args(["-INT", &served.child.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
}

#[test]
fn without_files_the_page_asks_for_none() {
    let mut served = Served::new(&scene("playground-alone"), &[]);
    assert_eq!(served.ask("GET", "", ""), (200, "<head></head>the page".to_owned()));
    assert_eq!(served.ask("GET", "api/files", "").0, 404);
    served.child.kill().unwrap();
    served.child.wait().unwrap();
}

#[test]
fn what_cannot_be_served_is_refused_before_anybody_is_told_an_address() {
    let directory = scene("playground-refused");
    for (arguments, code, why) in [
        (&["-f", "nowhere.yaml"][..], 1, "there is no file `nowhere.yaml`"),
        (&["-f", "-"], 2, "standard input is read once"),
        (&["--page", "nowhere"], 1, "cannot read the page in `nowhere`"),
    ] {
        let page = if arguments.contains(&"--page") { &[][..] } else { &["--page", "page"] };
        let refused = run(&directory, &[&["playground"], page, arguments].concat());
        assert_eq!((refused.code, refused.out.as_str()), (Some(code), ""), "{arguments:?}: {}", refused.err);
        assert!(refused.err.contains(why), "{arguments:?}: {}", refused.err);
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let refused = run(&directory, &["playground", "--page", "page", "--port", &port]);
    assert!(
        refused.code == Some(1) && refused.err.contains("cannot listen on 127.0.0.1:"),
        "{}",
        refused.err
    );
}
