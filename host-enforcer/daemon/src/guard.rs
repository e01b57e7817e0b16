//! Everything that speaks `nft`: the guard behind the programs, which drops what was not judged.
//!
//! A packet that jumped over tcx lacks the mark [`JUDGED`]. Three tables of one name, in the network namespace of the
//! daemon, look for it before all others do: `inet` for what is routed or delivered here, `bridge` for interfaces that
//! are ports of a bridge, `arp` for ARP. They are changed in one transaction, and stay when the daemon ends.

use bookend_abi::guard::JUDGED;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Before connection tracking, defragmentation (-400) and raw (-300).
const PRIORITY: i32 = -500;
/// Family and chains. A bridge takes frames to reserved addresses past its prerouting hook, to its input hook.
const HOOKS: [(&str, &[&str]); 3] =
    [("inet", &["prerouting"]), ("bridge", &["prerouting", "input"]), ("arp", &["input"])];

/// Why the guard is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// There is no `nft`.
    #[error(
        "cannot run `nft`, which sets up the guard behind the programs: {0}; install the package `nftables`"
    )]
    Missing(std::io::Error),
    /// `nft` or the kernel refused.
    #[error(
        "`nft` does not take the guard behind the programs: {0}; it needs root, and a kernel with nf_tables for the \
         families inet, bridge and arp"
    )]
    Refused(String),
}

/// The guard of one enforcer.
pub struct Guard {
    table: String,
    /// The interfaces it was last told to cover; `None` if that is not known.
    covered: Option<BTreeSet<u32>>,
}

impl Guard {
    /// The guard that belongs to the pins in `pins`, whether it is there or not.
    pub fn new(pins: &Path) -> Self {
        // FNV-1a, because the name must be the same in every build.
        let hash =
            pins.as_os_str().as_encoded_bytes().iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
            });
        Self { table: format!("bookend_{hash:016x}"), covered: None }
    }

    /// Whether this machine can have a guard; changes nothing.
    ///
    /// # Errors
    /// If `nft` is missing or the kernel lacks something.
    pub fn check(&self) -> Result<(), GuardError> {
        nft(&["--check"], &self.covering(&BTreeSet::from([1])))
    }

    /// Demands the mark of everything that comes in at `interfaces`, by index, and of nothing else. Does nothing if it
    /// does so already.
    ///
    /// # Errors
    /// If that fails; the guard is then as it was.
    pub fn cover(&mut self, interfaces: &BTreeSet<u32>) -> Result<(), GuardError> {
        if self.covered.as_ref() == Some(interfaces) {
            return Ok(());
        }
        if interfaces.is_empty() {
            self.remove()?;
        } else {
            nft(&[], &self.covering(interfaces))?;
        }
        self.covered = Some(interfaces.clone());
        Ok(())
    }

    /// Removes it, if it is there.
    ///
    /// # Errors
    /// If that fails.
    pub fn remove(&self) -> Result<(), GuardError> {
        let table = &self.table;
        // Added first, because deleting what is not there is an error.
        let script =
            HOOKS.map(|(family, _)| format!("add table {family} {table}\ndelete table {family} {table}\n"));
        nft(&[], &script.concat())
    }

    /// The whole guard, for `interfaces`, of which there is one at least. The counter goes on counting.
    fn covering(&self, interfaces: &BTreeSet<u32>) -> String {
        let table = &self.table;
        let indices = interfaces.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
        let mut script = String::new();
        for (family, hooks) in HOOKS {
            script += &format!(
                "add table {family} {table}\nadd counter {family} {table} unjudged\n\
                 add set {family} {table} policed {{ type iface_index; }}\nflush set {family} {table} policed\n\
                 add element {family} {table} policed {{ {indices} }}\n"
            );
            for hook in hooks {
                let reserved = (family, *hook) == ("bridge", "input");
                // All other frames have passed prerouting, and the mark is off them.
                let which =
                    if reserved { "ether daddr & ff:ff:ff:ff:ff:f0 == 01:80:c2:00:00:00 " } else { "" };
                script += &format!(
                    "add chain {family} {table} {hook} {{ type filter hook {hook} priority {PRIORITY}; policy accept; }}\n\
                     flush chain {family} {table} {hook}\n\
                     add rule {family} {table} {hook} iif @policed {which}meta mark & {JUDGED:#x} == 0 \
                     counter name unjudged drop\n"
                );
                if !reserved {
                    script += &format!(
                        "add rule {family} {table} {hook} iif @policed meta mark set meta mark & {:#x}\n",
                        !JUDGED
                    );
                }
            }
        }
        script
    }
}

/// Runs a script as one transaction.
fn nft(options: &[&str], script: &str) -> Result<(), GuardError> {
    let mut command = Command::new("nft");
    command
        .args(options)
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(GuardError::Missing)?;
    // If it ended without reading, it says why below. Dropped, which is the end of the script.
    let written = child.stdin.take().map(|mut input| input.write_all(script.as_bytes()));
    let output = child.wait_with_output().map_err(GuardError::Missing)?;
    if output.status.success() && matches!(written, Some(Ok(()))) {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(GuardError::Refused(said.lines().next().unwrap_or("it did not say why").to_owned()))
}
