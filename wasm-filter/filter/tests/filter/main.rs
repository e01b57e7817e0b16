//! The filter in front of a proxy made of plain values.
#![expect(clippy::expect_used, reason = "functions shared by tests fail as tests do")]

mod audit;
mod configuration;
mod connection;
mod doubt;
mod facts;
mod outbound;
mod proxy;
mod report;
mod tokens;
mod verdict;
