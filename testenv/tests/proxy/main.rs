//! The shipped module in a real Envoy: protocols, identities, failures, changes, and what can be seen of it. What a policy
//! means is the corpus' business; here it is whether Envoy lets nothing past it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step is a failed test"
)]

mod failure;
#[path = "../attack/frames.rs"]
#[expect(dead_code, reason = "attacks need more kinds of frames")]
mod frames;
mod identity;
mod line;
mod native;
mod observation;
mod outbound;
mod protocol;
mod reload;
mod scene;
mod stream;
mod streams;
#[path = "../shared/tls.rs"]
mod tls;
mod tunnel;
mod upstream;
