//! A named network namespace, and doing something inside it.
//!
//! Work is done on a thread of its own that enters the namespace and then ends: sockets opened there stay in
//! the namespace, and no other thread of the program ever leaves home.

use std::fs::{self, File};
use std::os::fd::{AsFd, BorrowedFd};
use std::process::{Command, Stdio};
use std::thread;

use nix::sched::{CloneFlags, setns};

use crate::error::{Doing, Error, Result};
use crate::shell;

/// Where `ip netns` keeps the names.
pub const NAMES: &str = "/run/netns";

/// An open network namespace. Dropping it closes the handle; [`remove`] takes the name away.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    handle: File,
}

impl Namespace {
    /// Opens a namespace that has a name already.
    pub fn open(name: &str) -> Result<Self> {
        let handle =
            File::open(format!("{NAMES}/{name}")).doing(format!("open network namespace `{name}`"))?;
        Ok(Self { name: name.to_owned(), handle })
    }

    /// Its name, as `ip netns` lists it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The handle, to be passed to `setns`.
    pub fn handle(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }

    /// Does `task` inside the namespace, as root.
    pub fn run<T: Send>(&self, task: impl FnOnce() -> T + Send) -> Result<T> {
        self.run_as(0, task)
    }

    /// Does `task` inside the namespace; sockets it opens belong to user `uid`, which is what the redirection
    /// rules look at. Capabilities that concern the network are kept.
    pub fn run_as<T: Send>(&self, uid: u32, task: impl FnOnce() -> T + Send) -> Result<T> {
        let inside = || {
            setns(&self.handle, CloneFlags::CLONE_NEWNET)
                .doing(format!("enter network namespace `{}`", self.name))?;
            nix::unistd::setfsuid(uid.into());
            Ok(task())
        };
        thread::scope(|scope| {
            scope.spawn(inside).join().map_err(|_| {
                Error::new(format!("the work done in network namespace `{}` did not finish", self.name))
            })?
        })
    }

    /// Sets kernel parameters of this namespace; keys are paths below `/proc/sys/net`.
    pub fn set(&self, parameters: &[(&str, &str)]) -> Result<()> {
        self.run(|| {
            parameters.iter().try_for_each(|(key, value)| {
                fs::write(format!("/proc/sys/net/{key}"), value)
                    .doing(format!("set `net/{key}` to `{value}`"))
            })
        })?
    }

    /// Runs a command inside the namespace to its end and returns what it printed.
    pub fn command(&self, program: &str, arguments: &[&str], input: &str) -> Result<String> {
        self.run(|| {
            let mut command = Command::new(program);
            command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
            shell::finish(command, input)
        })?
    }

    /// Runs `ip` commands inside the namespace, one per line.
    pub fn ip(&self, lines: &str) -> Result<()> {
        shell::run("ip", &["-n", &self.name, "-batch", "-"], lines).map(drop)
    }
}

/// Names new namespaces; each has only an unconfigured loopback interface.
pub fn add(names: &[String]) -> Result<()> {
    let lines: String = names.iter().map(|name| format!("netns add {name}\n")).collect();
    shell::run("ip", &["-batch", "-"], &lines).map(drop)
}

/// Takes the names away; a namespace ends when nothing lives in it any more. Goes on after a failure.
pub fn remove(names: &[String]) -> Result<()> {
    let lines: String = names.iter().map(|name| format!("netns del {name}\n")).collect();
    shell::run("ip", &["-force", "-batch", "-"], &lines).map(drop)
}

/// The names in use.
pub fn names() -> Vec<String> {
    let entries = fs::read_dir(NAMES).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
