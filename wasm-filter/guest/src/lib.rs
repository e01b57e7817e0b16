//! A plugin as people write them: with the SDK, for whatever a proxy offers.
//!
//! The tests of `bookend-harness` run it. With the configuration `http` it is a filter for requests: it asks the
//! service `auth` about each of them, changes bodies, counts. With `tcp` it is one for connections: it lets pass what
//! begins with `hello`. Either way it counts seconds.
//!
//! **It knows** nothing of Bookend.

#[cfg(target_arch = "wasm32")]
mod plugin;
