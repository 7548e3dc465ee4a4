//! Whom a side believes, and when: clocks, revocation rules, certificates that are
//! trusted for what they are.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tlsmith::{
    CertOptions, ClientAuth, Context, CrlOptions, Error, Identity, Now, RevocationReason,
    RevocationRules, Revoked, Status, gen_ca, gen_crl, issue_cert, self_signed,
};

use support::*;

const DAY: i64 = 86_400;

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// What a client refuses a server with, or `None`.
fn refusal(client: &Context, server: &Context) -> Option<Error> {
    let (client, server) = pair(client, server, "localhost");
    let (ours, theirs) = shake_hands(&client, &server);
    assert!(ours.is_ok() || theirs.is_err() || client.agreed().is_none());
    ours.err()
}

fn status(error: Option<Error>) -> Option<Status> {
    error.map(|error| error.status())
}

#[test]
fn the_clock_says_what_is_valid() {
    let time = Arc::new(AtomicI64::new(0));
    let told = time.clone();
    let clock: Now = Arc::new(move || told.load(Ordering::SeqCst));
    let client = client_context();
    client.set_clock(clock).unwrap();
    client.set_resumption(0).unwrap();
    let server = server_context(localhost());
    for (at, expected) in [
        (now(), None),
        (now() + 400 * DAY, Some(Status::CertificateExpired)),
        (now() - 2 * DAY, Some(Status::CertificateNotYetValid)),
        (now() + 396 * DAY, None),
        (0, Some(Status::CertificateNotYetValid)),
        (i64::MIN, Some(Status::CertificateNotYetValid)),
        (i64::MAX, Some(Status::CertificateExpired)),
    ] {
        time.store(at, Ordering::SeqCst);
        assert_eq!(status(refusal(&client, &server)), expected, "{at}");
    }
    time.store(now() + 400 * DAY, Ordering::SeqCst);
    let chain = localhost().chain();
    let error = client.verify(chain, None, None, None).unwrap_err();
    assert_eq!(error.status(), Status::CertificateExpired);
    client.verify(chain, None, None, Some(now())).unwrap();
}

#[test]
fn the_clock_of_a_server_is_for_its_clients() {
    let late: Now = Arc::new(|| now() + 400 * DAY);
    let server = server_with(|server| {
        server.add_root(ca().certificate()).unwrap();
        server.set_client_auth(ClientAuth::Required).unwrap();
        server.set_clock(late).unwrap();
    });
    let client = client_context();
    client
        .use_identity(&issue(&["alice@example.org"], &CertOptions::default()))
        .unwrap();
    let (client, server) = pair(&client, &server, "localhost");
    let (_, theirs) = shake_hands(&client, &server);
    assert_eq!(status(theirs.err()), Some(Status::CertificateExpired));
}

/// A root, a CA below it, and a site below that.
struct Path {
    root: Identity,
    middle: Identity,
    site: Identity,
}

fn path() -> Path {
    let root = gen_ca(&CertOptions::default()).unwrap();
    let options = CertOptions {
        ca: true,
        ..CertOptions::default()
    };
    let middle = issue_cert(&root, &[], &options).unwrap();
    let site = issue_cert(&middle, &names(&["localhost"]), &CertOptions::default()).unwrap();
    Path { root, middle, site }
}

/// A CRL of `ca` with the certificates of `revoked` on it.
fn crl(ca: &Identity, revoked: &[&Identity]) -> tlsmith::Crl {
    let revoked: Vec<_> = revoked
        .iter()
        .map(|id| Revoked {
            serial: id.certificate().serial().to_owned(),
            time: None,
            reason: None,
        })
        .collect();
    gen_crl(ca, &revoked, &CrlOptions::default()).unwrap()
}

#[test]
fn revocation_is_as_strict_as_the_rules() {
    use Status::{CertificateRevoked as OnList, CertificateUnknownRevocation as Unknown};
    let path = path();
    let clean = [crl(&path.root, &[]), crl(&path.middle, &[])];
    let of_middle = [crl(&path.middle, &[])];
    let of_root = [crl(&path.root, &[])];
    let without_middle = [crl(&path.root, &[&path.middle]), crl(&path.middle, &[])];
    let without_site = [crl(&path.root, &[]), crl(&path.middle, &[&path.site])];
    let rules = |leaf_only, allow_unknown, always| RevocationRules {
        leaf_only,
        allow_unknown,
        always,
    };
    let strict = RevocationRules::default();
    assert_eq!(strict, rules(false, false, false));
    for (crls, rules, expected) in [
        (&clean[..], strict, None),
        (&of_middle, strict, Some(Unknown)),
        (&of_middle, rules(true, false, false), None),
        (&of_middle, rules(false, true, false), None),
        (&of_root, strict, Some(Unknown)),
        (&of_root, rules(true, false, false), Some(Unknown)),
        (&of_root, rules(true, true, false), None),
        (&without_middle, strict, Some(OnList)),
        (&without_middle, rules(true, false, false), None),
        (&without_middle, rules(false, true, false), Some(OnList)),
        (&without_site, strict, Some(OnList)),
        (&without_site, rules(true, true, false), Some(OnList)),
        (&[], strict, None),
        (&[], rules(false, false, true), Some(Unknown)),
        (&[], rules(true, false, true), Some(Unknown)),
        (&[], rules(false, true, true), None),
        (&clean, rules(false, false, true), None),
    ] {
        let client = Context::new();
        client.add_root(path.root.certificate()).unwrap();
        for crl in crls {
            client.add_crl(crl).unwrap();
        }
        client.set_revocation(rules).unwrap();
        let got = status(refusal(&client, &server_context(&path.site)));
        assert_eq!(got, expected, "{} CRLs, {rules:?}", crls.len());
    }
}

#[test]
fn a_refusal_tells_when_the_issuer_revoked_and_not_a_ca_of_its_name() {
    let named = || {
        let options = CertOptions {
            common_name: Some("Twin".to_owned()),
            ..CertOptions::default()
        };
        gen_ca(&options).unwrap()
    };
    let (issuer, twin) = (named(), named());
    let site = issue_cert(&issuer, &names(&["localhost"]), &CertOptions::default()).unwrap();
    let crl = |ca: &Identity, days: i64, reason| {
        let entry = Revoked {
            serial: site.certificate().serial().to_owned(),
            time: Some(now() - days * DAY),
            reason: Some(reason),
        };
        gen_crl(ca, &[entry], &CrlOptions::default()).unwrap()
    };
    let of_issuer = crl(&issuer, 2, RevocationReason::KeyCompromise);
    let of_twin = crl(&twin, 1, RevocationReason::Superseded);
    for crls in [[&of_issuer, &of_twin], [&of_twin, &of_issuer]] {
        let client = Context::new();
        for root in [&twin, &issuer] {
            client.add_root(root.certificate()).unwrap();
        }
        for crl in crls {
            client.add_crl(crl).unwrap();
        }
        let error = refusal(&client, &server_context(&site))
            .unwrap()
            .to_string();
        assert!(error.ends_with("(keyCompromise)"), "{error}");
    }
}

#[test]
fn a_revoked_intermediate_is_refused_even_as_a_trust_anchor() {
    let path = path();
    let clean = crl(&path.middle, &[]);
    for (revoked, expected) in [
        (&[][..], None),
        (&[&path.middle], Some(Status::CertificateRevoked)),
    ] {
        let context = Context::new();
        context.add_root(path.root.certificate()).unwrap();
        context.add_root(path.middle.certificate()).unwrap();
        context.add_crl(&crl(&path.root, revoked)).unwrap();
        context.add_crl(&clean).unwrap();
        let outcome = context.verify(path.site.chain(), Some("localhost"), None, None);
        assert_eq!(status(outcome.err()), expected);
    }
}

#[test]
fn a_trusted_certificate_is_refused_by_a_crl_of_any_key_of_its_issuers_name() {
    let named = || {
        let options = CertOptions {
            common_name: Some("Changed its key".to_owned()),
            ..CertOptions::default()
        };
        gen_ca(&options).unwrap()
    };
    let (before, after) = (named(), named());
    let site = issue_cert(&before, &names(&["localhost"]), &CertOptions::default()).unwrap();
    // What a peer sends does not decide: with its issuer, without, with the one of the new key.
    let with = |issuer: &[&Identity]| {
        let mut chain = vec![site.certificate().clone()];
        chain.extend(issuer.iter().map(|one| one.certificate().clone()));
        chain
    };
    let chains = [with(&[]), with(&[&before]), with(&[&after])];
    for issuer in [&before, &after] {
        for roots in [&[][..], &[&before], &[&before, &after]] {
            let trusting = |revoked: &[&Identity]| {
                let client = Context::new();
                client.trust_end_entity(site.certificate()).unwrap();
                for root in roots {
                    client.add_root(root.certificate()).unwrap();
                }
                client.add_crl(&crl(issuer, revoked)).unwrap();
                client
            };
            for chain in &chains {
                let verify = |client: &Context| client.verify(chain, Some("localhost"), None, None);
                verify(&trusting(&[])).unwrap();
                let got = status(verify(&trusting(&[&site])).err());
                assert_eq!(got, Some(Status::CertificateRevoked));
            }
        }
    }
}

#[test]
fn who_leaves_the_systems_roots_believes_nobody_else() {
    let client = Context::new();
    client.ignore_system_roots().unwrap();
    let error = refusal(&client, &server_context(localhost())).unwrap();
    assert_eq!(error.status(), Status::CertificateUnknownIssuer);
    let client = client_context();
    client.ignore_system_roots().unwrap();
    assert!(refusal(&client, &server_context(localhost())).is_none());
    let client = Context::new();
    client.ignore_system_roots().unwrap();
    client.add_root(ca().certificate()).unwrap();
    assert!(refusal(&client, &server_context(localhost())).is_none());
}

#[test]
fn an_end_entity_is_trusted_for_its_own_names_while_it_is_valid() {
    let path = path();
    let client = Context::new();
    client.trust_end_entity(path.site.certificate()).unwrap();
    assert!(refusal(&client, &server_context(&path.site)).is_none());
    let sibling = issue_cert(
        &path.middle,
        &names(&["localhost"]),
        &CertOptions::default(),
    );
    let error = refusal(&client, &server_context(&sibling.unwrap())).unwrap();
    assert_eq!(error.status(), Status::CertificateUnknownIssuer);
    let (near, far) = pair(&client, &server_context(&path.site), "other.example");
    let error = shake_hands(&near, &far).0.unwrap_err();
    assert_eq!(error.status(), Status::CertificateNameMismatch);
    let old = CertOptions {
        not_before: Some(now() - 5 * DAY),
        lifetime: Some(Duration::from_secs(DAY.unsigned_abs())),
        ..CertOptions::default()
    };
    let ca = CertOptions {
        not_before: Some(now() - 9 * DAY),
        ..CertOptions::default()
    };
    let old = issue_cert(&gen_ca(&ca).unwrap(), &names(&["localhost"]), &old).unwrap();
    let client = Context::new();
    client.trust_end_entity(old.certificate()).unwrap();
    let got = status(refusal(&client, &server_context(&old)));
    assert_eq!(got, Some(Status::CertificateExpired));
}

#[test]
fn a_file_to_trust_holds_one_certificate_and_a_file_of_roots_any_number() {
    let new = || self_signed(&names(&["localhost"]), &CertOptions::default()).unwrap();
    let devices = [new(), new()];
    let folder = tempfile::TempDir::new().unwrap();
    let text = devices.each_ref().map(Identity::cert_pem).concat();
    let (one, both) = (
        folder.path().join("one.pem"),
        folder.path().join("both.pem"),
    );
    std::fs::write(&one, devices[0].cert_pem()).unwrap();
    std::fs::write(&both, text).unwrap();
    let context = Context::new();
    let refused = context.trust_certificate(both.to_str().unwrap());
    assert_fails(refused, Status::Parse, "contains 2 certificates, and each");
    let accepts = |context: &Context, device: &Identity| {
        let (client, server) = pair(context, &server_context(device), "localhost");
        shake_hands(&client, &server).0.is_ok()
    };
    let context = Context::new();
    context.trust_certificate(one.to_str().unwrap()).unwrap();
    assert_eq!(
        devices.each_ref().map(|one| accepts(&context, one)),
        [true, false]
    );
    let context = Context::new();
    context.add_roots(&both).unwrap();
    assert_eq!(
        devices.each_ref().map(|one| accepts(&context, one)),
        [true, true]
    );
}

#[test]
fn a_refusal_has_the_chain_that_was_refused() {
    let path = path();
    let server = server_context(&path.site);
    let error = refusal(&client_context(), &server).unwrap();
    assert_eq!(error.chain(), path.site.chain());
    assert_eq!(error.chain().len(), 2);
    let trusting = Context::new();
    trusting.add_root(path.root.certificate()).unwrap();
    let (near, far) = pair(&trusting, &server, "other.example");
    let (ours, theirs) = shake_hands(&near, &far);
    assert_eq!(ours.unwrap_err().chain(), path.site.chain());
    assert!(
        theirs.unwrap_err().chain().is_empty(),
        "an alert is about no certificate"
    );
    let error = near.read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.chain(), path.site.chain(), "for ever");
    assert!(Error::state("x").chain().is_empty());
}
