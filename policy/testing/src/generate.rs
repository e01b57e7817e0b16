//! Made-up worlds in which everything touches everything: a few workloads, a few policies, and every question worth
//! asking about them. They are made as documents, so that the language is exercised too.
//!
//! HTTP conditions are made so that each can be true or false whatever the others are: there are at most
//! [`CONDITIONS`] of them, paths have as many segments, and condition *n* asks whether segment *n* is `1`. So
//! [`paths`] is a complete universe of requests: for any choice of conditions there is a request on which exactly
//! these hold. That is what the projection theorem needs in its second direction, from the packet to a request.

//!
//! [`rich_scenario`] gives that up for conditions on everything there is.

mod document;
mod http;
mod peer;
mod port;
mod scenario;

pub use document::Policy;
pub use http::request;
pub use scenario::{
    Pair, Scenario, Sight, at_the_proxy, audited_policy, pair, rich_scenario, scenario, sight, single_rule,
};

/// How many HTTP conditions a scenario has at most.
pub const CONDITIONS: u32 = 6;

/// A path for every choice of conditions.
pub fn paths() -> Vec<String> {
    let segments =
        |choice: u32| (0..CONDITIONS).map(|bit| format!("/{}", choice >> bit & 1)).collect::<String>();
    (0..1 << CONDITIONS).map(segments).collect()
}

/// The pattern of the paths on which condition `number` holds.
fn pattern(number: u32) -> String {
    (0..CONDITIONS).map(|bit| if bit == number { "/1".to_owned() } else { format!("/{{s{bit}}}") }).collect()
}
