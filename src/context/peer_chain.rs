//! The certificates of the last peer, which further connections to it share.

use std::sync::{Arc, Mutex, Weak};

use rustls_pki_types::CertificateDer;

use super::lock;

/// The certificates that a peer presented, its own first.
pub(crate) type PeerChain = Arc<[CertificateDer<'static>]>;

/// The chain of the last peer, as long as a connection has it.
#[derive(Default)]
pub(super) struct LastPeerChain(Mutex<Option<Weak<[CertificateDer<'static>]>>>);

impl LastPeerChain {
    /// Returns `presented` in the memory of the last peer's chain if they are equal.
    pub(super) fn share(&self, presented: &[CertificateDer<'static>]) -> PeerChain {
        if presented.is_empty() {
            return PeerChain::default();
        }
        let mut last = lock(&self.0);
        let known = last.as_ref().and_then(Weak::upgrade);
        if let Some(chain) = known.filter(|chain| **chain == *presented) {
            return chain;
        }
        let chain = PeerChain::from(presented);
        *last = Some(Arc::downgrade(&chain));
        chain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_chains_are_shared_until_the_last_connection_ends() {
        let chain = |byte| vec![CertificateDer::from(vec![byte; 10]); 2];
        let last = LastPeerChain::default();
        let first = last.share(&chain(1));
        assert!(Arc::ptr_eq(&first, &last.share(&chain(1))));
        let other = last.share(&chain(2));
        assert_eq!(other[..], chain(2));
        assert!(!Arc::ptr_eq(&first, &last.share(&chain(1))));
        let of_last = Arc::downgrade(&last.share(&chain(3)));
        assert!(of_last.upgrade().is_none());
        assert!(last.share(&[]).is_empty());
    }
}
