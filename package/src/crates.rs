//! The crates that the shipped programs are linked of, as they were when this crate was compiled.

/// A crate in a program.
#[derive(Debug)]
pub(crate) struct Crate {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its version.
    pub(crate) version: &'static str,
    /// Its license, as an SPDX expression; empty if it says none.
    pub(crate) license: &'static str,
    /// The SHA-256 of its archive in the registry; those of this workspace have none.
    pub(crate) checksum: Option<&'static str>,
    /// Where in the same list the crates are that it uses itself.
    pub(crate) dependencies: &'static [usize],
}

include!(concat!(env!("OUT_DIR"), "/crates.rs"));
