//! Requests with random names: nothing is signed that the chain does not permit, or that
//! its signer cannot see.

use super::issuing::{ca_with, with};
use super::untrusted_requests::{ADDRESS, DNS, EMAIL, URI, common_names, request};
use super::*;

const REQUESTS: usize = 1_500;

/// What the names are put together from.
const PIECES: [&[u8]; 32] = [
    b"corp.example",
    b"corp.example",
    b"corp.example",
    b"secret",
    b".",
    b".",
    b"www",
    b"www.",
    b"evil.com",
    b"evil",
    b"localhost",
    b"*",
    b"*.",
    b"-",
    b"_",
    b"@",
    b"/",
    b":",
    b"https://",
    b"\0",
    b"\n",
    b" ",
    b",",
    b"\\",
    b"\xff",
    "\u{e9}".as_bytes(),
    "\u{202e}".as_bytes(),
    b"192.0.2.1",
    b"10.0.0.1",
    b"A",
    b"0x7",
    b"xn--",
];

/// Hosts that no certificate of the authority may be good for.
const OUTSIDE: [&str; 7] = [
    "evil.com",
    "www.evil.com",
    "evilcorp.example",
    "secret.corp.example",
    "www.secret.corp.example",
    "localhost",
    "evil",
];

fn text(random: &mut fastrand::Rng) -> Vec<u8> {
    let count = random.usize(1..=3);
    let pieces = (0..count).map(|_| random.choice(PIECES).unwrap_or_default());
    pieces.collect::<Vec<_>>().concat()
}

fn alternative(random: &mut fastrand::Rng) -> (u8, Vec<u8>) {
    match random.u8(0..16) {
        0..8 => (DNS, text(random)),
        8..10 => (EMAIL, [text(random), b"@corp.example".to_vec()].concat()),
        10 => (EMAIL, text(random)),
        11 => (URI, [b"https://".to_vec(), text(random)].concat()),
        12 => (ADDRESS, vec![192, 0, 2, random.u8(..)]),
        13 => (
            ADDRESS,
            (0..random.usize(0..=17)).map(|_| random.u8(..)).collect(),
        ),
        14 => (random.u8(0x80..=0x8a), text(random)),
        _ => (random.u8(0xa0..=0xaa), text(random)),
    }
}

/// A common name in a random string type.
fn common_name(random: &mut fastrand::Rng) -> (u8, Vec<u8>) {
    let text = text(random);
    match random.u8(0..6) {
        0 => (30, text.iter().flat_map(|&byte| [0, byte]).collect()),
        1 => (19, text),
        2 => (20, text),
        _ => (12, text),
    }
}

fn borrowed(list: &[(u8, Vec<u8>)]) -> Vec<(u8, &[u8])> {
    list.iter().map(|(tag, value)| (*tag, &value[..])).collect()
}

/// Whether OpenSSL accepts each of the files.
fn openssl_verdicts(root: &Path, middle: &Path, more: &[&str], files: &[PathBuf]) -> Vec<bool> {
    let fixed = ["verify", "-x509_strict", "-CAfile", super::text(root)];
    let fixed = [&fixed[..], &["-untrusted", super::text(middle)], more].concat();
    let files: Vec<_> = files.iter().map(|file| super::text(file)).collect();
    let out = openssl(&[&fixed[..], &files].concat());
    let out = String::from_utf8_lossy(&out.stdout).into_owned();
    let is_ok = |file: &&str| out.lines().any(|line| line == format!("{file}: OK"));
    files.iter().map(is_ok).collect()
}

#[test]
fn random_requests_get_only_visible_and_permitted_names() {
    let folder = TempDir::new().unwrap();
    let root = ca_with(|ca| {
        ca.permitted_names = names(&["corp.example", "192.0.2.0/24", "@corp.example"]);
        ca.excluded_names = names(&["secret.corp.example"]);
    });
    let middle = issue_cert(&root, &[], &with(|options| options.ca = true)).unwrap();
    let free = gen_ca(&CertOptions::default()).unwrap();
    let context = Context::new();
    context.add_root(root.certificate()).unwrap();
    let mut random = fastrand::Rng::with_seed(15);
    let (mut files, mut refused) = (Vec::new(), 0);
    for number in 0..REQUESTS {
        let random = &mut random;
        let subject: Vec<_> = (0..random.usize(0..=2))
            .map(|_| common_name(random))
            .collect();
        let names: Vec<_> = (0..random.usize(0..=2))
            .map(|_| alternative(random))
            .collect();
        let csr = request(&common_names(&borrowed(&subject)), &borrowed(&names));
        let options = with(|options| {
            options.usage = Some(Usage {
                server: true,
                client: false,
            });
            options.copy_extensions = random.bool();
        });
        let site = match sign_csr(&middle, &csr, None, &options) {
            Ok(site) => site,
            Err(error) => {
                let sentence = error.to_string();
                assert!(!sentence.contains(char::is_control), "{sentence:?}");
                assert!(
                    matches!(error.status(), Status::Issue | Status::Argument),
                    "{sentence}"
                );
                refused += 1;
                continue;
            }
        };
        let certificate = site.certificate();
        assert_eq!(certificate.names(), csr.names());
        let is_checked = |name: &String| name.starts_with("identifier ");
        assert!(csr.other_names().iter().all(is_checked), "{csr:?}");
        for name in certificate.names() {
            let typed = std::slice::from_ref(name);
            issue_cert(&free, typed, &CertOptions::default())
                .unwrap_or_else(|error| panic!("{name} cannot be typed: {error}"));
            // Path building here refuses e-mail addresses below such constraints.
            let has_email = certificate.names().iter().any(|name| name.contains('@'));
            let host = name.replace('*', "a");
            if !has_email && !host.contains(':') {
                context
                    .verify(site.chain(), Some(&host), None, None)
                    .unwrap_or_else(|error| panic!("{name}: {error}"));
            }
        }
        files.push(write(&folder, &format!("{number}.pem"), certificate.pem()));
    }
    assert!(files.len() > 40, "only {} were signed", files.len());
    assert!(refused > REQUESTS / 2, "only {refused} were refused");
    let root = write(&folder, "root.pem", root.cert_pem());
    let middle = write(&folder, "middle.pem", middle.cert_pem());
    let verdicts = openssl_verdicts(&root, &middle, &[], &files);
    for (file, is_good) in files.iter().zip(verdicts) {
        let text = fs::read(file).unwrap();
        let subject = Certificate::from_pem(&text).unwrap();
        assert!(is_good, "{} {:?}", subject.subject(), subject.names());
    }
    for host in OUTSIDE {
        let verdicts = openssl_verdicts(&root, &middle, &["-verify_hostname", host], &files);
        for (file, is_good) in files.iter().zip(verdicts) {
            let text = fs::read(file).unwrap();
            let subject = Certificate::from_pem(&text).unwrap();
            assert!(
                !is_good,
                "{host}: {} {:?}",
                subject.subject(),
                subject.names()
            );
        }
    }
}
