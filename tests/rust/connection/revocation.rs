//! Revocation of peers: CRLs and how strictly they are required.

use support::*;
use tlsmith::{
    CertOptions, ClientAuth, Context, CrlOptions, Identity, RevocationReason, RevocationRules,
    Revoked, Status, gen_ca, gen_crl, issue_cert,
};

use crate::verification_time::DAY;

/// A root, a CA below it, and a site below that.
pub(crate) struct Path {
    pub(crate) root: Identity,
    pub(crate) middle: Identity,
    pub(crate) site: Identity,
}

pub(crate) fn path() -> Path {
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
fn revocation_rules_decide_which_certificates_need_a_crl() {
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
        let got = client_status(&client, &server_context(&path.site));
        assert_eq!(got, expected, "{} CRLs, {rules:?}", crls.len());
    }
}

#[test]
fn revocation_error_has_the_time_from_the_crl_of_the_issuer() {
    let named = || ca_named("Twin");
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
        let error = client_error(&client, &server_context(&site))
            .unwrap()
            .to_string();
        assert!(error.ends_with("(keyCompromise)"), "{error}");
    }
}

#[test]
fn client_rejects_revoked_intermediate_even_as_trust_anchor() {
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
        assert_eq!(outcome.err().map(|error| error.status()), expected);
    }
}

#[test]
fn crl_of_any_key_of_the_issuer_name_revokes_trusted_certificate() {
    let named = || ca_named("Changed its key");
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
                let got = verify(&trusting(&[&site])).err();
                let got = got.map(|error| error.status());
                assert_eq!(got, Some(Status::CertificateRevoked));
            }
        }
    }
}

#[test]
fn revoked_peer_is_rejected_with_an_alert_on_both_sides() {
    let user = issue(&["alice@example.org"], &CertOptions::default());
    let site = issue(&["localhost"], &CertOptions::default());
    let revoked = [&user, &site].map(|one| one.certificate().serial().parse::<Revoked>().unwrap());
    let crl = gen_crl(ca(), &revoked, &CrlOptions::default()).unwrap();
    for version in BOTH_VERSIONS {
        let client = only(client_context(), version);
        client.add_crls_bytes(crl.pem().as_bytes()).unwrap();
        let (ours, theirs) = pair(&client, &server_context(&site), "localhost");
        let (one, other) = run_handshake(&ours, &theirs);
        assert_fails(one, Status::CertificateRevoked, "CN=localhost");
        assert_eq!(other.unwrap_err().alert(), Some(44));
        // One that is not listed.
        connected_pair(&client, &server_context(localhost()), "localhost");

        let client = only(client_context(), version);
        client.use_identity(&user).unwrap();
        let server = server_context(localhost());
        server.add_root(ca().certificate()).unwrap();
        server.set_client_auth(ClientAuth::Optional).unwrap();
        server.add_crl(&crl).unwrap();
        let (ours, theirs) = pair(&client, &server, "localhost");
        let (one, other) = run_handshake(&ours, &theirs);
        assert_fails(other, Status::CertificateRevoked, "alice@example.org");
        let one = one.and_then(|()| ours.read(&mut [0; 1]).map(drop));
        assert_eq!(one.unwrap_err().alert(), Some(44));
    }
}
