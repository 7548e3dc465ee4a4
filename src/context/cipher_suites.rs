//! The allowed cipher suites, kept separately for TLS 1.3 and TLS 1.2, which share none.

use rustls::{SupportedCipherSuite, SupportedProtocolVersion};

use super::algorithm_names;
use crate::Result;

/// The allowed cipher suites of each version, best first; `None` allows all.
#[derive(Default)]
pub(super) struct CipherSuites {
    tls13: Option<Vec<SupportedCipherSuite>>,
    tls12: Option<Vec<SupportedCipherSuite>>,
}

impl CipherSuites {
    /// Allows only these suites, for each version that has at least one of them.
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

    /// The allowed suites of `every` for these versions.
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
        // Suites of disabled versions must not remain. rustls would take one that the
        // client offers for a common suite, and select a certificate for it.
        let suites = both.into_iter();
        suites
            .filter(|suite| versions.contains(&suite.version()))
            .collect()
    }
}

/// Splits suites into those of TLS 1.3 and those of TLS 1.2.
fn by_version(
    suites: Vec<SupportedCipherSuite>,
) -> (Vec<SupportedCipherSuite>, Vec<SupportedCipherSuite>) {
    let suites = suites.into_iter();
    suites.partition(|suite| suite.tls13().is_some())
}
