//! What Bookend is on a cluster, as objects of Kubernetes and Istio. Pure: it speaks to nobody.
#![forbid(unsafe_code)]

pub mod install;
pub mod mesh;
