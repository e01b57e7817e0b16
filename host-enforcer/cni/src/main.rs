//! `bookend-cni`: holds a pod's start until its interface is policed.

fn main() {}
