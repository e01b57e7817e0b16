//! The policy language and engine in a browser.
//!
//! JSON in, JSON out: [`Playground::ask`] takes a [`Question`](question::Question) and gives what `bookend-answers` says, which is what
//! `bookend … -o json` prints. The same natively and, through `browser`, in a page.
//!
//! **This crate does not** know what a policy means or what an answer is, and has no opinion about how one is shown.
#![forbid(unsafe_code)]

#[cfg(target_arch = "wasm32")]
pub mod browser;
mod mark;
mod playground;
pub mod question;
mod version;

pub use playground::Playground;
