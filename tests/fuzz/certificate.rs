//! Certificates, names and name constraints: read, shown, and verified.

#![no_main]

mod edited;

use std::sync::OnceLock;

use tlsmith::{CertOptions, Certificate, Context, Identity, KeyPurpose, gen_ca, issue_cert};

struct Samples {
    context: Context,
    ca: Identity,
    ders: Vec<Vec<u8>>,
}

fn samples() -> &'static Samples {
    static MADE: OnceLock<Samples> = OnceLock::new();
    MADE.get_or_init(|| {
        let options = CertOptions {
            permitted_names: vec!["example.org".to_owned(), "10.0.0.0/8".to_owned()],
            excluded_names: vec![".bad.example.org".to_owned()],
            ..CertOptions::default()
        };
        let ca = gen_ca(&options).unwrap();
        let names = ["www.example.org", "10.1.2.3"].map(str::to_owned);
        let leaf = issue_cert(&ca, &names, &CertOptions::default()).unwrap();
        let context = Context::new();
        context.add_root(ca.certificate()).unwrap();
        let ders = vec![
            leaf.certificate().der().to_vec(),
            ca.certificate().der().to_vec(),
        ];
        Samples { context, ca, ders }
    })
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let samples = samples();
    let Ok(certificate) = Certificate::from_der(edited::edited(&samples.ders, input)) else {
        return;
    };
    let _ = (certificate.text(), certificate.name_constraints());
    let _ = (
        certificate.names(),
        certificate.subject(),
        certificate.is_ca(),
    );
    let _ = (certificate.extended_key_usage(), certificate.sct_count());
    let chains = [
        vec![certificate.clone()],
        vec![certificate.clone(), samples.ca.certificate().clone()],
    ];
    for chain in chains {
        for name in [
            None,
            Some("www.example.org"),
            Some("10.1.2.3"),
            Some("alice@example.org"),
        ] {
            let _ = samples
                .context
                .verify(&chain, name, Some(KeyPurpose::SERVER_AUTH), None);
        }
    }
    // As a root it judges the others.
    let context = Context::new();
    if context.add_root(&certificate).is_ok() {
        let leaf = Certificate::from_der(samples.ders[0].clone()).unwrap();
        let _ = context.verify(&[leaf], Some("www.example.org"), None, None);
    }
});
