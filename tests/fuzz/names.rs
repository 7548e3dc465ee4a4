//! Names, and lists of ECH configurations, as programs and servers give them.

#![no_main]

use tlsmith::{CertOptions, Connection, Context, MemoryTransport, gen_csr, self_signed};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let context = Context::new();
    let _ = context.set_ech(Some(input));
    let Ok(name) = std::str::from_utf8(input) else {
        return;
    };
    if let Ok(connection) = Connection::client(&Context::new(), Some(name), MemoryTransport) {
        let _ = connection.handshake();
    }
    let names = [name.to_owned()];
    if let Ok(made) = self_signed(&names, &CertOptions::default()) {
        let certificate = made.certificate();
        let _ = (certificate.text(), certificate.names());
        assert!(tlsmith::Certificate::from_der(certificate.der().to_vec()).is_ok());
    }
    let _ = gen_csr(&names, &CertOptions::default());
});
