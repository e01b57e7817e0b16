//! The yardstick of programs on packets: one that lets every packet pass, and one that gives a packet another port and then
//! hands it to the program that is measured.
//!
//! The kernel runs a program on the same packet again and again (`BPF_PROG_TEST_RUN`). What a *new* connection costs shows only
//! if every run sees another one, and what many connections cost only if each run sees one of many.
//!
//! Built for `bpfel-unknown-none`. For every other target this is an empty program.

#![cfg_attr(target_arch = "bpf", no_std, no_main)]

#[cfg(target_arch = "bpf")]
mod kernel;

#[cfg(not(target_arch = "bpf"))]
fn main() {}
