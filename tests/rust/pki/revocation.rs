//! Revocation: CRLs against chains (RFC 5280, section 6.3).

use tlsmith::RevocationRules;

use super::*;

pub(crate) struct Case {
    pub(crate) root: Identity,
    pub(crate) middle: Identity,
    pub(crate) site: Identity,
}

pub(crate) fn case(kind: KeyType) -> Case {
    let options = CertOptions {
        key_type: Some(kind),
        ..CertOptions::default()
    };
    let root = gen_ca(&options).unwrap();
    let middle = CertOptions {
        ca: true,
        ..options
    };
    let middle = issue_cert(&root, &[], &middle).unwrap();
    let site = issue_cert(&middle, &names(&["a.example"]), &CertOptions::default()).unwrap();
    Case { root, middle, site }
}

pub(crate) fn revoked(list: &[&Identity]) -> Vec<Revoked> {
    let entry = |id: &&Identity| Revoked {
        serial: id.certificate().serial().to_owned(),
        time: Some(1_700_000_000),
        reason: Some(RevocationReason::KeyCompromise),
    };
    list.iter().map(entry).collect()
}

pub(crate) fn crl(ca: &Identity, list: &[&Identity]) -> Crl {
    gen_crl(ca, &revoked(list), &CrlOptions::default()).unwrap()
}

pub(crate) fn verify(case: &Case, crls: &[Crl]) -> tlsmith::Result<Vec<Certificate>> {
    let context = Context::new();
    context.add_root(case.root.certificate()).unwrap();
    for crl in crls {
        context.add_crl(crl).unwrap();
    }
    context.verify(case.site.chain(), Some("a.example"), None, None)
}

#[test]
fn crl_revokes_trusted_certificate_without_its_issuer() {
    let case = case(KeyType::EcdsaP256);
    let context = Context::new();
    context.add_root(case.site.certificate()).unwrap();
    context.add_crl(&crl(&case.middle, &[&case.site])).unwrap();
    let alone = &case.site.chain()[..1];
    for chain in [alone, case.site.chain()] {
        let (status, sentence) = status_of(context.verify(chain, Some("a.example"), None, None));
        assert_eq!(status, Status::CertificateRevoked, "{sentence}");
    }
}

#[test]
fn crl_with_unsupported_signature_is_rejected_by_algorithm() {
    let case = case(KeyType::EcdsaP256);
    let sha256 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
    let mut der = crl(&case.middle, &[&case.site]).der().to_vec();
    let places = der.windows(sha256.len()).enumerate();
    let places = places.filter(|(_, part)| *part == sha256);
    let places: Vec<_> = places.map(|(at, _)| at + sha256.len() - 1).collect();
    assert_eq!(places.len(), 2);
    for at in places {
        // ecdsa-with-SHA224
        der[at] = 1;
    }
    let odd = Crl::from_der(der).unwrap();
    let context = Context::new();
    let (status, sentence) = status_of(context.add_crl(&odd));
    assert_eq!(status, Status::Unsupported);
    let expected = "the CRL of 'CN=tlsmith intermediate CA' cannot be used: it is signed with \
                    ecdsa-with-SHA224, which is not supported";
    assert!(sentence.contains(expected), "{sentence}");
}

#[test]
fn unusable_crl_of_the_issuer_name_fails_even_if_unknown_is_allowed() {
    let case = case(KeyType::EcdsaP256);
    let twin = gen_ca(&CertOptions {
        common_name: Some("tlsmith intermediate CA".to_owned()),
        ..CertOptions::default()
    });
    let twin = twin.unwrap();
    let later = CrlOptions {
        this_update: Some(4_000_000_000),
        ..CrlOptions::default()
    };
    let later = gen_crl(&case.middle, &[], &later).unwrap();
    let verify = |crls: &[&Crl]| {
        let context = Context::new();
        context.add_root(case.root.certificate()).unwrap();
        for crl in crls {
            context.add_crl(crl).unwrap();
        }
        let rules = RevocationRules {
            allow_unknown: true,
            ..RevocationRules::default()
        };
        context.set_revocation(rules).unwrap();
        context.verify(case.site.chain(), Some("a.example"), None, None)
    };
    let (of_root, of_twin) = (crl(&case.root, &[]), crl(&twin, &[]));
    let forged = "no CRL for the certificate of 'CN=a.example' is signed with the key of its \
                  issuer 'CN=tlsmith intermediate CA'";
    let from_the_future = "the one of 'CN=tlsmith intermediate CA' is from the future";
    for (crls, expected) in [
        (&[&of_twin][..], forged),
        (&[&of_twin, &of_twin], forged),
        (&[&of_twin, &of_root, &of_root], forged),
        (&[&later], from_the_future),
        (&[&later, &of_root, &of_root], from_the_future),
    ] {
        let error = verify(crls).unwrap_err();
        assert_eq!(error.status(), Status::CertificateUnknownRevocation);
        assert!(error.to_string().contains(expected), "{error}");
    }
    verify(&[]).unwrap();
    verify(&[&of_root]).unwrap();
    let of_middle = crl(&case.middle, &[]);
    verify(&[&of_middle]).unwrap();
    verify(&[&of_twin, &of_middle]).unwrap();
    verify(&[&later, &of_middle]).unwrap();
    let lists_site = crl(&case.middle, &[&case.site]);
    assert_eq!(
        status_of(verify(&[&of_twin, &lists_site])).0,
        Status::CertificateRevoked
    );
}

#[test]
fn openssl_agrees_about_crls_of_every_key_type() {
    for kind in OPENSSL_KINDS {
        let case = case(kind);
        let folder = TempDir::new().unwrap();
        let root = write(&folder, "root.pem", case.root.cert_pem());
        let chain = write(&folder, "chain.pem", case.site.cert_pem());
        let both = format!("{}{}", case.root.cert_pem(), case.middle.cert_pem());
        let both = write(&folder, "both.pem", both);
        let check = |crls: &[Crl]| {
            let pem: String = crls.iter().map(Crl::pem).collect();
            let crls = write(&folder, "crls.pem", pem);
            openssl(&[
                "verify",
                "-x509_strict",
                "-crl_check_all",
                "-CAfile",
                text(&root),
                "-untrusted",
                text(&chain),
                "-CRLfile",
                text(&crls),
                text(&chain),
            ])
        };
        let none = [crl(&case.root, &[]), crl(&case.middle, &[])];
        for crl in &none {
            let file = write(&folder, "crl.pem", crl.pem());
            let out = openssl(&["crl", "-in", text(&file), "-noout", "-CAfile", text(&both)]);
            let words = String::from_utf8_lossy(&out.stderr).into_owned();
            assert!(words.contains("verify OK"), "{kind}: {words}");
        }
        assert!(check(&none).status.success(), "{kind}: {:?}", check(&none));
        assert_eq!(verify(&case, &none).unwrap().len(), 3);

        let site = [crl(&case.root, &[]), crl(&case.middle, &[&case.site])];
        let middle = [crl(&case.root, &[&case.middle]), crl(&case.middle, &[])];
        for (crls, culprit) in [(&site, &case.site), (&middle, &case.middle)] {
            let out = check(crls);
            let words = String::from_utf8_lossy(&out.stderr).into_owned();
            assert!(words.contains("certificate revoked"), "{kind}: {words}");
            let (status, sentence) = status_of(verify(&case, crls));
            assert_eq!(status, Status::CertificateRevoked);
            let expected = format!(
                "certificate of '{}' is revoked by '{}' since 2023-11-14 22:13:20 UTC \
                 (keyCompromise)",
                culprit.certificate().subject(),
                culprit.certificate().issuer()
            );
            assert_eq!(sentence, expected);
        }
    }
}

#[test]
fn certificate_of_unknown_status_is_rejected() {
    let case = case(KeyType::EcdsaP256);
    let good = [crl(&case.root, &[]), crl(&case.middle, &[])];
    let (status, sentence) = status_of(verify(&case, &good[..1]));
    assert_eq!(status, Status::CertificateUnknownRevocation);
    assert!(
        sentence.contains("of 'CN=a.example': add the CRL of 'CN=tlsmith intermediate CA'"),
        "{sentence}"
    );
    let (status, sentence) = status_of(verify(&case, &good[1..]));
    assert_eq!(status, Status::CertificateUnknownRevocation);
    assert!(
        sentence.contains("add the CRL of 'CN=tlsmith CA'"),
        "{sentence}"
    );

    let old = CrlOptions {
        this_update: Some(1_700_000_000),
        ..CrlOptions::default()
    };
    let old = gen_crl(&case.middle, &[], &old).unwrap();
    let expired = verify(&case, &[good[0].clone(), old.clone()]).unwrap_err();
    assert_eq!(expired.status(), Status::CertificateUnknownRevocation);
    assert!(expired.to_string().contains("2023-11-21"), "{expired}");
    // The latest of an authority counts, in whatever order they are added.
    verify(&case, &[good[0].clone(), old.clone(), good[1].clone()]).unwrap();
    verify(&case, &[good[1].clone(), old, good[0].clone()]).unwrap();

    // One that another key signed in the name of the CA.
    let forger = gen_ca(&CertOptions {
        common_name: Some("tlsmith intermediate CA".to_owned()),
        ..CertOptions::default()
    });
    let forged = crl(&forger.unwrap(), &[]);
    let (status, sentence) = status_of(verify(&case, &[good[0].clone(), forged]));
    assert_eq!(status, Status::CertificateUnknownRevocation);
    assert!(sentence.contains("forged"), "{sentence}");
}

#[test]
fn revocation_error_names_the_unusable_crl_and_its_certificate() {
    let case = case(KeyType::EcdsaP256);
    let old = CrlOptions {
        this_update: Some(1_700_000_000),
        ..CrlOptions::default()
    };
    let forger = gen_ca(&CertOptions::default()).unwrap();
    let old = gen_crl(&case.root, &[], &old).unwrap();
    for (unusable, expected) in [
        (
            old,
            "covers the certificate of 'CN=tlsmith intermediate CA'",
        ),
        (
            crl(&forger, &[]),
            "no CRL for the certificate of 'CN=tlsmith intermediate CA' is signed with the key \
             of its issuer 'CN=tlsmith CA'",
        ),
    ] {
        let (_, sentence) = status_of(verify(&case, &[crl(&case.middle, &[]), unusable]));
        assert!(sentence.contains(expected), "{sentence}");
    }
}

#[test]
fn ca_without_crl_sign_cannot_sign_crls() {
    let case = case(KeyType::EcdsaP256);
    for (ca, part) in [
        (case.site.clone(), "it is not a CA"),
        (
            Identity::new(case.root.chain().to_vec(), None).unwrap(),
            "private key is not available",
        ),
    ] {
        let (status, sentence) = status_of(gen_crl(&ca, &[], &CrlOptions::default()));
        assert_eq!(status, Status::Issue);
        assert!(sentence.contains(part), "{sentence}");
    }
    let entry = |serial: &str| Revoked {
        serial: serial.to_owned(),
        time: None,
        reason: None,
    };
    for serial in ["", "xyz", "0x12", &"ff".repeat(21), "ü"] {
        let made = gen_crl(&case.root, &[entry(serial)], &CrlOptions::default());
        let (status, sentence) = status_of(made);
        assert_eq!(status, Status::Argument, "{serial}");
        assert!(sentence.contains("is not a serial number"), "{sentence}");
    }
    assert_eq!(
        status_of("12=because".parse::<Revoked>()).0,
        Status::Argument
    );
    for options in [
        CrlOptions {
            lifetime: Some(Duration::ZERO),
            ..CrlOptions::default()
        },
        CrlOptions {
            lifetime: Some(Duration::MAX),
            ..CrlOptions::default()
        },
        CrlOptions {
            this_update: Some(i64::MAX),
            ..CrlOptions::default()
        },
    ] {
        let (status, sentence) = status_of(gen_crl(&case.root, &[], &options));
        assert_eq!(status, Status::Argument, "{sentence}");
    }
}
