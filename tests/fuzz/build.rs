//! Compiles what calls the library from C.

fn main() {
    println!("cargo::rerun-if-changed=calls.c");
    println!("cargo::rerun-if-changed=../../include/tlsmith.h");
    cc::Build::new()
        .file("calls.c")
        .include("../../include")
        .define("_GNU_SOURCE", None)
        .warnings_into_errors(true)
        .extra_warnings(true)
        .compile("calls");
}
