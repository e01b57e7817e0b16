//! The playground's page on loopback, with the files of whoever asked for it.
//!
//! [`Server`] listens on 127.0.0.1 alone, below a path that nobody can guess. It gives out the page, the texts of the files that were
//! named and, when one of them changes, the new texts. It writes into these files alone, and only what a page of its own asks it to write
//! in the place of the very text that the file has.
//!
//! **This crate does not** know what is in the files or what the page does with them; which files there are, and how one is replaced, a
//! [`Shelf`] says.
#![forbid(unsafe_code)]

mod answer;
mod door;
mod files;
mod page;
mod server;

pub use files::{Shelf, Volume};
pub use page::Page;
pub use server::Server;
