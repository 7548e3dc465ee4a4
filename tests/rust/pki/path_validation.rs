//! Chains verified without a connection (RFC 5280, section 6).

use super::*;

fn root() -> Identity {
    gen_ca(&CertOptions::default()).unwrap()
}

fn context(root: &Identity) -> Context {
    let context = Context::new();
    context.add_root(root.certificate()).unwrap();
    context
}

fn issue(ca: &Identity, list: &[&str]) -> Identity {
    issue_cert(ca, &names(list), &CertOptions::default()).unwrap()
}

#[test]
fn verification_compares_names_as_rfc_9525_requires() {
    let root = root();
    let context = context(&root);
    // The names of a certificate, one that is asked for, and whether it fits:
    // RFC 9525, section 6.3, with the wildcard as the whole first label.
    let cases: [(&[&str], &str, bool); 22] = [
        (&["a.example"], "a.example", true),
        (&["a.example"], "A.Example", true),
        (&["a.example"], "a.example.", true),
        (&["a.example"], "b.example", false),
        (&["a.example"], "x.a.example", false),
        (&["a.example", "b.example"], "b.example", true),
        (&["*.a.example"], "x.a.example", true),
        (&["*.a.example"], "X.A.EXAMPLE", true),
        (&["*.a.example"], "a.example", false),
        (&["*.a.example"], "x.y.a.example", false),
        (&["*.a.example"], "xn--x-yja.a.example", true),
        (&["192.0.2.1"], "192.0.2.1", true),
        (&["192.0.2.1"], "192.0.2.2", false),
        (&["192.0.2.1"], "a.example", false),
        (&["2001:db8::1"], "2001:db8::1", true),
        (&["2001:db8::1"], "2001:0DB8:0:0:0:0:0:1", true),
        (&["2001:db8::1"], "2001:db8::2", false),
        (&["::ffff:192.0.2.1"], "192.0.2.1", false),
        (&["müller.example"], "müller.example", true),
        (&["müller.example"], "MÜLLER.example", true),
        (&["müller.example"], "xn--mller-kva.example", true),
        (&["xn--mller-kva.example"], "müller.example", true),
    ];
    for (names, asked, fits) in cases {
        let id = issue(&root, names);
        let verified = context.verify(id.chain(), Some(asked), None, None);
        match verified {
            Ok(path) => assert!(fits && path.len() == 2, "{names:?} for {asked}"),
            Err(error) => {
                assert!(!fits, "{names:?} for {asked}: {error}");
                assert_eq!(error.status(), Status::CertificateNameMismatch);
                assert!(error.to_string().contains("you asked for"), "{error}");
            }
        }
        context.verify(id.chain(), None, None, None).unwrap();
    }
    let key_like = "8fq3vXw9LpZ2rT6yKd1mNb5cHj7sGa4eUo0iQxWz";
    let (_, sentence) = status_of(context.verify(
        issue(&root, &["a.example"]).chain(),
        Some(key_like),
        None,
        None,
    ));
    let expected = "you asked for (a text of 40 characters that looks like key material)";
    assert!(sentence.contains(expected), "{sentence}");
    let wild = issue(&root, &["*.müller.example"]);
    assert_eq!(wild.certificate().names(), ["*.xn--mller-kva.example"]);
    context
        .verify(wild.chain(), Some("www.müller.example"), None, None)
        .unwrap();
    for asked in ["", "a b", "*.a.example", "a..b", "ü\u{202e}x", "1.2.3"] {
        let (status, sentence) = status_of(context.verify(wild.chain(), Some(asked), None, None));
        assert_eq!(status, Status::Argument, "{asked}: {sentence}");
    }
}

#[test]
fn verification_checks_the_validity_period() {
    let start = 1_600_000_000;
    let day = DAY as i64;
    let root = gen_ca(&CertOptions {
        not_before: Some(start),
        lifetime: Some(Duration::from_secs(100 * DAY)),
        ..CertOptions::default()
    });
    let root = root.unwrap();
    let id = CertOptions {
        not_before: Some(start + day),
        lifetime: Some(Duration::from_secs(9 * DAY)),
        ..CertOptions::default()
    };
    let id = issue_cert(&root, &names(&["a.example"]), &id).unwrap();
    let context = context(&root);
    let at = |time| context.verify(id.chain(), Some("a.example"), None, Some(time));
    at(start + day).unwrap();
    at(start + 10 * day).unwrap();
    let (expired, too_early) = (Status::CertificateExpired, Status::CertificateNotYetValid);
    for (time, expected, part) in [
        (
            start + day - 1,
            too_early,
            "is not valid before 2020-09-14 12:26:40 UTC (in 1 seconds)",
        ),
        (
            start + 10 * day + 1,
            expired,
            "expired on 2020-09-23 12:26:40 UTC",
        ),
        (4_000_000_000_000, expired, "expired on 2020-09-23"),
        (0, too_early, "is not valid before"),
    ] {
        let (status, sentence) = status_of(at(time));
        assert_eq!(status, expected);
        assert!(sentence.contains(part), "{sentence}");
    }
    assert_eq!(status_of(at(-1)).0, Status::Argument);
    let now = context.verify(id.chain(), None, None, None);
    assert_eq!(status_of(now).0, Status::CertificateExpired);
}

#[test]
fn verification_returns_the_path_to_a_root() {
    let root = root();
    let ca = CertOptions {
        ca: true,
        ..CertOptions::default()
    };
    let middle = issue_cert(&root, &[], &ca).unwrap();
    let site = issue(&middle, &["a.example"]);
    let path = context(&root)
        .verify(site.chain(), Some("a.example"), None, None)
        .unwrap();
    let expected = [
        site.certificate().clone(),
        middle.certificate().clone(),
        root.certificate().clone(),
    ];
    assert_eq!(path, expected);

    // Others that come along are passed over, in whatever order.
    let stranger = issue_cert(&self::root(), &[], &ca).unwrap();
    let shuffled = [
        site.certificate().clone(),
        stranger.certificate().clone(),
        root.certificate().clone(),
        middle.certificate().clone(),
    ];
    let path = context(&root)
        .verify(&shuffled, Some("a.example"), None, None)
        .unwrap();
    assert_eq!(path, expected);

    let leaf_alone = &site.chain()[..1];
    let (status, sentence) = status_of(context(&root).verify(leaf_alone, None, None, None));
    assert_eq!(status, Status::CertificateUnknownIssuer);
    assert!(
        sentence.contains("CN=tlsmith intermediate CA"),
        "{sentence}"
    );
    let (status, _) = status_of(context(&self::root()).verify(site.chain(), None, None, None));
    assert_eq!(status, Status::CertificateBadSignature);
    assert_eq!(
        status_of(context(&root).verify(&[], None, None, None)).0,
        Status::Argument
    );

    let trusting = Context::new();
    trusting.insecure_no_verify().unwrap();
    assert!(
        trusting
            .verify(site.chain(), Some("b.example"), None, None)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn verification_checks_the_purpose() {
    let root = root();
    let context = context(&root);
    let with_usage = |server, client| {
        let options = CertOptions {
            usage: Some(Usage { server, client }),
            ..CertOptions::default()
        };
        issue_cert(&root, &names(&["a.example"]), &options).unwrap()
    };
    let (server, client, both) = (
        with_usage(true, false),
        with_usage(false, true),
        with_usage(true, true),
    );
    for (id, role, is_good) in [
        (&server, Some(KeyPurpose::SERVER_AUTH), true),
        (&server, Some(KeyPurpose::CLIENT_AUTH), false),
        (&server, None, true),
        (&client, Some(KeyPurpose::SERVER_AUTH), false),
        (&client, Some(KeyPurpose::CLIENT_AUTH), true),
        (&client, None, true),
        (&both, Some(KeyPurpose::SERVER_AUTH), true),
        (&both, Some(KeyPurpose::CLIENT_AUTH), true),
    ] {
        let verified = context.verify(id.chain(), None, role, None);
        assert_eq!(verified.is_ok(), is_good, "{role:?}: {verified:?}");
        if let Err(error) = verified {
            assert_eq!(error.status(), Status::CertificateWrongUsage);
            assert!(error.to_string().contains("may be used for"), "{error}");
        }
    }
    let ca_as_leaf = context.verify(root.chain(), None, None, None).unwrap_err();
    assert_eq!(ca_as_leaf.status(), Status::CertificateNotAnEndEntity);
}

#[test]
fn verification_rejects_chains_that_violate_name_constraints() {
    // The key of a limited CA, used under a certificate without the limits.
    let root = root();
    let key = PrivateKey::generate(KeyType::EcdsaP256).unwrap();
    let limited = |change: fn(&mut CertOptions)| {
        let mut options = CertOptions {
            ca: true,
            common_name: Some("Middle".to_owned()),
            key: Some(key.clone()),
            ..CertOptions::default()
        };
        change(&mut options);
        issue_cert(&root, &[], &options).unwrap()
    };
    let free = limited(|options| options.path_len = Some(3));
    let site = issue(&free, &["a.example"]);
    let below = CertOptions {
        ca: true,
        ..CertOptions::default()
    };
    let below = issue(&issue_cert(&free, &[], &below).unwrap(), &["a.example"]);
    let context = context(&root);
    let verify = |id: &Identity, middle: &Identity| {
        let chain = id.chain().iter().filter(|one| *one != free.certificate());
        let chain: Vec<_> = chain.chain(middle.chain()).cloned().collect();
        context.verify(&chain, Some("a.example"), None, None)
    };
    verify(&site, &free).unwrap();
    verify(&below, &free).unwrap();
    let names = limited(|options| options.permitted_names = vec!["b.example".to_owned()]);
    let depth = limited(|options| options.path_len = Some(0));
    for (id, middle, problem) in [
        (&site, &names, Status::CertificateConstraint),
        (&below, &depth, Status::CertificatePathTooLong),
    ] {
        let error = verify(id, middle).unwrap_err();
        assert_eq!(error.status(), problem, "{error}");
    }
}
