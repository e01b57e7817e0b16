//! The filter as an Envoy dynamic module: a shared object that Envoy loads into its own process.
//!
//! It is the same filter as the proxy-wasm module, from the same crate, with the same configuration; here it runs without
//! a sandbox, and everything that the sandbox costs is saved. So it must not break what it is in:
//!
//! * [`abi`] is the only place that speaks Envoy's interface, and the only one with unsafe code beside [`hooks`];
//! * [`hooks`] are the functions that Envoy calls. No panic leaves them: a stream whose judgement panics is refused;
//! * [`policy`] is a configuration at work, shared by all workers, with a desk for each of them;
//! * [`request`] and [`connection`] show Envoy's streams to the filter's crate in the form it wants;
//! * [`node`] and [`tokens`] read what filters in front have to write down, because Envoy's interface does not tell it.
//!
//! **This crate does not** know what a policy means, decide anything, or keep anything for the whole process.

mod abi;
mod barrier;
mod connection;
#[cfg(test)]
mod envoy;
mod hooks;
mod node;
mod policy;
mod request;
#[cfg(test)]
mod tests;
mod tokens;
