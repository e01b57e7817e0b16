//! A registry as small as it can be, which fails where it is told to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bookend_package::Digest;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the registry was asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
    /// How many bytes came along.
    pub(crate) body: usize,
    /// They, if they are a text.
    pub(crate) text: String,
}

/// What it answers; nothing is a cut connection.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: Option<u16>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Reply {
    pub(crate) fn new(status: u16) -> Self {
        Self { status: Some(status), headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn cut() -> Self {
        Self { status: None, headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }
}

struct Fault {
    method: String,
    path: String,
    times: usize,
    reply: Reply,
}

#[derive(Default)]
struct State {
    faults: Vec<Fault>,
    asked: Vec<Asked>,
    /// Of every upload, by its number.
    uploads: BTreeMap<usize, Vec<u8>>,
    blobs: BTreeMap<String, Vec<u8>>,
    manifests: BTreeMap<String, (String, Vec<u8>)>,
    /// Name and password, as they are sent.
    login: Option<String>,
    storage: Option<String>,
    lists: bool,
}

pub(crate) struct Server {
    port: u16,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, port, Arc::clone(&shared)));
            }
        });
        Self { port, state, task }
    }

    pub(crate) fn name(&self, path: &str) -> String {
        format!("127.0.0.1:{}/{path}", self.port)
    }

    /// Answers so to what has the method and the path in it, so many times.
    pub(crate) fn fail(&self, method: &str, path: &str, times: usize, reply: Reply) {
        let (method, path) = (method.to_owned(), path.to_owned());
        self.state.lock().unwrap().faults.push(Fault { method, path, times, reply });
    }

    /// Wants a token, which there is for a name and a password, or for any token of before.
    pub(crate) fn demand_token(&self, login: &str) {
        self.state.lock().unwrap().login = Some(login.to_owned());
    }

    /// Sends uploads to another server.
    pub(crate) fn store_at(&self, other: &Self) {
        self.state.lock().unwrap().storage = Some(format!("http://127.0.0.1:{}", other.port));
    }

    /// Keeps the lists of referrers itself.
    pub(crate) fn keep_lists(&self) {
        self.state.lock().unwrap().lists = true;
    }

    /// Has nothing, and was never asked.
    pub(crate) fn forget(&self) {
        let mut state = self.state.lock().unwrap();
        state.blobs.clear();
        state.manifests.clear();
        state.asked.clear();
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap().asked.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers what comes by one connection.
async fn serve(stream: TcpStream, port: u16, state: Arc<Mutex<State>>) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut asked = Asked::default();
        let (mut length, mut kind) = (0, String::new());
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        let mut words = line.split(' ').map(str::to_owned);
        (asked.method, asked.path) = (words.next().unwrap(), words.next().unwrap());
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            match name.to_lowercase().as_str() {
                "content-length" => length = value.parse().unwrap(),
                "authorization" => asked.authorization = Some(value.to_owned()),
                "content-type" => kind = value.to_owned(),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        if stream.read_exact(&mut body).await.is_err() {
            return;
        }
        asked.body = length;
        asked.text = String::from_utf8(body.clone()).unwrap_or_default();
        let head = asked.method == "HEAD";
        let reply = state.lock().unwrap().answer(asked, &kind, body, port);
        let Some(status) = reply.status else { return };
        let mut text = format!("HTTP/1.1 {status} Scripted\r\nContent-Length: {}\r\n", reply.body.len());
        for (name, value) in &reply.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        if !head {
            bytes.extend(reply.body);
        }
        if stream.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

impl State {
    fn answer(&mut self, asked: Asked, kind: &str, body: Vec<u8>, port: u16) -> Reply {
        let Asked { method, path, authorization, .. } = asked.clone();
        self.asked.push(asked);
        let fits = |fault: &&mut Fault| {
            fault.times > 0
                && fault.method == method
                && path.contains(&fault.path)
                && (fault.path != "/v2/" || path == "/v2/")
        };
        if let Some(fault) = self.faults.iter_mut().find(fits) {
            fault.times -= 1;
            return fault.reply.clone();
        }
        if let Some(login) = &self.login {
            if path.starts_with("/token") {
                // `bookend:secret`, as it is sent.
                let right = login == "bookend:secret"
                    && authorization.as_deref() == Some("Basic Ym9va2VuZDpzZWNyZXQ=");
                return match method.as_str() {
                    "POST" => Reply::new(200).body(r#"{"access_token": "a-token"}"#),
                    _ if right => Reply::new(200).body(r#"{"token": "a-token"}"#),
                    _ => Reply::new(401),
                };
            }
            if authorization.as_deref() != Some("Bearer a-token") {
                let value = format!(r#"Bearer realm="http://127.0.0.1:{port}/token",service="test""#);
                return Reply::new(401).header("WWW-Authenticate", &value);
            }
        }
        let name = path.split('?').next().unwrap().rsplit('/').next().unwrap().to_owned();
        let query = path.split_once('?').map(|(_, query)| query.to_owned()).unwrap_or_default();
        match method.as_str() {
            "GET" if path == "/v2/" => Reply::new(200),
            "HEAD" if path.contains("/blobs/") => {
                Reply::new(if self.blobs.contains_key(&name) { 200 } else { 404 })
            }
            "POST" => {
                let number = self.uploads.len();
                self.uploads.insert(number, Vec::new());
                let storage = self.storage.clone().unwrap_or_default();
                Reply::new(202)
                    .header("Location", &format!("{storage}/v2/bookend/filter/blobs/uploads/{number}"))
            }
            "PATCH" => {
                let upload = self.uploads.entry(name.parse().unwrap()).or_default();
                upload.extend(body);
                Reply::new(202).header("Location", &path).header("Range", &format!("0-{}", upload.len() - 1))
            }
            "GET" if path.contains("/uploads/") => match self.uploads.get(&name.parse().unwrap()) {
                Some(upload) if !upload.is_empty() => Reply::new(204)
                    .header("Location", &path)
                    .header("Range", &format!("0-{}", upload.len() - 1)),
                _ => Reply::new(404),
            },
            "PUT" if path.contains("/uploads/") => {
                let mut upload = self.uploads.remove(&name.parse().unwrap()).unwrap_or_default();
                upload.extend(body);
                let digest = Digest::of(&upload).to_string();
                if !query.contains(&digest.replace(':', "%3A")) {
                    return Reply::new(400).body(r#"{"errors":[{"code":"DIGEST_INVALID"}]}"#);
                }
                self.blobs.insert(digest, upload);
                Reply::new(201)
            }
            "PUT" => {
                let digest = Digest::of(&body).to_string();
                let about = String::from_utf8_lossy(&body).contains("\"subject\"");
                for key in [name, digest.clone()] {
                    self.manifests.insert(key, (kind.to_owned(), body.clone()));
                }
                let reply = Reply::new(201).header("Docker-Content-Digest", &digest);
                if self.lists && about { reply.header("OCI-Subject", "sha256:0") } else { reply }
            }
            "GET" if path.contains("/manifests/") => match self.manifests.get(&name) {
                Some((kind, body)) => Reply::new(200).header("Content-Type", kind).body(body),
                None => Reply::new(404).body(r#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#),
            },
            _ => Reply::new(404),
        }
    }
}
