//! What a host must never lose (S75).
//!
//! A failsafe is lowered to rules like any other, so that nobody has to know of it: they allow, cluster-wide, in a tier before all
//! tiers that documents can name, and mean one host each time by a label that nothing else has.

/// The id of every rule that a failsafe is lowered to. A program may have several.
pub const FAILSAFE: &str = "failsafe";

/// The tier of these rules: before the first that a document can name, which is 1.
pub const FAILSAFE_TIER: u32 = 0;

/// The label that every host has, and nothing else: its name.
pub const HOST_LABEL: &str = "bookend.dev/host";
