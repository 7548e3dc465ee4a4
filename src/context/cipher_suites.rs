//! The cipher suites that a context allows, apart for each version: they have none in
//! common.

use rustls::{SupportedCipherSuite, SupportedProtocolVersion};

use super::algorithm_names;
use crate::Result;

/// The cipher suites of each version, in order of preference; `None`: all.
#[derive(Default)]
pub(super) struct Ciphers {
    tls13: Option<Vec<SupportedCipherSuite>>,
    tls12: Option<Vec<SupportedCipherSuite>>,
}

impl Ciphers {
    /// Allows only these of the versions that they are for.
    pub(super) fn limit(&mut self, names: &[&str]) -> Result<()> {
        let (tls13, tls12) = by_version(algorithm_names::ciphers(names)?);
        if !tls13.is_empty() {
            self.tls13 = Some(tls13);
        }
        if !tls12.is_empty() {
            self.tls12 = Some(tls12);
        }
        Ok(())
    }

    /// Those of `every` that are allowed.
    pub(super) fn allowed(
        &self,
        every: &[SupportedCipherSuite],
        versions: &[&SupportedProtocolVersion],
    ) -> Vec<SupportedCipherSuite> {
        if self.tls13.is_none() && self.tls12.is_none() {
            return every.to_vec();
        }
        let (tls13, tls12) = by_version(every.to_vec());
        let tls13 = self.tls13.clone().unwrap_or(tls13);
        let both = [tls13, self.tls12.clone().unwrap_or(tls12)].concat();
        // Without those of other versions: a server takes a suite that is offered for one
        // that the client can use, and presents a certificate for it.
        let suites = both.into_iter();
        suites
            .filter(|suite| versions.contains(&suite.version()))
            .collect()
    }
}

/// Those of TLS 1.3, and those of TLS 1.2.
fn by_version(
    suites: Vec<SupportedCipherSuite>,
) -> (Vec<SupportedCipherSuite>, Vec<SupportedCipherSuite>) {
    let suites = suites.into_iter();
    suites.partition(|suite| suite.tls13().is_some())
}
