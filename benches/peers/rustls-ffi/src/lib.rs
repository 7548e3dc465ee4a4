//! All of rustls-ffi, as a static library.

pub use rustls_ffi::*;
