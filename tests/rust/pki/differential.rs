//! The certificate parser against that of path building, over mutations of certificates.

use super::*;
use crate::der_builder::{BIG, Odd, extension, look_at, tlv, webpki_accepts};

/// A certificate that webpki accepts and we do not would be a peer that nobody can ask
/// who it is.
#[test]
fn parser_reads_what_path_building_accepts() {
    let mut random = fastrand::Rng::with_seed(0x5280);
    let originals = originals();
    let mut accepted = 0;
    for round in 0..60_000 {
        let mut der = originals[random.usize(..originals.len())].clone();
        for _ in 0..random.usize(1..4) {
            mutate(&mut der, &mut random);
        }
        let ours = Certificate::from_der(der.clone());
        if let Ok(certificate) = &ours
            && round % 10 == 0
        {
            look_at(certificate);
        }
        if webpki_accepts(&der) {
            accepted += 1;
            if let Err(error) = ours {
                panic!("round {round}: webpki accepts it, and {error}: {der:02x?}");
            }
        }
    }
    assert!(
        accepted > 10_000,
        "only {accepted} were accepted: the mutations are too coarse"
    );
}

/// Legal certificates of many kinds, and the odd ones from above.
fn originals() -> Vec<Vec<u8>> {
    let ca = gen_ca(&CertOptions::default()).unwrap();
    let options = CertOptions {
        crl_url: Some("http://crl.example/1".to_owned()),
        ocsp_url: Some("http://ocsp.example".to_owned()),
        must_staple: true,
        subject: Some("CN=x+UID=7,OU=a,OU=b,O=Example,C=DE".to_owned()),
        ..CertOptions::default()
    };
    let site = names(&[
        "a.example",
        "*.b.example",
        "10.0.0.1",
        "::1",
        "c@d.example",
        "http://e/",
    ]);
    let site = issue_cert(&ca, &site, &options).unwrap();
    let limited = CertOptions {
        ca: true,
        common_name: Some("Limited".to_owned()),
        permitted_names: names(&["example.com", "10.0.0.0/8", "@example.com"]),
        ..CertOptions::default()
    };
    let limited = issue_cert(&ca, &[], &limited).unwrap();
    let wild = fs::read("tests/data/example.org.pem").unwrap();
    let wild = Certificate::from_pem(&wild).unwrap();
    let odd = Odd::new().with(extension(BIG, Some(0), &[5, 0]));
    let bare = Odd {
        extensions: None,
        ..Odd::new()
    };
    let mut all = vec![odd.der(), bare.der()];
    for certificate in [
        ca.certificate(),
        site.certificate(),
        limited.certificate(),
        &wild,
    ] {
        all.push(certificate.der().to_vec());
    }
    all
}

/// Changes one element somewhere, and the lengths around it with it.
fn mutate(der: &mut Vec<u8>, random: &mut fastrand::Rng) {
    let places = elements(der);
    if places.is_empty() {
        return;
    }
    let &(start, header, end) = &places[random.usize(..places.len())];
    let content = der[start + header..end].to_vec();
    let byte = random.u8(..);
    let new = match random.u8(..9) {
        0 => tlv(byte, &content),
        1 => tlv(
            [0x0c, 0x13, 0x1c, 0x1e, 0x30, 0x31, 0x02, 0x04, 0x06][random.usize(..9)],
            &content,
        ),
        2 => vec![],
        3 => [der[start..end].to_vec(), der[start..end].to_vec()].concat(),
        4 => tlv(der[start], &[&content[..], &[byte]].concat()),
        5 => tlv(der[start], &content[..content.len() / 2]),
        6 => tlv(
            der[start],
            &(0..random.usize(..40))
                .map(|_| random.u8(..))
                .collect::<Vec<_>>(),
        ),
        7 => tlv(0x01, &[if byte > 128 { 0xff } else { 0 }]),
        _ => {
            let mut flipped = content.clone();
            if let Some(at) = (!flipped.is_empty()).then(|| random.usize(..flipped.len())) {
                flipped[at] ^= 1 << (byte % 8);
            }
            tlv(der[start], &flipped)
        }
    };
    *der = replace(der, start, end, &new);
}

/// Where every element starts, how long its header is, and where it ends: also of
/// those inside strings that hold DER.
fn elements(der: &[u8]) -> Vec<(usize, usize, usize)> {
    let mut found = Vec::new();
    collect(der, 0, der.len(), &mut found);
    found
}

fn collect(
    der: &[u8],
    mut start: usize,
    end: usize,
    found: &mut Vec<(usize, usize, usize)>,
) -> bool {
    let mut inner = Vec::new();
    while start < end {
        let Some((header, length)) = header(&der[start..end]) else {
            return false;
        };
        let stop = start + header + length;
        inner.push((start, header, stop));
        match der[start] {
            0x30 | 0x31 | 0xa0..=0xaf => {
                collect(der, start + header, stop, &mut inner);
            }
            0x04 if length > 1 => {
                collect(der, start + header, stop, &mut inner);
            }
            _ => {}
        }
        start = stop;
    }
    found.extend(inner);
    true
}

fn header(der: &[u8]) -> Option<(usize, usize)> {
    let length = usize::from(*der.get(1)?);
    let (header, length) = match length {
        0..=0x7f => (2, length),
        0x81..=0x83 => {
            let digits = der.get(2..2 + (length & 0x7f))?;
            let number = digits
                .iter()
                .fold(0, |number, &digit| number << 8 | usize::from(digit));
            (2 + digits.len(), number)
        }
        _ => return None,
    };
    (der.len() >= header + length).then_some((header, length))
}

/// Puts `new` in the place of an element, in all that stand around it.
fn replace(der: &[u8], start: usize, end: usize, new: &[u8]) -> Vec<u8> {
    let mut around: Vec<_> = elements(der)
        .into_iter()
        .filter(|&(from, header, to)| {
            from + header <= start && end <= to && (from, to) != (start, end)
        })
        .collect();
    around.sort_by_key(|&(from, _, to)| to - from);
    let (mut start, mut end, mut new) = (start, end, new.to_vec());
    for (from, header, to) in around {
        let content = [&der[from + header..start], &new, &der[end..to]].concat();
        new = tlv(der[from], &content);
        (start, end) = (from, to);
    }
    if (start, end) == (0, der.len()) {
        new
    } else {
        der.to_vec()
    }
}
