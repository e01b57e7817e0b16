//! The server over real sockets, as a browser and as somebody else would ask it.
#![expect(clippy::unwrap_used, reason = "functions shared by tests fail as tests do")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bookend_playground_server::{Page, Server, Shelf, Volume};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Every file of a directory.
struct Directory(PathBuf);

impl Shelf for Directory {
    fn volumes(&self) -> anyhow::Result<Vec<Volume>> {
        let mut volumes: Vec<_> = self
            .0
            .read_dir()?
            .map(|entry| {
                entry.map(|entry| Volume {
                    name: entry.file_name().into_string().unwrap(),
                    path: entry.path(),
                })
            })
            .collect::<Result<_, _>>()?;
        volumes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(volumes)
    }

    fn replace(&self, path: &Path, text: &str) -> anyhow::Result<()> {
        Ok(fs::write(path, text)?)
    }

    fn most(&self) -> usize {
        1000
    }

    fn best_effort(&self) -> bool {
        false
    }
}

/// A server with a page and two files, and what it was asked.
struct Scene {
    directory: PathBuf,
    host: String,
    /// `/secret/`
    path: String,
}

struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Scene {
    async fn new(name: &str) -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::remove_dir_all(&directory).ok();
        let (page, files) = (directory.join("page"), directory.join("files"));
        fs::create_dir_all(page.join("assets")).unwrap();
        fs::create_dir_all(&files).unwrap();
        fs::write(page.join("index.html"), "<head><!-- bookend:files --></head>").unwrap();
        fs::write(page.join("assets/engine.wasm"), "\0asm").unwrap();
        fs::write(files.join("a.yaml"), "one").unwrap();
        fs::write(files.join("b.yaml"), "two").unwrap();
        let server = Server::listen(0, Page::read(&page).unwrap(), Some(Directory(files))).await.unwrap();
        let url = server.url();
        let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let (host, path) = (host.to_owned(), format!("/{path}"));
        tokio::spawn(server.serve());
        Self { directory, host, path }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.join("files").join(name)
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut stream = TcpStream::connect(&self.host).await.unwrap();
        let mut text =
            format!("{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{text}\r\n{body}").as_bytes()).await.unwrap();
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).await.unwrap();
        let reply = String::from_utf8(reply).unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Reply { status, head: head.to_owned(), body: body.to_owned() }
    }

    async fn get(&self, name: &str) -> Reply {
        self.send("GET", &format!("{}{name}", self.path), &[("host", &self.host)], "").await
    }

    /// Saves as a page of this server does.
    async fn put(&self, body: &Value) -> Reply {
        let origin = format!("http://{}", self.host);
        let headers =
            [("host", self.host.as_str()), ("origin", &origin), ("content-type", "application/json")];
        self.send("PUT", &format!("{}api/file", self.path), &headers, &body.to_string()).await
    }
}

#[tokio::test]
async fn the_page_is_told_of_the_files_and_speaks_to_nobody_else() {
    let scene = Scene::new("page").await;
    let index = scene.get("").await;
    assert_eq!(
        (index.status, index.body.as_str()),
        (200, r#"<head><meta name="bookend-files" content="api/files"></head>"#)
    );
    assert!(index.head.contains("content-security-policy: default-src 'none'"), "{}", index.head);
    assert!(
        index.head.contains("referrer-policy: no-referrer") && index.head.contains("cache-control: no-store")
    );
    let engine = scene.get("assets/engine.wasm").await;
    assert!(
        engine.status == 200 && engine.head.contains("content-type: application/wasm"),
        "{}",
        engine.head
    );
    for nothing in ["assets/../index.html", "assets", "%2e%2e/files/a.yaml", "a.yaml", "api"] {
        assert_eq!(scene.get(nothing).await.status, 404, "{nothing}");
    }
}

#[tokio::test]
async fn files_are_read_again_when_they_change() {
    let scene = Scene::new("changes").await;
    let first = scene.get("api/files").await.json();
    assert_eq!((&first["files"][0]["name"], &first["files"][1]["text"]), (&json!("a.yaml"), &json!("two")));
    let waiting = format!("api/files?after={}", first["revision"].as_str().unwrap());
    let (changed, ()) = tokio::join!(scene.get(&waiting), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        fs::write(scene.file("b.yaml"), "three").unwrap();
    });
    let changed = changed.json();
    assert_eq!(changed["files"][1]["text"], "three");
    fs::remove_file(scene.file("a.yaml")).unwrap();
    fs::write(scene.file("b.yaml"), b"\xff").unwrap();
    fs::write(scene.file("c.yaml"), "x".repeat(1001)).unwrap();
    let then = scene.get(&format!("api/files?after={}", changed["revision"].as_str().unwrap())).await.json();
    let error = |number: usize| then["files"][number]["error"].as_str().unwrap();
    assert_eq!(error(0), "cannot read `b.yaml`: it is not UTF-8");
    assert_eq!(error(1), "cannot read `c.yaml`: it has more than 1000 bytes");
    assert!(then["files"][0]["text"].is_null());
}

#[tokio::test]
async fn a_text_is_saved_in_the_place_of_the_one_it_was_made_from_and_of_no_other() {
    let scene = Scene::new("saving").await;
    let files = scene.get("api/files").await.json();
    let hash = files["files"][0]["hash"].as_str().unwrap();
    let saved = scene.put(&json!({ "name": "a.yaml", "text": "new", "hash": hash })).await;
    assert_eq!((saved.status, fs::read_to_string(scene.file("a.yaml")).unwrap().as_str()), (200, "new"));
    assert_eq!(scene.get("api/files").await.json()["revision"], saved.json()["revision"]);
    // The page still thinks that it is the old one.
    let late = scene.put(&json!({ "name": "a.yaml", "text": "late", "hash": hash })).await;
    assert_eq!((late.status, &late.json()["hash"]), (409, &saved.json()["hash"]));
    assert_eq!(fs::read_to_string(scene.file("a.yaml")).unwrap(), "new");
    // Somebody removed it.
    fs::remove_file(scene.file("a.yaml")).unwrap();
    let hash = saved.json()["hash"].clone();
    for name in ["a.yaml", "../page/index.html", "/etc/passwd", "z.yaml", ""] {
        let refused = scene.put(&json!({ "name": name, "text": "x", "hash": hash })).await;
        assert_eq!(refused.status, 403, "{name}: {}", refused.body);
    }
    for wrong in [json!({}), json!({ "name": "b.yaml", "text": "x" }), json!([])] {
        assert_eq!(scene.put(&wrong).await.status, 400);
    }
    let long = scene.put(&json!({ "name": "b.yaml", "text": "x".repeat(30_000), "hash": "" })).await;
    assert_eq!(long.status, 413);
    assert_eq!(fs::read_to_string(scene.file("b.yaml")).unwrap(), "two");
}

#[tokio::test]
async fn nobody_else_gets_in() {
    let scene = Scene::new("door").await;
    let host = scene.host.as_str();
    let port = host.rsplit_once(':').unwrap().1;
    let (files, file) = (format!("{}api/files", scene.path), format!("{}api/file", scene.path));
    let local = format!("localhost:{port}");
    assert_eq!(scene.send("GET", &files, &[("host", &local)], "").await.status, 200);
    // A name of elsewhere that resolves to loopback, and no name at all.
    for stranger in [&format!("evil.example:{port}"), "127.0.0.1", "", &format!("{host}.evil.example")] {
        assert_eq!(scene.send("GET", &files, &[("host", stranger)], "").await.status, 421, "{stranger}");
    }
    // A page of elsewhere, even where it knew the path.
    for from in ["http://evil.example", "null", "https://127.0.0.1", &format!("http://localhost:{port}"), ""]
    {
        let reply = scene.send("GET", &files, &[("host", host), ("origin", from)], "").await;
        assert_eq!(reply.status, 403, "{from}");
        assert!(!reply.head.contains("access-control"), "{}", reply.head);
    }
    for site in ["cross-site", "same-site", "?"] {
        assert_eq!(
            scene.send("GET", &files, &[("host", host), ("sec-fetch-site", site)], "").await.status,
            403
        );
    }
    // But somebody may follow a link in a page of elsewhere.
    let followed =
        [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    for (changed, status) in [("document", 200), ("iframe", 403), ("empty", 403)] {
        let headers =
            followed.map(|(name, value)| (name, if name == "sec-fetch-dest" { changed } else { value }));
        let headers = [&[("host", host)][..], &headers].concat();
        assert_eq!(scene.send("GET", &scene.path, &headers, "").await.status, status, "{changed}");
    }
    // Another user of the machine, who does not know the path.
    let guessed = format!("/{}/api/files", "0".repeat(scene.path.len() - 2));
    for path in ["/", "/api/files", &guessed, &scene.path[..scene.path.len() - 1]] {
        let reply = scene.send("GET", path, &[("host", host)], "").await;
        assert!(reply.status == 404 && !reply.body.contains("one"), "{path}: {}", reply.body);
    }
    // Nothing is written without saying from where, nor as a form would.
    let hash = scene.get("api/files").await.json()["files"][0]["hash"].as_str().unwrap().to_owned();
    let body = json!({ "name": "a.yaml", "text": "x", "hash": hash }).to_string();
    let origin = format!("http://{host}");
    for (headers, status) in [
        (vec![("host", host), ("content-type", "application/json")], 403),
        (vec![("host", host), ("origin", origin.as_str()), ("content-type", "text/plain")], 415),
        (vec![("host", host), ("origin", origin.as_str())], 415),
        (vec![("host", host), ("origin", origin.as_str()), ("origin", origin.as_str())], 403),
    ] {
        assert_eq!(scene.send("PUT", &file, &headers, &body).await.status, status);
    }
    let posted = scene.send("POST", &file, &[("host", host), ("origin", &origin)], &body).await;
    assert_eq!(posted.status, 405);
    assert_eq!(fs::read_to_string(scene.file("a.yaml")).unwrap(), "one");
}

#[tokio::test]
async fn without_files_there_is_only_the_page() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("alone");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("index.html"), "<head></head>").unwrap();
    let server = Server::listen(0, Page::read(&directory).unwrap(), None::<Directory>).await.unwrap();
    let url = server.url();
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let scene = Scene { directory, host: host.to_owned(), path: format!("/{path}") };
    tokio::spawn(server.serve());
    assert_eq!(scene.get("").await.body, "<head></head>");
    assert_eq!(scene.get("api/files").await.status, 404);
}
