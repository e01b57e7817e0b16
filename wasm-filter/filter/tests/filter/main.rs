//! The filter in front of a proxy made of plain values.
#![expect(clippy::expect_used, reason = "functions shared by tests fail as tests do")]

mod audit;
mod configuration;
mod doubt;
mod proxy;
mod tokens;
mod verdict;
