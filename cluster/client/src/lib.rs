//! A Kubernetes API server: connecting, watching, applying, electing.
#![forbid(unsafe_code)]
