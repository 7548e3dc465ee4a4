//! CRLs of one CA for different distribution points (RFC 5280, section 6.3.3).

use tlsmith::RevocationRules;

use super::crls::openssl_crl;
use super::*;

/// A CRL by OpenSSL, made on this day of January 2024, for the distribution point `point`
/// alone where there is one.
fn shard(ca: &Identity, listed: &[&Identity], point: Option<&str>, day: u8) -> Crl {
    let line = |id: &&Identity| {
        let serial = id.certificate().serial().to_uppercase();
        format!("R\t351231235959Z\t231230000000Z\t{serial}\tunknown\t/CN=x\n")
    };
    let index = listed.iter().map(line).collect::<String>();
    let point = point.map(|url| {
        format!("issuingDistributionPoint=critical,@point\n[point]\nfullname=URI:{url}\n")
    });
    let from = format!("2401{day:02}000000Z");
    let dates = ["-crl_lastupdate", &from, "-crl_nextupdate", "490101000000Z"];
    openssl_crl(ca, &index, &point.unwrap_or_default(), &dates)
}

/// Verifies a site whose certificate has this CRL distribution point with CRLs that each are
/// for a distribution point, in order of their age.
fn verify_with_shards(
    own_point: Option<&str>,
    shards: &[(Option<&str>, bool)],
    allow_unknown: bool,
) -> tlsmith::Result<Vec<Certificate>> {
    let root = gen_ca(&CertOptions::default()).unwrap();
    let options = CertOptions {
        crl_url: own_point.map(str::to_owned),
        ..CertOptions::default()
    };
    let site = issue_cert(&root, &names(&["a.example"]), &options).unwrap();
    let context = Context::new();
    context.add_root(root.certificate()).unwrap();
    for (day, (point, lists_site)) in (1..).zip(shards) {
        let listed: &[_] = if *lists_site { &[&site] } else { &[] };
        let crl = shard(&root, listed, *point, day);
        context.add_crl(&crl).unwrap();
    }
    let rules = RevocationRules {
        allow_unknown,
        ..RevocationRules::default()
    };
    context.set_revocation(rules).unwrap();
    context.verify(site.chain(), Some("a.example"), None, None)
}

const A: Option<&str> = Some("http://a.example/crl");
const B: Option<&str> = Some("http://b.example/crl");

#[test]
fn every_current_crl_of_the_issuer_revokes_what_it_lists() {
    for (own_point, shards) in [
        (None, &[(None, true), (B, false)][..]),
        (None, &[(A, true), (B, false)]),
        (None, &[(A, true), (None, false)]),
        (None, &[(A, true)]),
        (A, &[(A, true), (B, false)]),
        (A, &[(A, false), (B, true)]),
        (A, &[(B, true), (A, false)]),
        (A, &[(B, true)]),
        (A, &[(A, true), (None, false)]),
    ] {
        for allow_unknown in [false, true] {
            let (status, sentence) =
                status_of(verify_with_shards(own_point, shards, allow_unknown));
            assert_eq!(
                status,
                Status::CertificateRevoked,
                "{own_point:?}, {shards:?}, {allow_unknown}: {sentence}"
            );
        }
    }
}

#[test]
fn only_a_crl_for_its_distribution_point_clears_a_certificate() {
    for (own_point, shards) in [
        (None, &[(B, false)][..]),
        (A, &[(B, false)]),
        (None, &[(A, false), (B, false)]),
    ] {
        let (status, sentence) = status_of(verify_with_shards(own_point, shards, false));
        assert_eq!(status, Status::CertificateUnknownRevocation);
        assert!(
            sentence.contains("is for the distribution point 'http://b.example/crl'"),
            "{sentence}"
        );
        // They are its issuer's, and would list it: that is what may be allowed.
        verify_with_shards(own_point, shards, true).unwrap();
    }
    for (own_point, shards) in [
        (None, &[(None, false), (B, false)][..]),
        (None, &[(None, true), (None, false)]),
        (A, &[(A, false), (B, false)]),
        (A, &[(B, false), (A, false)]),
        (A, &[(None, false)]),
        (A, &[(A, true), (A, false)]),
    ] {
        for allow_unknown in [false, true] {
            let verified = verify_with_shards(own_point, shards, allow_unknown);
            assert!(verified.is_ok(), "{own_point:?}, {shards:?}: {verified:?}");
        }
    }
}
