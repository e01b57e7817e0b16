//! The enforcer's side of the CNI plugin: a thread that looks at this node's pods, and holds those that are being attached until
//! they are policed.
//!
//! A request makes an attachment at once, before the pod's status has an address; the source has the pod's labels, the loop
//! puts its policy in force, and then the plugin is answered (docs/semantics.md, S106).

mod conflist;
mod door;
mod install;
mod keep;
mod options;

pub(crate) use door::{Door, Question, Standing};
pub(crate) use install::Install;
pub use options::CniOptions;

use crate::attachment::{Attachments, Node, Refusal, SOON, Told};
use crate::readiness::readiness;
use crate::say::say;
use bookend_abi::address::from_ip;
use bookend_cni::wire::{Answer, MOST, Pod, Request};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

/// How long a request may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(5);
/// How long after something went wrong it is tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// What the thread works on.
#[derive(Clone)]
struct Desk {
    node: Arc<Mutex<Node>>,
    door: Door,
    /// Somebody was told of a pod, so that its processes will come soon.
    prompt: Arc<Notify>,
}

/// Looks at this node's pods, listens at `socket` for the CNI plugin, and keeps it installed, for as long as the process lives. What
/// is known is kept in `state` for the next enforcer.
///
/// # Errors
/// If there is no socket to hear the kernel, or no thread to be had.
pub(crate) fn start(
    socket: Option<PathBuf>,
    install: Option<Install>,
    state: &Path,
    door: Door,
) -> io::Result<Attachments> {
    let (node, attachments) = Node::new(Some(state))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let work = move || {
        let heard = node.notices();
        let desk = Desk { node: Arc::new(Mutex::new(node)), door, prompt: Arc::default() };
        runtime.block_on(async {
            if let Some(socket) = socket {
                tokio::spawn(listen(socket, desk.clone()));
            }
            if let Some(install) = install {
                tokio::spawn(keep::keep(install, desk.door.clone()));
            }
            // Here, because a descriptor is waited for within a runtime.
            match heard.map_err(|error| error.to_string()).and_then(|heard| {
                readiness(heard, "follow this node's pods").map_err(|failure| failure.message)
            }) {
                Ok(heard) => follow(&desk, heard).await,
                Err(error) => say(&format!("cannot follow this node's pods: {error}")),
            }
        });
    };
    std::thread::Builder::new().name("bookend-node".to_owned()).spawn(work)?;
    Ok(attachments)
}

/// Looks whenever something happens.
async fn follow(desk: &Desk, heard: AsyncFd<std::os::fd::OwnedFd>) {
    let mut due = Instant::now();
    let mut complained = false;
    loop {
        tokio::select! {
            ready = heard.readable() => {
                let worth = desk.node().hear();
                if let Ok(mut ready) = ready {
                    ready.clear_ready();
                }
                if worth.unwrap_or(true) {
                    desk.node().hurry();
                    due = due.min(Instant::now() + SOON);
                }
            }
            () = desk.prompt.notified() => {
                desk.node().hurry();
                due = due.min(Instant::now() + SOON);
            }
            () = sleep_until(due) => {
                let rest = desk.node().look();
                if let Err(error) = rest.as_ref().map_err(|error| error.to_string())
                    && !complained
                {
                    say(&format!(
                        "cannot look at this node's pods: {error}; what is known of them stays so, and it is tried again"
                    ));
                }
                complained = rest.is_err();
                due = Instant::now() + rest.unwrap_or(AGAIN);
            }
        }
    }
}

async fn listen(path: PathBuf, desk: Desk) {
    let mut complained = false;
    loop {
        match bind(&path) {
            Ok(listener) => {
                if complained {
                    say(&format!("the CNI plugin is heard at `{}`", path.display()));
                }
                return accept(&listener, &desk).await;
            }
            Err(error) if !complained => {
                complained = true;
                say(&format!(
                    "cannot hear the CNI plugin at `{}`: {error}; no pod starts on this node until it can, and it is tried \
                     again. Choose another path with --cni-socket",
                    path.display()
                ));
            }
            Err(_) => {}
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// For root alone: whoever may ask names pods.
fn bind(path: &Path) -> io::Result<UnixListener> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn accept(listener: &UnixListener, desk: &Desk) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(attend(stream, desk.clone()));
            }
            // Whoever came is gone, or there are too many open files; neither gets better by hurry.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Answers one request.
async fn attend(stream: UnixStream, desk: Desk) {
    let asker = stream.peer_cred().ok().and_then(|asker| asker.pid()).and_then(|pid| u32::try_from(pid).ok());
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader.take(MOST as u64));
    let mut line = String::new();
    let Ok(Ok(_)) = timeout(ARRIVAL, reader.read_line(&mut line)).await else { return };
    let answer = match serde_json::from_str(&line) {
        Ok(Request::Attach(pod)) => {
            let mut gone = String::new();
            tokio::select! {
                answer = desk.attach(asker, pod) => answer,
                // The runtime has given up, and nobody waits for an answer.
                _ = reader.read_line(&mut gone) => return,
            }
        }
        Ok(Request::Forget { container, interface }) => {
            desk.node().forget(&container, &interface);
            Answer::Done
        }
        Ok(Request::Status) => Answer::Done,
        Err(error) => Answer::Refused {
            later: true,
            reason: format!("the enforcer of this node does not understand bookend-cni: {error}"),
            cure: "they are of different versions, as during an upgrade; the pod starts once the node has one version of both"
                .to_owned(),
        },
    };
    let Ok(mut text) = serde_json::to_string(&answer) else { return };
    text.push('\n');
    // It may be gone.
    let _ = writer.write_all(text.as_bytes()).await;
}

impl Desk {
    fn node(&self) -> MutexGuard<'_, Node> {
        // Every writer leaves it whole.
        self.node.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn attach(&self, asker: Option<u32>, pod: Pod) -> Answer {
        let name = format!("{}/{}", pod.namespace, pod.pod);
        let Some(process) = asker.filter(|asker| *asker != 0) else {
            return Answer::Refused {
                later: true,
                reason: format!(
                    "the enforcer cannot see who asks for the pod `{name}`, and so not its network namespace"
                ),
                cure: "run the enforcer in the host's process namespace (hostPID: true)".to_owned(),
            };
        };
        let addresses = pod.addresses.iter().copied().map(from_ip).collect();
        let told = Told {
            uid: pod.uid,
            namespace: pod.namespace.clone(),
            pod: pod.pod,
            container: pod.container,
            inside: pod.interface.clone(),
            addresses: pod.addresses,
        };
        let told = self.node().told(process, told);
        let (ifindex, interface) = match told {
            Ok(found) => found,
            Err(refusal) => return refused(&name, &pod.interface, &refusal),
        };
        self.prompt.notify_one();
        let question =
            Question { ifindex, interface: interface.clone(), namespace: pod.namespace, addresses };
        let mut standing = self.door.ask(question);
        let limit = Duration::from_secs(pod.timeout_seconds);
        let policed = timeout(limit, standing.wait_for(|standing| *standing == Standing::Policed)).await;
        if policed.is_ok_and(|answered| answered.is_ok()) {
            return Answer::Done;
        }
        let reason = match &*standing.borrow() {
            Standing::Waiting(reason) => reason.clone(),
            Standing::Policed => return Answer::Done,
        };
        Answer::Refused {
            later: true,
            reason: format!(
                "the pod `{name}` was not policed at `{interface}` within {} seconds: {reason}",
                pod.timeout_seconds
            ),
            cure: "see `bookend status` and the log of the pod `bookend-enforcer` of this node; the pod is tried again, and starts \
                   once it is policed"
                .to_owned(),
        }
    }
}

fn refused(pod: &str, interface: &str, refusal: &Refusal) -> Answer {
    Answer::Refused {
        later: matches!(refusal, Refusal::Unknown(_)),
        reason: format!("the pod `{pod}` cannot be policed at its interface `{interface}`: {refusal}"),
        cure: match refusal {
            Refusal::Unknown(_) => {
                "the pod is tried again; see the log of the pod `bookend-enforcer` of this node"
            }
            Refusal::HostNetwork | Refusal::NoSuchInterface => {
                "let bookend-cni come after the plugin that makes the interface, in the same list"
            }
            Refusal::Obstacle(_) => {
                "see \"On a node\" in Bookend's docs/kubernetes.md for what can be policed"
            }
        }
        .to_owned(),
    }
}
