//! Everything that speaks `nft`: the guard behind the programs, which drops what was not judged.
//!
//! A packet that jumped over tcx lacks the mark [`JUDGED`]. Three tables of one name, in the network namespace of the
//! daemon, look for it before all others do: `inet` for what is routed or delivered here, `bridge` for interfaces that
//! are ports of a bridge, `arp` for ARP. They are changed in one transaction, and stay when the daemon ends.
//!
//! To attach programs to an interface takes the kernel some hundredths of a second, and so to a thousand of them far too
//! long. Those that wait for their turn are held: the guard drops whatever goes in or out there. One transaction does that
//! to any number of them.

mod upkeep;

pub use upkeep::{Disturbance, Upkeep};

use bookend_abi::guard::JUDGED;
use bookend_abi::table::capacity;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Before connection tracking, defragmentation (-400) and raw (-300).
const PRIORITY: i32 = -500;
/// Family and chains. A bridge takes frames to reserved addresses past its prerouting hook, to its input hook.
const HOOKS: [(&str, &[&str]); 3] =
    [("inet", &["prerouting"]), ("bridge", &["prerouting", "input"]), ("arp", &["input"])];
/// Where held interfaces are closed: by family, the hooks that see what comes in, and those that see what goes out.
const HOLDS: [(&str, &[&str], &[&str]); 3] = [
    ("inet", &["prerouting"], &["postrouting"]),
    ("bridge", &["prerouting", "input"], &["postrouting"]),
    ("arp", &["input"], &["output"]),
];

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

/// The guard of one enforcer, whether it is there or not.
pub struct Guard {
    table: String,
}

/// What the guard is to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cover {
    /// Interfaces, by index, where the mark is demanded of everything that comes in.
    pub policed: BTreeSet<u32>,
    /// Interfaces, by index, where everything is dropped, both ways.
    pub held: BTreeSet<u32>,
}

impl Guard {
    /// The guard that belongs to the pins in `pins`.
    pub fn new(pins: &Path) -> Self {
        // FNV-1a, because the name must be the same in every build.
        let hash =
            pins.as_os_str().as_encoded_bytes().iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
            });
        Self { table: format!("bookend_{hash:016x}") }
    }

    /// Whether this machine can have a guard; changes nothing.
    ///
    /// # Errors
    /// If `nft` is missing or the kernel lacks something.
    pub fn check(&self) -> Result<(), GuardError> {
        let one = BTreeSet::from([1]);
        nft(&["--check"], &self.covering(&Cover { policed: one.clone(), held: one }))
    }

    /// Makes the guard do what `cover` says and nothing else, in one transaction.
    ///
    /// # Errors
    /// If that fails; the guard is then as it was.
    fn put_up(&self, cover: &Cover) -> Result<(), GuardError> {
        if cover.policed.is_empty() && cover.held.is_empty() {
            return self.remove();
        }
        nft(&[], &self.covering(cover)).or_else(|error| {
            // Somebody may have changed it into what cannot be changed back.
            nft(&[], &format!("{}{}", self.removing(), self.covering(cover))).map_err(|_| error)
        })
    }

    /// Whether it is there, all of it; `None` if that cannot be found out.
    pub fn stands(&self) -> Option<bool> {
        let output = Command::new("nft").args(["list", "tables"]).stderr(Stdio::null()).output().ok()?;
        let tables = output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())?;
        let there =
            |family: &str| tables.lines().any(|line| line == format!("table {family} {}", self.table));
        Some(HOOKS.iter().all(|(family, _)| there(family)))
    }

    /// Removes it, if it is there.
    ///
    /// # Errors
    /// If that fails.
    pub fn remove(&self) -> Result<(), GuardError> {
        nft(&[], &self.removing())
    }

    fn removing(&self) -> String {
        let table = &self.table;
        // Added first, because deleting what is not there is an error.
        let script =
            HOOKS.map(|(family, _)| format!("add table {family} {table}\ndelete table {family} {table}\n"));
        script.concat()
    }

    /// The whole guard. The counters go on counting.
    fn covering(&self, cover: &Cover) -> String {
        let table = &self.table;
        let mut script = String::new();
        for (family, hooks) in HOOKS {
            script += &format!(
                "add table {family} {table}\nadd counter {family} {table} unjudged\n\
                 add counter {family} {table} held\n"
            );
            script += &self.set(family, "policed", &cover.policed);
            script += &self.set(family, "waiting", &cover.held);
            for hook in hooks {
                let reserved = (family, *hook) == ("bridge", "input");
                // All other frames have passed prerouting, and the mark is off them.
                let which =
                    if reserved { "ether daddr & ff:ff:ff:ff:ff:f0 == 01:80:c2:00:00:00 " } else { "" };
                script += &format!(
                    "add chain {family} {table} {hook} {{ type filter hook {hook} priority {PRIORITY}; policy accept; }}\n\
                     flush chain {family} {table} {hook}\n\
                     add rule {family} {table} {hook} meta mark & {JUDGED:#x} == 0 {which}iif @policed \
                     counter name unjudged drop\n"
                );
                if !reserved {
                    script += &format!(
                        "add rule {family} {table} {hook} meta mark & {JUDGED:#x} != 0 iif @policed \
                         meta mark set meta mark & {:#x}\n",
                        !JUDGED
                    );
                }
            }
        }
        for (family, inward, outward) in HOLDS {
            let ways =
                inward.iter().map(|hook| ("iif", hook)).chain(outward.iter().map(|hook| ("oif", hook)));
            for (end, hook) in ways {
                let chain = format!("{family} {table} hold_{hook}");
                script += &format!(
                    "add chain {chain} {{ type filter hook {hook} priority {PRIORITY}; policy accept; }}\n\
                     flush chain {chain}\n"
                );
                // Without anything to hold there is no chain: every packet of the host would pass it.
                script += &if cover.held.is_empty() {
                    format!("delete chain {chain}\n")
                } else {
                    format!("add rule {chain} {end} @waiting counter name held drop\n")
                };
            }
        }
        script
    }

    /// A set of interfaces with these elements and no others.
    fn set(&self, family: &str, name: &str, elements: &BTreeSet<u32>) -> String {
        let set = format!("{family} {} {name}", self.table);
        // With a size the kernel takes its fastest form of a set. The mark is looked at before it, for that is cheaper.
        let most = capacity::SLOTS;
        let mut script = format!("add set {set} {{ type iface_index; size {most}; }}\nflush set {set}\n");
        if !elements.is_empty() {
            let indices = elements.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
            script += &format!("add element {set} {{ {indices} }}\n");
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
