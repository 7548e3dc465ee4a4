//! Contexts, and what they refuse.

use std::os::unix::net::UnixStream;

use tlsmith::{Connection, Context, Status};

use support::*;

#[test]
fn a_failed_setter_poisons_the_context() {
    let context = Context::new();
    let missing = std::path::Path::new("/nonexistent/roots.pem");
    assert_fails(
        context.add_roots(missing),
        Status::File,
        "/nonexistent/roots.pem",
    );
    context.add_root(ca().certificate()).unwrap();
    let (near, _far) = UnixStream::pair().unwrap();
    let outcome = Connection::client(&context, Some("localhost"), transport(near));
    assert_fails(outcome, Status::File, "/nonexistent/roots.pem");
    assert!(context.error().is_some());
}

#[test]
fn a_context_in_use_cannot_be_changed() {
    let context = client_context();
    let (near, _far) = UnixStream::pair().unwrap();
    Connection::client(&context, Some("localhost"), transport(near)).unwrap();
    assert_fails(
        context.set_alpn(&["h2"]),
        Status::State,
        "create a new context",
    );
}

#[test]
fn a_server_without_an_identity_is_refused() {
    let (near, _far) = UnixStream::pair().unwrap();
    let outcome = Connection::server(&Context::new(), transport(near));
    assert_fails(outcome, Status::State, "certificate");
}

#[test]
fn bad_server_names_are_refused() {
    let context = client_context();
    for name in ["", "a b", "a\0b", &"a".repeat(10_000), "-.example"] {
        let (near, _far) = UnixStream::pair().unwrap();
        let outcome = Connection::client(&context, Some(name), transport(near));
        assert_fails(outcome, Status::Argument, "is not a DNS name");
    }
    let (near, _far) = UnixStream::pair().unwrap();
    let outcome = Connection::client(&context, None, transport(near));
    assert_fails(outcome, Status::Argument, "needs the name");
}
