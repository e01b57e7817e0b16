//! Small plugins, written by hand, show that the host behaves as Envoy does.

#![expect(clippy::expect_used, clippy::panic, reason = "functions shared by tests fail as tests do")]

mod attributes;
mod guest;
mod headers;
mod limits;
mod loading;
mod order;
mod verdicts;
