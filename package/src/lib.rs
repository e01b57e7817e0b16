//! OCI images without a container engine: the filter's and the enforcer's.
#![forbid(unsafe_code)]
