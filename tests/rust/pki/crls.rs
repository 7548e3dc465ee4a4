//! Certificate revocation lists (RFC 5280, section 5): issued, and read.

use super::*;
use crate::revocation::{case, crl, revoked, verify};

#[test]
fn crl_loads_the_first_one_of_a_file() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("list");
    let ca = gen_ca(&CertOptions::default()).unwrap();
    let [first, second] = [(), ()].map(|()| gen_crl(&ca, &[], &CrlOptions::default()).unwrap());
    for (content, is_found) in [
        (first.der(), true),
        (first.pem().as_bytes(), true),
        ([first.pem(), second.pem()].concat().as_bytes(), true),
        (ca.cert_pem().as_bytes(), false),
        (b"", false),
    ] {
        fs::write(&path, content).unwrap();
        for outcome in [Crl::load(&path), Crl::from_bytes(content)] {
            match is_found {
                true => assert_eq!(outcome.unwrap(), first),
                false => assert_eq!(outcome.unwrap_err().status(), Status::Parse),
            }
        }
    }
    let missing = Crl::load(Path::new("missing.crl")).unwrap_err();
    assert_eq!(missing.status(), Status::File);
}

#[test]
fn ml_dsa_signs_crls_too() {
    let case = case(KeyType::MlDsa65);
    let crls = [crl(&case.root, &[]), crl(&case.middle, &[&case.site])];
    assert_eq!(
        status_of(verify(&case, &crls)).0,
        Status::CertificateRevoked
    );
    let crls = [crl(&case.root, &[]), crl(&case.middle, &[])];
    verify(&case, &crls).unwrap();
}

#[test]
fn crl_validity_starts_an_hour_ago_and_counts_from_now() {
    let now = || {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        i64::try_from(since.unwrap().as_secs()).unwrap()
    };
    let ca = |not_before| {
        let options = CertOptions {
            not_before,
            ..CertOptions::default()
        };
        gen_ca(&options).unwrap()
    };
    let options = CrlOptions {
        lifetime: Some(Duration::from_secs(600)),
        ..CrlOptions::default()
    };
    let before = now();
    let (hour, minute, ahead) = (3_600, 60, 7_200);
    for (ca, earlier) in [
        (ca(Some(before - 10 * hour)), hour),
        (ca(Some(before - minute)), minute),
        (ca(Some(before + ahead)), 0),
    ] {
        let crl = gen_crl(&ca, &[], &options).unwrap();
        let (start, after) = (crl.this_update(), now());
        assert!(
            (before - earlier..=after - earlier).contains(&start),
            "{start}"
        );
        let end = crl.next_update().unwrap();
        assert!((before + 600..=after + 600).contains(&end), "{end}");
    }
}

#[test]
fn crl_has_the_given_content() {
    let case = case(KeyType::EcdsaP256);
    let options = CrlOptions {
        lifetime: Some(Duration::from_secs(30 * DAY)),
        number: Some(4_711),
        this_update: Some(1_800_000_000),
    };
    let mut entries = revoked(&[&case.site]);
    entries.push(Revoked {
        serial: "80ff".to_owned(),
        time: Some(2_600_000_000),
        reason: None,
    });
    entries.push("0A:1b=superseded".parse().unwrap());
    let crl = gen_crl(&case.middle, &entries, &options).unwrap();
    let crl = Crl::from_pem(crl.pem().as_bytes()).unwrap();
    assert_eq!(crl.issuer(), case.middle.certificate().subject());
    assert_eq!(crl.number().as_deref(), Some("1267"));
    assert_eq!(crl.this_update(), 1_800_000_000);
    assert_eq!(crl.next_update(), Some(1_800_000_000 + 30 * DAY as i64));
    assert_eq!(crl.signature_type(), "ecdsa-with-SHA256");
    assert_eq!(crl.revoked()[..2], entries[..2]);
    assert_eq!(crl.revoked()[2].serial, "0a1b");
    assert_eq!(crl.revoked()[2].reason, Some(RevocationReason::Superseded));
    assert_eq!(crl.revoked()[2].time, Some(1_800_000_000));

    let folder = TempDir::new().unwrap();
    let file = folder.path().join("crl.pem");
    crl.save(&file).unwrap();
    assert_eq!(Crl::load_all(&file).unwrap(), std::slice::from_ref(&crl));
    let words = openssl_prints(&["crl", "-in", text(&file), "-noout", "-text"]);
    let key_id = openssl_prints(&[
        "x509",
        "-noout",
        "-ext",
        "subjectKeyIdentifier",
        "-in",
        text(&write(
            &folder,
            "middle.pem",
            case.middle.certificate().pem(),
        )),
    ]);
    let key_id = key_id.lines().last().unwrap().trim();
    for part in [
        "X509v3 CRL Number: \n                4711",
        "Serial Number: 80FF\n        Revocation Date: May 22 14:13:20 2052 GMT",
        "Key Compromise",
        "Superseded",
        "Next Update: Feb 14 08:00:00 2027 GMT",
        key_id,
    ] {
        assert!(words.contains(part), "no '{part}' in {words}");
    }
    for part in [
        "Revoked:             3",
        "80ff on 2052-05-22",
        "superseded",
        "CRL number: 1267",
    ] {
        assert!(crl.text().contains(part), "no '{part}' in {}", crl.text());
    }
}

#[test]
fn crl_numbers_increase() {
    let ca = gen_ca(&CertOptions::default()).unwrap();
    let numbers =
        (0..50).map(|_| u64::from_str_radix(&crl(&ca, &[]).number().unwrap(), 16).unwrap());
    let numbers: Vec<_> = numbers.collect();
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
}

/// A CRL that OpenSSL makes of its index, with more extensions and these dates.
pub(super) fn openssl_crl(ca: &Identity, index: &str, extensions: &str, dates: &[&str]) -> Crl {
    let folder = TempDir::new().unwrap();
    let (cert, key) = (folder.path().join("ca.pem"), folder.path().join("ca.key"));
    ca.save(Some(&cert), Some(&key)).unwrap();
    let index = write(&folder, "index", index);
    let number = write(&folder, "number", "0100\n");
    let config = format!(
        "[ca]\ndefault_ca=ours\n[ours]\ndatabase={}\ncrlnumber={}\ndefault_md=sha256\n\
         crl_extensions=ext\n[ext]\nauthorityKeyIdentifier=keyid\n{extensions}",
        text(&index),
        text(&number)
    );
    let config = write(&folder, "config", config);
    let (config, cert, key) = (text(&config), text(&cert), text(&key));
    let command = [
        "ca", "-gencrl", "-config", config, "-cert", cert, "-keyfile", key,
    ];
    let pem = openssl_prints(&[&command[..], dates].concat());
    Crl::from_pem(pem.as_bytes()).unwrap()
}

#[test]
fn tlsmith_reads_the_crls_of_openssl() {
    let ca = gen_ca(&CertOptions::default()).unwrap();
    let index = "R\t301231235959Z\t240102030405Z,keyCompromise\t0A1B\tunknown\t/CN=x\n\
                 R\t301231235959Z\t240102030405Z\t0C\tunknown\t/CN=y\n";
    let crl = openssl_crl(&ca, index, "", &["-crldays", "30"]);
    assert_eq!(crl.issuer(), ca.certificate().subject());
    assert_eq!(crl.number().as_deref(), Some("0100"));
    assert_eq!(crl.revoked()[1].serial, "0a1b");
    assert_eq!(crl.revoked()[1].time, Some(1_704_164_645));
    assert_eq!(
        crl.revoked()[1].reason,
        Some(RevocationReason::KeyCompromise)
    );
    assert_eq!(crl.revoked()[0].serial, "0c");
    assert_eq!(crl.revoked()[0].reason, None);
    let context = Context::new();
    context.add_root(ca.certificate()).unwrap();
    context.add_crl(&crl).unwrap();
    let site = issue_cert(&ca, &names(&["a.example"]), &CertOptions::default()).unwrap();
    context
        .verify(site.chain(), Some("a.example"), None, None)
        .unwrap();
}

#[test]
fn damaged_crls_give_errors_or_results_but_no_panic() {
    let case = case(KeyType::Ed25519);
    let original = crl(&case.middle, &[&case.site]);
    let other = crl(&case.root, &[]);
    let original = original.der();
    for index in 0..original.len() {
        assert!(Crl::from_der(&original[..index]).is_err());
        for change in 1..=0xff {
            let mut damaged = original.to_vec();
            damaged[index] ^= change;
            let Ok(damaged) = Crl::from_der(damaged) else {
                continue;
            };
            assert!(!damaged.text().is_empty());
            if ![0x01, 0x80, 0xff].contains(&change) {
                continue;
            }
            let context = Context::new();
            context.add_root(case.root.certificate()).unwrap();
            context.add_crl(&other).unwrap();
            if context.add_crl(&damaged).is_ok() {
                let verified = context.verify(case.site.chain(), None, None, None);
                assert!(
                    verified.is_err(),
                    "a damaged CRL lets a revoked certificate pass"
                );
            }
        }
    }
}
