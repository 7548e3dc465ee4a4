//! Encrypted ClientHello, as a client offers it.

use support::*;
use tlsmith::CertOptions;
use tlsmith::{Ech, Status, Version};

#[test]
fn grease_looks_like_ech_and_changes_nothing() {
    const ECH: u16 = 0xfe0d;
    let client = client_context();
    client.set_ech(None).unwrap();
    let (ours, theirs, sent) = recorded_pair(&client, &server_context(localhost()), "localhost");
    assert_eq!(ours.ech(), Ech::Grease);
    let (one, other) = run_handshake(&ours, &theirs);
    one.and(other).unwrap();
    transfer(&theirs, &ours, b"fine");
    let hellos = records(&sent.lock().unwrap(), 22);
    assert!(
        hello_extensions(&hellos[0])
            .iter()
            .any(|(number, _)| *number == ECH)
    );
    assert_eq!(ours.ech(), Ech::Grease);
    assert!(ours.report().contains("Encrypted hello:     GREASE"));
    assert_eq!(theirs.server_name(), Some("localhost"));

    // Such a client supports only TLS 1.3.
    let old = only(server_context(localhost()), Version::Tls12);
    let (ours, theirs) = pair(&client, &old, "localhost");
    assert_fails(run_handshake(&ours, &theirs).1, Status::NoCommon, "version");

    let (ours, theirs, sent) =
        recorded_pair(&client_context(), &server_context(localhost()), "localhost");
    run_handshake(&ours, &theirs).0.unwrap();
    assert_eq!(ours.ech(), Ech::None);
    let hellos = records(&sent.lock().unwrap(), 22);
    assert!(
        hello_extensions(&hellos[0])
            .iter()
            .all(|(number, _)| *number != ECH)
    );
}

/// An ECHConfigList (RFC 9849, section 4) for a server that is called in public
/// `name`.
pub(crate) fn ech_list(name: &str) -> Vec<u8> {
    let long = |bytes: &[u8]| [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat();
    // DHKEM(X25519), HKDF-SHA256 and AES-128-GCM; a point with a known order
    // would be rejected, so the base point's double serves as the key.
    let mut key = [0; 32];
    key[0] = 9;
    let contents = [
        &[1, 0, 0x20][..],
        &long(&key),
        &long(&[0, 1, 0, 1]),
        &[0, name.len() as u8],
        name.as_bytes(),
        &[0, 0],
    ]
    .concat();
    let config = [&[0xfe, 0x0d][..], &long(&contents)].concat();
    long(&config)
}

#[test]
fn client_rejects_server_that_cannot_decrypt_its_hello() {
    let site = issue(
        &["public.example", "secret.example"],
        &CertOptions::default(),
    );
    let client = client_context();
    client.set_ech(Some(&ech_list("public.example"))).unwrap();
    let (ours, theirs, sent) = recorded_pair(&client, &server_context(&site), "secret.example");
    let (one, other) = run_handshake(&ours, &theirs);
    let error = one.as_ref().unwrap_err();
    assert!(error.is_ech_rejection());
    assert_eq!(error.ech_retry_configs(), None);
    assert_fails(one, Status::NoCommon, "connect without ECH");
    // The server's handshake completes before it receives the alert of the client.
    other.unwrap();
    let heard = theirs.read(&mut [0; 10]).unwrap_err();
    assert_eq!(heard.alert(), Some(121));
    assert_eq!(ours.ech(), Ech::Rejected);
    assert_eq!(ours.ech_retry_configs(), None);
    let sent = sent.lock().unwrap();
    let hello = String::from_utf8_lossy(&sent);
    assert!(hello.contains("public.example"));
    assert!(!hello.contains("secret.example"));
    for list in [&b""[..], b"\0\0", b"not a list", &ech_list("x")[..20]] {
        let outcome = client_context().set_ech(Some(list));
        assert_fails(outcome, Status::Parse, "ECHConfigList");
    }
}

/// Whoever cannot prove to have the public name may not switch ECH off.
#[test]
fn client_distrusts_ech_rejection_from_another_name() {
    let site = issue(&["secret.example"], &CertOptions::default());
    let client = client_context();
    client.set_ech(Some(&ech_list("public.example"))).unwrap();
    let (ours, theirs) = pair(&client, &server_context(&site), "secret.example");
    let error = run_handshake(&ours, &theirs).0.unwrap_err();
    assert_eq!(error.status(), Status::CertificateNameMismatch);
    assert!(error.to_string().contains("'public.example'"), "{error}");
    assert!(!error.is_ech_rejection());
    assert_eq!(ours.ech(), Ech::None);
    assert_eq!(ours.ech_retry_configs(), None);
}
