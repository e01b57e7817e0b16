//! Asking the enforcer of this node.

use crate::call::Call;
use crate::configuration::Configuration;
use crate::failure::{Code, Failure};
use crate::wire::{Answer, MOST, Pod, Request};
use rustix::fs::{Mode, OFlags};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How much longer than it was told to the enforcer may take to answer.
const GRACE: Duration = Duration::from_secs(2);
/// How long the end of a container waits for the enforcer to hear of it.
const SHORT: Duration = Duration::from_secs(1);
/// What the enforcer answers about an interface that it can never police.
const UNPOLICEABLE: u32 = 101;

/// Waits until the container's interface is policed.
pub(crate) fn attach(configuration: &Configuration, call: &Call) -> Result<(), Failure> {
    let addresses = configuration.addresses(&call.interface)?;
    let timeout = configuration.timeout();
    // The socket's path is of the file system, which stays the host's.
    enter(&call.netns)?;
    let request = Request::Attach(Pod {
        container: call.container.clone(),
        interface: call.interface.clone(),
        namespace: call.namespace.clone(),
        pod: call.pod.clone(),
        uid: call.uid.clone(),
        addresses,
        timeout_seconds: timeout.as_secs(),
    });
    match ask(configuration.socket(), &request, timeout + GRACE)? {
        Answer::Done => Ok(()),
        Answer::Refused { later, reason, cure } => {
            let code = if later { Code::Later } else { Code::Other(UNPOLICEABLE) };
            Err(Failure::new(code, reason, cure))
        }
    }
}

/// Whether pods can be attached.
pub(crate) fn status(socket: &Path) -> Result<(), Failure> {
    match ask(socket, &Request::Status, SHORT)? {
        Answer::Done => Ok(()),
        Answer::Refused { reason, cure, .. } => Err(Failure::new(Code::Unavailable, reason, cure)),
    }
}

/// Tells the enforcer that a container is gone. It notices by itself if it does not hear.
pub(crate) fn forget(socket: &Path, call: &Call) {
    let request = Request::Forget { container: call.container.clone(), interface: call.interface.clone() };
    // Nothing follows from it.
    let _ = ask(socket, &request, SHORT);
}

/// Stands in the network namespace at `path` from now on.
fn enter(path: &str) -> Result<(), Failure> {
    let opened = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    let entered = opened
        .and_then(|namespace| move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)));
    entered.map_err(|error| {
        Failure::new(
            Code::Environment,
            format!("the container's network namespace `{path}` cannot be entered: {error}"),
            "the runtime must call bookend-cni as root, with the namespace in `CNI_NETNS` still there",
        )
    })
}

fn ask(socket: &Path, request: &Request, timeout: Duration) -> Result<Answer, Failure> {
    let mut stream = reach(socket, timeout)?;
    let silent = |error: &dyn std::fmt::Display| {
        Failure::new(
            Code::Later,
            format!(
                "the enforcer of this node does not answer ({error}), so it is not known whether the pod is policed"
            ),
            "look at the log of the pod `bookend-enforcer` of this node: it is stopped or overloaded; the pod starts once it \
             answers",
        )
    };
    let mut line = serde_json::to_string(request).map_err(|error| silent(&error))?;
    line.push('\n');
    stream.write_all(line.as_bytes()).map_err(|error| silent(&error))?;
    let mut answer = String::new();
    let most = u64::try_from(MOST).unwrap_or(u64::MAX);
    BufReader::new(stream.take(most)).read_line(&mut answer).map_err(|error| silent(&error))?;
    if answer.is_empty() {
        return Err(silent(&"it ended"));
    }
    serde_json::from_str(&answer).map_err(|error| {
        Failure::new(
            Code::Later,
            format!("the enforcer of this node answers what bookend-cni does not understand: {error}"),
            "they are of different versions, as during an upgrade; the pod starts once the node has one version of both",
        )
    })
}

/// A connection to the enforcer, on which nothing takes longer than `timeout`.
fn reach(socket: &Path, timeout: Duration) -> Result<UnixStream, Failure> {
    let connected = || -> rustix::io::Result<UnixStream> {
        let handle = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        set_socket_timeout(&handle, Timeout::Send, Some(timeout))?;
        set_socket_timeout(&handle, Timeout::Recv, Some(timeout))?;
        connect(&handle, &SocketAddrUnix::new(socket)?)?;
        Ok(UnixStream::from(handle))
    };
    connected().map_err(|error| {
        Failure::new(
            Code::Later,
            format!(
                "no enforcer listens at `{}` ({error}), so the pod would start without being policed",
                socket.display()
            ),
            "start the pod `bookend-enforcer` of this node (`kubectl -n bookend-system get pods -o wide`); to do without \
             Bookend on this node, run `bookend-enforcer leave` on it",
        )
    })
}
