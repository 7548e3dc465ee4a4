//! Every rejection has its alert: OpenSSL names ours, and we name OpenSSL's.

use std::time::Duration;

use tlsmith::{
    CertOptions, ClientAuth, Context, CrlOptions, Identity, KeyType, Revoked, Status, Version,
    alert_name, gen_crl,
};

use crate::openssl::{s_client_at, s_server, s_server_of};
use crate::peers::*;
use support::*;

/// The output of an `s_client` that our server rejects.
fn refuse(server: &Context, files: &Files, arguments: &[&str]) -> (String, tlsmith::Error) {
    s_client_at(server, files, arguments, |connection, _, _| {
        connection.handshake().unwrap_err()
    })
}

fn demanding() -> Context {
    let server = server_context(localhost());
    server.add_root(ca().certificate()).unwrap();
    server.set_client_auth(ClientAuth::Required).unwrap();
    server
}

fn ours(set: impl FnOnce(&Context)) -> Context {
    let server = server_context(localhost());
    set(&server);
    server
}

/// Users that are rejected: why, and with which alert.
fn users() -> Vec<(Identity, Status, u8)> {
    let name = names(&["alice@example.org"]);
    let old = CertOptions {
        not_before: Some(ca().certificate().not_before()),
        lifetime: Some(Duration::from_secs(60)),
        ..CertOptions::default()
    };
    let stranger = CertOptions {
        usage: Some(tlsmith::Usage {
            server: false,
            client: true,
        }),
        ..CertOptions::default()
    };
    vec![
        (
            tlsmith::self_signed(&name, &stranger).unwrap(),
            Status::CertificateUnknownIssuer,
            48,
        ),
        (
            issue(&["alice@example.org"], &old),
            Status::CertificateExpired,
            45,
        ),
        (
            issue(&["alice@example.org"], &CertOptions::default()),
            Status::CertificateRevoked,
            44,
        ),
    ]
}

/// What OpenSSL calls an alert.
fn in_openssl(alert: u8) -> String {
    alert_name(alert).unwrap().replace('_', " ")
}

#[test]
fn s_client_names_every_alert_of_ours() {
    let files = Files::of(localhost());
    let cases: [(Context, &[&str], Status, u8); 6] = [
        (demanding(), &["-tls1_3"], Status::CertificateMissing, 116),
        (demanding(), &["-tls1_2"], Status::CertificateMissing, 40),
        (
            ours(|server| server.set_alpn(&["h2"]).unwrap()),
            &["-alpn", "spdy/1"],
            Status::NoCommon,
            120,
        ),
        (
            ours(|server| server.require_known_name().unwrap()),
            &["-servername", "unknown.example"],
            Status::NoCommon,
            112,
        ),
        (
            only(server_context(localhost()), Version::Tls13),
            &["-tls1_2"],
            Status::NoCommon,
            70,
        ),
        (
            ours(|server| server.set_ciphers(&["TLS_AES_128_GCM_SHA256"]).unwrap()),
            &["-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384"],
            Status::NoCommon,
            40,
        ),
    ];
    for (server, arguments, status, alert) in cases {
        let (words, error) = refuse(&server, &files, arguments);
        assert_eq!(error.status(), status, "{error}");
        let expected = in_openssl(alert);
        assert!(words.contains(&expected), "no '{expected}' in {words}");
        assert!(
            words.contains(&format!("SSL alert number {alert}")),
            "{words}"
        );
    }
}

#[test]
fn s_client_receives_the_alert_for_its_certificate() {
    for (user, status, alert) in users() {
        let files = Files::of(&user);
        for flag in ["-tls1_2", "-tls1_3"] {
            let server = demanding();
            if status == Status::CertificateRevoked {
                let entry = user.certificate().serial().parse::<Revoked>().unwrap();
                server
                    .add_crl(&gen_crl(ca(), &[entry], &CrlOptions::default()).unwrap())
                    .unwrap();
            }
            let arguments = ["-cert", "cert.pem", "-key", "key.pem", flag];
            let (words, error) = refuse(&server, &files, &arguments);
            assert_eq!(error.status(), status, "{error}");
            assert!(
                words.contains(&format!("SSL alert number {alert}")),
                "{words}"
            );
        }
    }
}

/// Connects and reads: the alert that it gets instead.
fn told(client: &Context, port: u16) -> tlsmith::Error {
    // In TLS 1.3 we are done before the server has verified us.
    let outcome = connect(client, port, "localhost").and_then(|connection| {
        let version = connection.agreed().unwrap().version;
        assert_eq!(version, Version::Tls13);
        connection.read(&mut [0; 1])
    });
    outcome.unwrap_err()
}

#[test]
fn tlsmith_names_the_alert_of_s_server_for_our_certificate() {
    for (user, status, alert) in users() {
        let files = Files::of(localhost());
        let mut flags = vec![
            "-Verify",
            "1",
            "-CAfile",
            "ca.pem",
            "-verify_return_error",
            "-rev",
        ];
        if status == Status::CertificateRevoked {
            let entry = user.certificate().serial().parse::<Revoked>().unwrap();
            let crl = gen_crl(ca(), &[entry], &CrlOptions::default()).unwrap();
            crl.save(&files.path("crl.pem")).unwrap();
            flags.extend(["-CRL", "crl.pem", "-crl_check"]);
        }
        for (_, flag) in crate::openssl::VERSIONS {
            let (_peer, port) = s_server_of(&files, &[&flags[..], &[flag]].concat());
            let client = client_context();
            client.use_identity(&user).unwrap();
            let error = told(&client, port);
            assert_eq!(error.status(), Status::Alert, "{flag}: {error:?}");
            assert_eq!(error.alert(), Some(alert), "{flag}: {error:?}");
            assert!(
                error.to_string().contains(alert_name(alert).unwrap()),
                "{error}"
            );
        }
    }
}

#[test]
fn tlsmith_names_every_alert_of_s_server() {
    let files = Files::of(localhost());
    let other = issue(&["other.example"], &with_key(KeyType::EcdsaP256));
    other
        .save(
            Some(&files.path("other.pem")),
            Some(&files.path("other.key")),
        )
        .unwrap();
    let verify = ["-Verify", "1", "-CAfile", "ca.pem", "-verify_return_error"];
    let names = [
        "-servername",
        "other.example",
        "-servername_fatal",
        "-cert2",
        "other.pem",
        "-key2",
        "other.key",
    ];
    type Set = fn(&Context);
    let cases: [(&[&str], Set, u8); 8] = [
        (&[&verify[..], &["-tls1_3"]].concat(), |_| {}, 116),
        (&[&verify[..], &["-tls1_2"]].concat(), |_| {}, 40),
        (
            &["-alpn", "h2"],
            |client| client.set_alpn(&["spdy/1"]).unwrap(),
            120,
        ),
        (&names, |_| {}, 112),
        (
            &["-tls1_2"],
            |client| drop(only(client.clone(), Version::Tls13)),
            70,
        ),
        (
            &["-tls1_3"],
            |client| drop(only(client.clone(), Version::Tls12)),
            70,
        ),
        (
            &["-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384"],
            |client| client.set_ciphers(&["TLS_AES_128_GCM_SHA256"]).unwrap(),
            40,
        ),
        (&["-groups", "ffdhe2048"], |_| {}, 40),
    ];
    for (arguments, set, alert) in cases {
        let identity = ["-cert", "cert.pem", "-key", "key.pem", "-rev"];
        let (_peer, port) = s_server(files.folder(), &[&identity[..], arguments].concat());
        let client = client_context();
        set(&client);
        let error = told(&client, port);
        assert_eq!(error.status(), Status::Alert, "{arguments:?}: {error:?}");
        assert_eq!(error.alert(), Some(alert), "{arguments:?}: {error:?}");
        assert!(
            error.to_string().contains(alert_name(alert).unwrap()),
            "{error}"
        );
    }
}
