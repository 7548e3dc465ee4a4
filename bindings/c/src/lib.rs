//! The C face of tlsmith: conversion, lifetime, and a guard against panics.
//! No logic of its own.
//!
//! The doc comments of the functions become `include/tlsmith.h`, in the order
//! of the modules below.  Everything unsafe is in [`edge`], which every
//! function goes through.

#![allow(
    non_camel_case_types,
    reason = "the types have the names that C programs see"
)]
#![allow(
    unreachable_pub,
    reason = "the symbols are exported by name, not by path"
)]

mod call;
mod edge;

mod library;
mod load;
mod logging;
mod ctx;
mod protocol;
mod store;
mod hooks;
mod verify;
mod conn;
mod lifecycle;
mod own;
mod session;
mod transports;
mod accept;
mod hello;
mod data;
mod early;
mod facts;
mod items;
mod cert;
mod options;
mod identity;
mod csr;
mod crl;
