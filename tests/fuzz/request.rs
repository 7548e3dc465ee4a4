//! Requests: read, shown, and signed.

#![no_main]

mod edited;

use std::sync::OnceLock;

use tlsmith::{CertOptions, Csr, Identity, gen_ca, gen_csr, sign_csr};

fn samples() -> &'static (Identity, Vec<Vec<u8>>) {
    static MADE: OnceLock<(Identity, Vec<Vec<u8>>)> = OnceLock::new();
    MADE.get_or_init(|| {
        let ca = gen_ca(&CertOptions::default()).unwrap();
        let names = ["www.example.org", "10.1.2.3"].map(str::to_owned);
        let request = gen_csr(&names, &CertOptions::default()).unwrap();
        (ca, vec![request.der().to_vec(), request.pem().into()])
    })
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let (ca, samples) = samples();
    if let Ok(request) = Csr::from_bytes(&edited::edited(samples, input)) {
        let _ = request.text();
        let _ = (request.names(), request.subject());
        let _ = sign_csr(ca, &request, None, &CertOptions::default());
    }
});
