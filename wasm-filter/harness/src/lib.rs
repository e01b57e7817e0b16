//! A proxy-wasm host: runs a plugin compiled to WebAssembly as Envoy would, without Envoy.
//!
//! The command uses it to put a request through the very module that a proxy loads; tests use it to see what
//! that module does with hostile input. A [`Module`] is compiled once and shared between threads; each
//! [`Instance`] is one started plugin with a memory of its own. Nothing is kept outside of them.
//!
//! ```
//! use bookend_harness::{Error, Exchange, Module, Outcome, Plugin, Properties};
//!
//! fn ask(wasm: &[u8]) -> Result<Outcome, Error> {
//!     let module = Module::load(wasm)?;
//!     let mut instance = module.start(&Plugin { configuration: b"{}".to_vec(), ..Plugin::default() })?;
//!     instance.http_request(&Exchange {
//!         headers: vec![(b":method".to_vec(), b"GET".to_vec()), (b":path".to_vec(), b"/".to_vec())],
//!         properties: Properties::new().with(["destination", "port"], 9080),
//!         end_of_stream: true,
//!     })
//! }
//!
//! assert!(ask(b"not a module").is_err());
//! ```
//!
//! # What it does
//! The ABI of versions 0.2.0 and 0.2.1 with the statuses, encodings and order of callbacks of Envoy 1.40, as a plugin that
//! records everything saw them there (`testenv/tests/differential`):
//!
//! * HTTP streams with bodies, trailers and responses; a module may stop, resume, change, answer and reset them. An
//!   answer becomes what Envoy makes of it, for gRPC and HEAD too.
//! * TCP connections, downstream and upstream data, their end.
//! * Time, where [`Instance::advance`] says that it passes: the module's timer, and the answers of an [`Answerer`] to its
//!   calls to other services.
//! * Metrics, logs, data and queues that instances share ([`Shared`]), the plugin's own end.
//! * Attributes: those that follow from headers, from the stream and from the plugin are made here, all others the
//!   caller gives.
//!
//! A trap, an endless loop and a memory that grows without bound are errors; afterwards the instance refuses work, as a
//! failed VM does in Envoy.
//!
//! # What it does not
//! It knows no policy, no routes and no clusters. It calls no service that speaks gRPC, has none of Envoy's foreign functions but
//! `clear_route_cache`, which has nothing to do here, and offers no WASI: a module that imports it is refused by the name of what is
//! missing. What other filters of a proxy add is not there: a connection manager's `date` and `server`, for example.

mod attributes;
mod call;
mod context;
mod conversation;
mod error;
mod exchange;
mod headers;
mod host;
mod hostcalls;
mod instance;
mod machine;
mod metadata;
mod metrics;
mod module;
mod pairs;
mod plugin;
mod properties;
mod response;
mod shared;
mod token;

pub use call::{Answer, Answerer, Call};
pub use conversation::{Conversation, Delivery};
pub use error::Error;
pub use exchange::{Ending, Exchange, Header, Message, Outcome};
pub use host::{Level, LogLine};
pub use instance::{Course, Http, Instance, Tcp};
pub use metrics::Metric;
pub use module::Module;
pub use plugin::{Direction, Limits, Plugin};
pub use properties::{Properties, Value};
pub use response::LocalResponse;
pub use shared::Shared;
