//! A differential test of our record layer against rustls' own, which it replaces.  Both receive
//! the same random traffic, each from its own peer, and must return the same plaintext, alerts and
//! end.  [`DIFFERENCES`] lists the intended exceptions.
//!
//! `TLSMITH_DIFFERENTIAL_ROUNDS` sets how many scripts run for each kind of connection, and
//! `TLSMITH_DIFFERENTIAL_SEED` runs a single script.

mod differences;
mod receivers;
mod script;

use rustls::SupportedCipherSuite;
use rustls::crypto::aws_lc_rs::cipher_suite as suites;

use super::peer::Terms;
use differences::DIFFERENCES;
use receivers::{Ours, Theirs};
use script::{Outcome, Script};

/// How many scripts each version and side gets, where nobody says otherwise.
const ROUNDS: u64 = 2_000;

const TLS13_SUITES: [SupportedCipherSuite; 3] = [
    suites::TLS13_AES_128_GCM_SHA256,
    suites::TLS13_AES_256_GCM_SHA384,
    suites::TLS13_CHACHA20_POLY1305_SHA256,
];
const TLS12_SUITES: [SupportedCipherSuite; 3] = [
    suites::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    suites::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    suites::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
];

fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    let number = value.parse();
    Some(number.unwrap_or_else(|_| panic!("{variable} is '{value}', which is no number")))
}

/// Plays random scripts to both.
fn compare(suites: &[SupportedCipherSuite], is_client: bool) {
    let terms: Vec<Terms> = suites.iter().copied().map(Terms::new).collect();
    let mut met = [0_u32; DIFFERENCES.len()];
    let seeds = match number("TLSMITH_DIFFERENTIAL_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("TLSMITH_DIFFERENTIAL_ROUNDS").unwrap_or(ROUNDS),
    };
    let many = seeds.end - seeds.start >= ROUNDS;
    for seed in seeds {
        let mut rng = fastrand::Rng::with_seed(seed);
        let terms = &terms[rng.usize(..terms.len())];
        let fragment = (rng.u8(..3) == 0).then(|| rng.usize(32..=16_384 + 5));
        let mut ours = Ours::new(terms, is_client, fragment, rng.u64(..));
        let mut theirs = Theirs::new(terms, is_client, fragment);
        let ours = Script::new(terms, is_client, rng.clone(), &mut ours).play();
        let theirs = Script::new(terms, is_client, rng, &mut theirs).play();
        let agreement = agree(&ours, &theirs);
        if let Err(how) = agreement {
            panic!(
                "seed {seed}, {:?}, {}: {how}\n{}",
                terms.suite.suite(),
                if is_client { "client" } else { "server" },
                ours.steps.join("\n")
            );
        }
        if let Some(fault) = ours.fault {
            met[fault.difference()] += 1;
        }
    }
    for (difference, met) in DIFFERENCES.iter().zip(met) {
        let is_here = difference.fault.applies(&terms[0], is_client);
        assert!(
            met > 0 || !is_here || !many,
            "no script has {:?}: {}",
            difference.fault,
            difference.reason
        );
    }
}

/// Whether the same came of a script, as far as it should.
fn agree(ours: &Outcome, theirs: &Outcome) -> Result<(), String> {
    let Some(fault) = ours.fault else {
        let is_same = ours.plaintext == theirs.plaintext
            && ours.sent() == theirs.sent()
            && ours.end == theirs.end;
        return match is_same {
            true => Ok(()),
            false => Err(format!("\nours: {ours}\ntheirs: {theirs}")),
        };
    };
    let difference = &DIFFERENCES[fault.difference()];
    let fits = difference.ours.fits(ours) && difference.theirs.fits(theirs);
    let (shorter, longer) = match ours.plaintext.len() < theirs.plaintext.len() {
        true => (ours, theirs),
        false => (theirs, ours),
    };
    let is_prefix = longer.plaintext.starts_with(&shorter.plaintext);
    let is_same = ours.sent_before(difference.ours) == theirs.sent_before(difference.theirs);
    match fits && is_prefix && is_same {
        true => Ok(()),
        false => Err(format!(
            "{fault:?}: ours {:?}, theirs {:?}\nours: {ours}\ntheirs: {theirs}",
            difference.ours, difference.theirs
        )),
    }
}

#[test]
fn tls_1_3_client_behaves_like_rustls() {
    compare(&TLS13_SUITES, true);
}

#[test]
fn tls_1_3_server_behaves_like_rustls() {
    compare(&TLS13_SUITES, false);
}

#[test]
fn tls_1_2_client_behaves_like_rustls() {
    compare(&TLS12_SUITES, true);
}

#[test]
fn tls_1_2_server_behaves_like_rustls() {
    compare(&TLS12_SUITES, false);
}
