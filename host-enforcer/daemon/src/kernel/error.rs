//! What goes wrong between the daemon and the kernel, for whoever runs the daemon.

use std::path::PathBuf;

/// An error of the kernel or of what is pinned there.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// The object file cannot be read.
    #[error(
        "cannot read the BPF object `{}`: {source}; build it with `scripts/build bpf`, or name it with --object",
        path.display()
    )]
    NoObject {
        /// Where it was looked for.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The kernel or the loader refused the object.
    #[error(
        "the kernel does not take the BPF object `{}`: {}; it needs Linux 6.6 or newer and root, and an object of the \
         same build as this program",
        path.display(), causes(source.as_ref())
    )]
    Load {
        /// The object.
        path: PathBuf,
        /// What aya said. Boxed: it is large.
        source: Box<aya::EbpfError>,
    },
    /// The object lacks something.
    #[error("the BPF object has no {what}; build both again with `scripts/build`")]
    Object {
        /// What is missing.
        what: &'static str,
    },
    /// Only tables of another version are pinned.
    #[error(
        "the tables pinned in `{}` are of version {found} and this enforcer speaks version {expected}; they keep enforcing as \
         they are, and `bookend-enforcer run` of this version takes over from them", pins.display()
    )]
    Version {
        /// The version found.
        found: u32,
        /// The version of this program.
        expected: u32,
        /// Where.
        pins: PathBuf,
    },
    /// A pin cannot be made, listed or removed.
    #[error(
        "cannot use `{}` for pins: {source}; it must be on a BPF file system: `mount -t bpf bpf /sys/fs/bpf`",
        path.display()
    )]
    Pins {
        /// The path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A program cannot be attached.
    #[error("cannot police the interface `{interface}`: {}", causes(source.as_ref()))]
    Attach {
        /// The interface.
        interface: String,
        /// What the kernel said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The connections that the machine has open cannot be listed.
    #[error("cannot list the open connections of this machine: {source}; is `/proc` mounted?")]
    Sockets {
        /// Why.
        source: std::io::Error,
    },
    /// A table cannot be read or written.
    #[error("cannot use the table `{table}`: {}", causes(source))]
    Table {
        /// The table.
        table: &'static str,
        /// What the kernel said.
        source: aya::maps::MapError,
    },
    /// Many entries of a table cannot be read or written at once.
    #[error("cannot use the table `{table}`: {source}")]
    Batch {
        /// The table.
        table: &'static str,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// An interface is not there any more.
    #[error("cannot police the interface `{interface}`: it is gone")]
    Gone {
        /// The interface.
        interface: String,
    },
    /// A map is not what it should be.
    #[error("cannot open a table: {}", causes(.0))]
    Map(#[from] aya::maps::MapError),
}

/// An error with its causes, for aya's messages often tell only half.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let more = next.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = next.source();
    }
    text
}
