//! CRLs: read, and asked about certificates.

#![no_main]

mod edited;

use std::sync::OnceLock;

use tlsmith::{
    CertOptions, Certificate, Context, Crl, CrlOptions, Revoked, gen_ca, gen_crl, issue_cert,
};

fn samples() -> &'static (Certificate, Certificate, Vec<Vec<u8>>) {
    static MADE: OnceLock<(Certificate, Certificate, Vec<Vec<u8>>)> = OnceLock::new();
    MADE.get_or_init(|| {
        let ca = gen_ca(&CertOptions::default()).unwrap();
        let names = ["www.example.org".to_owned()];
        let leaf = issue_cert(&ca, &names, &CertOptions::default()).unwrap();
        let revoked = [leaf.certificate().serial().parse::<Revoked>().unwrap()];
        let crl = gen_crl(&ca, &revoked, &CrlOptions::default()).unwrap();
        let samples = vec![crl.der().to_vec(), crl.pem().into()];
        (
            ca.certificate().clone(),
            leaf.certificate().clone(),
            samples,
        )
    })
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let (ca, leaf, samples) = samples();
    let bytes = edited::edited(samples, input);
    for crl in [Crl::from_der(bytes.clone()), Crl::from_pem(&bytes)]
        .into_iter()
        .flatten()
    {
        let _ = crl.text();
        let context = Context::new();
        context.add_root(ca).unwrap();
        if context.add_crl(&crl).is_ok() {
            let _ = context.verify(&[leaf.clone()], Some("www.example.org"), None, None);
        }
    }
});
