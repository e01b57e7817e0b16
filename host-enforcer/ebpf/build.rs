//! Tells the BPF linker how to generate code for the programs.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Only the BPF linker knows these words.
    if std::env::var("CARGO_CFG_TARGET_ARCH").as_deref() == Ok("bpf") {
        // By default it copies and clears memory by calls of a loop over bytes, to keep the order of the accesses for
        // programs that read packets directly. These do not; by words a packet costs a fifth less.
        println!("cargo::rustc-link-arg-bins=--disable-expand-memcpy-in-order");
    }
}
