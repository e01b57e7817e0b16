//! The documents as Rust types: their JSON schema, and the custom resource definitions of a cluster.
#![forbid(unsafe_code)]
