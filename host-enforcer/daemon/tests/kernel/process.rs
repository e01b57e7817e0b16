//! A real enforcer on a host of namespaces: started, asked, killed.

use crate::namespace::Namespace;
use crate::traffic::until;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Lines of what it said that are shown when a test fails.
const TOLD: usize = 40;

/// A host with a directory for the enforcer's files, and the enforcer if it runs. What is pinned is gone when this is
/// dropped.
pub(crate) struct Enforcer {
    pub(crate) host: Namespace,
    id: String,
    directory: PathBuf,
    pins: PathBuf,
    object: PathBuf,
    child: Option<Child>,
}

impl Enforcer {
    /// A host without an enforcer; `None` where the kernel programs cannot be tested.
    pub(crate) fn new() -> Option<Self> {
        static HOSTS: AtomicU32 = AtomicU32::new(0);
        let object = crate::artifact::object()?;
        let id = format!("bkd-k-{}-{}", std::process::id(), HOSTS.fetch_add(1, Ordering::Relaxed));
        let directory = std::env::temp_dir().join(&id);
        std::fs::create_dir_all(&directory).unwrap();
        Some(Self {
            host: Namespace::new(format!("{id}-host")),
            pins: Path::new("/sys/fs/bpf").join(&id),
            id,
            directory,
            object,
            child: None,
        })
    }

    /// Another namespace beside the host's.
    pub(crate) fn namespace(&self, name: &str) -> Namespace {
        Namespace::new(format!("{}-{name}", self.id))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Writes a file as an editor does: beside it, then renamed over it.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let draft = self.path("draft");
        std::fs::write(&draft, text).unwrap();
        std::fs::rename(draft, self.path(name)).unwrap();
    }

    /// Everything in the journal so far.
    pub(crate) fn journal(&self) -> String {
        std::fs::read_to_string(self.path("events.json")).unwrap_or_default()
    }

    /// Everything the enforcer has said.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(self.path("stderr")).unwrap_or_default()
    }

    fn command(&self, action: &str) -> Command {
        self.command_under(&[], action)
    }

    fn command_under(&self, words: &[&str], action: &str) -> Command {
        let program = env!("CARGO_BIN_EXE_bookend-enforcer");
        let mut command = match words {
            [] => self.host.command(program),
            [first, rest @ ..] => {
                let mut command = self.host.command(first);
                command.args(rest).arg(program);
                command
            }
        };
        command.arg(action).arg("--pin-dir").arg(&self.pins).arg("--state-dir").arg(&self.directory);
        command
    }

    /// Starts an enforcer without waiting.
    pub(crate) fn launch(&mut self) {
        self.launch_under(&[]);
    }

    /// The same, by a program that runs another.
    pub(crate) fn launch_under(&mut self, words: &[&str]) {
        self.launch_so(words, &[]);
    }

    /// The same, with further options.
    pub(crate) fn launch_so(&mut self, words: &[&str], options: &[&str]) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.path("stderr")).unwrap();
        let _ = std::fs::remove_file(self.path("ready"));
        let mut command = self.command_under(words, "run");
        command
            .arg("--policy")
            .arg(self.path("policy.yaml"))
            .arg("--inventory")
            .arg(self.path("inventory.yaml"));
        command.arg("--object").arg(&self.object).arg("--events").arg(self.path("events.json"));
        command.arg("--ready-file").arg(self.path("ready")).stderr(Stdio::from(log)).args(options);
        self.child = Some(command.spawn().unwrap());
    }

    /// Starts an enforcer that cannot work; its exit code and what it says.
    pub(crate) fn attempt(&self, options: &[&str], object: &str) -> (Option<i32>, String) {
        let mut command = self.host.command(env!("CARGO_BIN_EXE_bookend-enforcer"));
        command.arg("run").arg("--policy").arg(self.path("policy.yaml"));
        command.arg("--inventory").arg(self.path("inventory.yaml")).args(["--object", object]);
        command.arg("--ready-file").arg(self.path("ready"));
        if options.is_empty() {
            command.arg("--pin-dir").arg(&self.pins);
        }
        let output = command.args(options).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Starts an enforcer and waits until it enforces.
    pub(crate) fn enforce(&mut self) {
        self.enforce_so(&[], &[]);
    }

    /// The same, by a program that runs another, with further options.
    pub(crate) fn enforce_so(&mut self, words: &[&str], options: &[&str]) {
        self.launch_so(words, options);
        until("the enforcer is ready", || {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "the enforcer ended: {}", self.said());
            self.path("ready").exists()
        });
    }

    /// Waits for the enforcer to end by itself; its exit code.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        self.child.take().unwrap().wait().unwrap().code()
    }

    /// Takes the running enforcer aside, to start another.
    pub(crate) fn hold(&mut self) -> Child {
        self.child.take().unwrap()
    }

    pub(crate) fn give_back(&mut self, enforcer: Child) {
        self.child = Some(enforcer);
    }

    /// What the kernel says the enforcer is doing, for the message of a test that waits in vain.
    pub(crate) fn doing(&self) -> String {
        let Some(child) = &self.child else { return "it is gone".to_owned() };
        let of = |name: &str| std::fs::read(format!("/proc/{}/{name}", child.id())).unwrap_or_default();
        let text = |name: &str| String::from_utf8_lossy(&of(name)).replace('\0', " ");
        ["status", "wchan", "stack", "environ"].map(|name| format!("--- {name}:\n{}", text(name))).join("\n")
    }

    /// The process of the running enforcer.
    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Sends the enforcer a signal; whether that could be done.
    pub(crate) fn signal(&self, name: &str) -> bool {
        let id = self.id().to_string();
        Command::new("kill").args(["-s", name, &id]).status().unwrap().success()
    }

    /// Kills the enforcer so that it cannot clean up.
    pub(crate) fn kill(&mut self) {
        let mut enforcer = self.child.take().unwrap();
        enforcer.kill().unwrap();
        enforcer.wait().unwrap();
    }

    /// `bookend-enforcer status`.
    pub(crate) fn status(&self, format: &str) -> String {
        let output = self.command("status").args(["-o", format]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// `bookend-enforcer` with other words: its exit code, and what it prints and says.
    pub(crate) fn ask(&self, action: &str, options: &[&str]) -> (Option<i32>, String, String) {
        let output = self.command(action).args(options).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    /// The same, while it goes on.
    pub(crate) fn begin(&self, action: &str, options: &[&str]) -> Child {
        self.command(action).args(options).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// `bookend-enforcer detach`.
    pub(crate) fn detach(&self) {
        let output = self.command("detach").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Whether anything is pinned.
    pub(crate) fn is_pinned(&self) -> bool {
        self.pins.exists()
    }

    /// The file system path of a pin.
    pub(crate) fn pin(&self, name: &str) -> PathBuf {
        self.pins.join(name)
    }
}

impl Drop for Enforcer {
    fn drop(&mut self) {
        if let Some(mut enforcer) = self.child.take() {
            let _ = enforcer.kill();
            let _ = enforcer.wait();
        }
        if std::thread::panicking() {
            let last = |text: String| {
                let lines: Vec<&str> = text.lines().collect();
                lines[lines.len().saturating_sub(TOLD)..].join("\n")
            };
            eprintln!(
                "--- the enforcer said:\n{}\n--- the journal:\n{}",
                last(self.said()),
                last(self.journal())
            );
        }
        let _ = self.command("detach").output();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
