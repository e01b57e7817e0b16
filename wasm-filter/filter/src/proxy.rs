//! What the filter needs of a proxy.

use crate::Refusal;

/// How loud a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// A request was refused, a configuration came into force.
    Info,
    /// Something is wrong that does not touch a verdict.
    Warn,
    /// A configuration was refused, or requests are refused for want of knowledge.
    Error,
}

/// The proxy refused a call. The number is its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the proxy answered with status {0}")]
pub struct CallFailed(pub u32);

/// A proxy, as the filter sees it.
pub trait Proxy {
    /// The bytes of the filter's configuration; readable while it is being configured.
    ///
    /// # Errors
    /// When the proxy refuses.
    fn configuration(&self) -> Result<Vec<u8>, CallFailed>;

    /// An attribute, or nothing if the proxy has none at this path.
    ///
    /// # Errors
    /// When the proxy has it but cannot hand it out.
    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, CallFailed>;

    /// Attaches an attribute to the request, for access logs.
    ///
    /// # Errors
    /// When the proxy refuses.
    fn set_property(&self, path: &[&str], value: &[u8]) -> Result<(), CallFailed>;

    /// All headers of the request, serialized as pairs; see [`headers`](crate::headers).
    ///
    /// # Errors
    /// When the proxy refuses.
    fn request_headers(&self) -> Result<Vec<u8>, CallFailed>;

    /// Answers the request in the place of the service.
    ///
    /// # Errors
    /// When the proxy refuses.
    fn respond(&self, refusal: &Refusal) -> Result<(), CallFailed>;

    /// Resets the request's stream without an answer.
    ///
    /// # Errors
    /// When the proxy refuses.
    fn reset(&self) -> Result<(), CallFailed>;

    /// Defines a counter and answers its number.
    ///
    /// # Errors
    /// When the proxy refuses.
    fn define_counter(&self, name: &str) -> Result<u32, CallFailed>;

    /// Adds one to a counter.
    ///
    /// # Errors
    /// When the proxy refuses.
    fn count(&self, counter: u32) -> Result<(), CallFailed>;

    /// Logs a line. There is nobody to tell when this fails.
    fn log(&self, level: Level, message: &str);
}
