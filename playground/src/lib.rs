//! The policy language and engine in a browser.
//!
//! JSON in, JSON out: [`answer`] takes a [`question::Question`] and gives what `bookend-lang` and `bookend-engine`
//! say. The same answer natively and, through `browser`, in a page.
//!
//! **This crate does not** know what a policy means, and has no opinion about how an answer is shown.
#![forbid(unsafe_code)]

#[cfg(target_arch = "wasm32")]
pub mod browser;
mod question;

pub use question::answer;
