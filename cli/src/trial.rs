//! The kernel's own programs, asked about packets that are never sent.
//!
//! They are run by `bookend-enforcer trial`, a child process, because only the enforcer speaks to the kernel. Question
//! and answer are JSON on its standard input and output. It pins nothing and leaves nothing behind, however it ends.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, anyhow, bail};
use bookend_engine::{Configuration, End, Service};
use serde::{Deserialize, Serialize};

/// The program that asks the kernel, as `scripts/build` makes it.
const PROGRAM: &str = "bookend-enforcer";

/// A packet at an interface.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Packet {
    interface: String,
    direction: &'static str,
    frame: String,
}

impl Packet {
    /// A frame at the interface of the workload at `end`.
    pub(crate) fn new(interface: u32, end: End, frame: &[u8]) -> Self {
        let direction = match end {
            End::Source => "from-workload",
            End::Destination => "to-workload",
        };
        let mut digits = String::with_capacity(frame.len() * 2);
        for byte in frame {
            let _ = write!(digits, "{byte:02x}");
        }
        Self { interface: interface.to_string(), direction, frame: digits }
    }
}

#[derive(Serialize)]
struct Question<'q> {
    configuration: &'q Configuration,
    /// No part of a configuration: filters see who was chosen behind them.
    services: &'q [Service],
    packets: &'q [Packet],
}

/// What the kernel does with a packet.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer {
    pub(crate) allowed: bool,
    /// Why, in one word.
    pub(crate) reason: String,
    /// The rule, isolation or default that decided, if one did.
    pub(crate) rule: Option<String>,
}

/// Asks the kernel what it does with each packet, on the host that the configuration's inventory describes.
///
/// # Errors
/// When the program is missing, and when it cannot ask the kernel, which needs root.
pub(crate) fn ask(
    named: Option<&Path>,
    configuration: &Configuration,
    services: &[Service],
    packets: &[Packet],
) -> anyhow::Result<Vec<Answer>> {
    let program = match named {
        Some(path) => path.to_owned(),
        None => find()?,
    };
    let shown = program.display();
    let mut child = Command::new(&program)
        .arg("trial")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run `{shown}`"))?;
    let question = serde_json::to_vec(&Question { configuration, services, packets })?;
    // It reads all before it writes anything. One that refuses at once need not read.
    let written = child.stdin.take().map(|mut input| input.write_all(&question));
    let output = child.wait_with_output().with_context(|| format!("cannot wait for `{shown}`"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim().trim_start_matches("bookend-enforcer: ");
        bail!("{}", if said.is_empty() { "it ended without a reason" } else { said });
    }
    if let Some(Err(error)) = written {
        return Err(error).with_context(|| format!("cannot ask `{shown}`"));
    }
    let answers: Vec<Answer> = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("`{shown}` answers in a form that this version does not know"))?;
    if answers.len() != packets.len() {
        bail!("`{shown}` answers {} questions of {}", answers.len(), packets.len());
    }
    Ok(answers)
}

/// The directory `BOOKEND_DIST`, else that of this command.
fn find() -> anyhow::Result<PathBuf> {
    let given = std::env::var_os("BOOKEND_DIST").filter(|value| !value.is_empty()).map(PathBuf::from);
    let beside = std::env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned));
    let mut places = given.into_iter().chain(beside).map(|directory| directory.join(PROGRAM));
    places.find(|path| path.is_file()).ok_or_else(|| anyhow!("there is no `{PROGRAM}` beside this command"))
}
