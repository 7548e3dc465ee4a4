//! The C API of tlsmith: converts arguments and results, manages handles, and catches panics.
//! It has no TLS logic of its own.
//!
//! The doc comments of the functions become `include/tlsmith.h`, in the order of the modules below.
//! All unsafe code is in [`ffi`].

#![allow(
    non_camel_case_types,
    reason = "the types have the names that C programs see"
)]
#![allow(
    unreachable_pub,
    reason = "the symbols are exported by name, not by path"
)]

mod call;
mod ffi;

mod library;
mod load_options;
mod logging;
mod ctx;
mod ctx_protocol;
mod session_store;
mod ctx_callbacks;
mod verify;
mod conn;
mod conn_lifecycle;
mod conn_settings;
mod session;
mod transports;
mod hello_callback;
mod client_hello;
mod data;
mod early_data;
mod conn_info;
mod string_list;
mod cert;
mod cert_options;
mod identity;
mod csr;
mod crl;
