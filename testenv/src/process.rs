//! A child process inside a network namespace that cannot outlive us.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns};
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Gid, Pid, Uid, getppid, setgid, setgroups, setuid};

use crate::error::{Doing, Error, Result};
use crate::namespace::Namespace;

/// What to start.
#[derive(Debug)]
pub struct Launch {
    /// How messages call it.
    pub name: String,
    /// The executable.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Its user and group.
    pub uid: u32,
    /// Where its output goes.
    pub log: PathBuf,
}

/// A running child. It is killed when this is dropped, and by the kernel should we die first.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `launch` inside `namespace`.
    pub fn start(namespace: &Namespace, launch: Launch) -> Result<Self> {
        let Launch { name, program, arguments, uid, log } = launch;
        // Opened here, as root: the executable may lie in a directory its future user may not enter.
        let executable = File::open(&program).doing(format!("open `{}`", program.display()))?;
        let handle = namespace.handle().try_clone_to_owned().doing("duplicate a namespace handle")?;
        let output = File::create(&log).doing(format!("create `{}`", log.display()))?;
        let errors = output.try_clone().doing("duplicate a log handle")?;
        let child = on_the_spawning_thread(move || {
            let mut command = Command::new(format!("/proc/self/fd/{}", executable.as_raw_fd()));
            command.arg0(&program).args(arguments).current_dir("/");
            // A group of its own: ctrl-C is for us, and we end our children in order.
            command.stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
            let parent = Pid::this();
            let prepare = move || -> io::Result<()> {
                setns(&handle, CloneFlags::CLONE_NEWNET)?;
                if uid != 0 {
                    setgroups(&[])?;
                    setgid(Gid::from_raw(uid))?;
                    setuid(Uid::from_raw(uid))?;
                }
                // After the change of user, which clears it.
                prctl::set_pdeathsig(Signal::SIGKILL)?;
                if getppid() != parent {
                    return Err(io::ErrorKind::NotConnected.into());
                }
                Ok(())
            };
            // SAFETY: between fork and exec `prepare` only makes system calls; it allocates nothing and takes
            // no lock.
            unsafe { command.pre_exec(prepare) };
            let child = command.spawn();
            drop(executable);
            child
        })?
        .doing(format!("start {name}"))?;
        Ok(Self { name, child, log })
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What messages call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where its output goes.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.child.id()).doing("represent a process id")?;
        kill(Pid::from_raw(pid), signal).doing(format!("signal {}", self.name))
    }

    /// Fails if the process has ended, with the end of its log.
    pub fn alive(&mut self) -> Result<()> {
        match self.child.try_wait().doing(format!("look at {}", self.name))? {
            None => Ok(()),
            Some(status) => {
                Err(Error::new(format!("{} ended ({status}); it said: {}", self.name, self.last_words())))
            }
        }
    }

    /// The last lines of its log.
    pub fn last_words(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let mut lines: Vec<&str> = text.lines().rev().take(12).collect();
        lines.reverse();
        lines.join("\n")
    }

    /// Waits until `ready` says yes; watches that the process stays alive.
    pub fn await_ready(&mut self, limit: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
        let end = Instant::now() + limit;
        loop {
            self.alive()?;
            if ready() {
                return Ok(());
            }
            if Instant::now() >= end {
                let words = self.last_words();
                return Err(Error::new(format!("{} was not ready after {limit:?}: {words}", self.name)));
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// If it still runs after `limit`.
    pub fn await_end(&mut self, limit: Duration) -> Result<ExitStatus> {
        let end = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait().doing(format!("look at {}", self.name))? {
                return Ok(status);
            }
            if Instant::now() >= end {
                return Err(Error::new(format!("{} still ran after {limit:?}", self.name)));
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if the process is gone already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

type Errand = Box<dyn FnOnce() + Send>;

/// Starts children from one thread that lives as long as we do: the kernel's parent-death signal is tied to
/// the thread that forked, not to the process.
fn on_the_spawning_thread<T: Send + 'static>(errand: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    static ERRANDS: OnceLock<Mutex<mpsc::Sender<Errand>>> = OnceLock::new();
    let errands = ERRANDS.get_or_init(|| {
        let (sender, receiver) = mpsc::channel::<Errand>();
        thread::spawn(move || receiver.into_iter().for_each(|errand| errand()));
        Mutex::new(sender)
    });
    let (answer, result) = mpsc::channel();
    let task: Errand = Box::new(move || drop(answer.send(errand())));
    errands
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .send(task)
        .doing("reach the thread that starts processes")?;
    result.recv().doing("hear from the thread that starts processes")
}
