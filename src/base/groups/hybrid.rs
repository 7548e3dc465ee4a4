//! SecP384r1MLKEM1024 (draft-ietf-tls-ecdhe-mlkem): the share and the secret of secp384r1,
//! each followed by that of ML-KEM-1024.

use rustls::crypto::aws_lc_rs::kx_group::{MLKEM1024, SECP384R1};
use rustls::crypto::{ActiveKeyExchange, CompletedKeyExchange, SharedSecret, SupportedKxGroup};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup, ProtocolVersion};
use zeroize::Zeroizing;

use super::INVALID_KEY_SHARE;

/// Its number in the registry, for which rustls has no name.
pub(crate) const SECP384R1MLKEM1024_NUMBER: u16 = 0x11ed;

const NAME: NamedGroup = NamedGroup::Unknown(SECP384R1MLKEM1024_NUMBER);

/// The length of a point on secp384r1.
const POINT: usize = 97;

#[derive(Debug)]
pub(super) struct Secp384r1MlKem1024;

pub(super) static SECP384R1MLKEM1024: Secp384r1MlKem1024 = Secp384r1MlKem1024;

impl SupportedKxGroup for Secp384r1MlKem1024 {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let (classical, post_quantum) = (SECP384R1.start()?, MLKEM1024.start()?);
        let public = [classical.pub_key(), post_quantum.pub_key()].concat();
        Ok(Box::new(KeyExchange {
            classical,
            post_quantum,
            public,
        }))
    }

    fn start_and_complete(&self, peer: &[u8]) -> Result<CompletedKeyExchange, Error> {
        let (point, key) = split(peer)?;
        let classical = SECP384R1.start_and_complete(point)?;
        let post_quantum = MLKEM1024.start_and_complete(key)?;
        Ok(CompletedKeyExchange {
            group: NAME,
            pub_key: [classical.pub_key, post_quantum.pub_key].concat(),
            secret: join(&classical.secret, &post_quantum.secret),
        })
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        NAME
    }

    fn usable_for_version(&self, version: ProtocolVersion) -> bool {
        version == ProtocolVersion::TLSv1_3
    }
}

struct KeyExchange {
    classical: Box<dyn ActiveKeyExchange>,
    post_quantum: Box<dyn ActiveKeyExchange>,
    public: Vec<u8>,
}

impl ActiveKeyExchange for KeyExchange {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        let (point, ciphertext) = split(peer)?;
        let classical = self.classical.complete(point)?;
        let post_quantum = self.post_quantum.complete(ciphertext)?;
        Ok(join(&classical, &post_quantum))
    }

    /// Lets the server select secp384r1 alone without another round trip, if that group is
    /// allowed too, which rustls checks.
    fn hybrid_component(&self) -> Option<(NamedGroup, &[u8])> {
        Some((self.classical.group(), self.classical.pub_key()))
    }

    fn complete_hybrid_component(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        self.classical.complete(peer)
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn pub_key(&self) -> &[u8] {
        &self.public
    }

    fn group(&self) -> NamedGroup {
        NAME
    }
}

/// The point and what follows it, whose length ML-KEM checks.
fn split(peer: &[u8]) -> Result<(&[u8], &[u8]), Error> {
    peer.split_at_checked(POINT).ok_or(INVALID_KEY_SHARE)
}

fn join(classical: &SharedSecret, post_quantum: &SharedSecret) -> SharedSecret {
    let parts = [classical.secret_bytes(), post_quantum.secret_bytes()];
    SharedSecret::from(&Zeroizing::new(parts.concat())[..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_compute_the_same_secret() {
        let client = SECP384R1MLKEM1024.start().unwrap();
        let server = SECP384R1MLKEM1024.start_and_complete(client.pub_key());
        let server = server.unwrap();
        assert_eq!((client.pub_key().len(), server.pub_key.len()), (1665, 1665));
        let secret = client.complete(&server.pub_key).unwrap();
        assert_eq!(secret.secret_bytes(), server.secret.secret_bytes());
        assert_eq!(secret.secret_bytes().len(), 48 + 32);
    }

    #[test]
    fn classical_component_works_on_its_own() {
        let client = SECP384R1MLKEM1024.start().unwrap();
        let (group, share) = client.hybrid_component().unwrap();
        assert_eq!(group, NamedGroup::secp384r1);
        let server = SECP384R1.start_and_complete(share).unwrap();
        let secret = client.complete_hybrid_component(&server.pub_key).unwrap();
        assert_eq!(secret.secret_bytes(), server.secret.secret_bytes());
    }

    #[test]
    fn shares_of_another_length_or_off_the_curve_are_refused() {
        let client = SECP384R1MLKEM1024.start().unwrap();
        let share = client.pub_key().to_vec();
        let mut off_the_curve = share.clone();
        off_the_curve[POINT - 1] ^= 1;
        let longer = [&share[..], &[0]].concat();
        for bad in [
            &[][..],
            &share[..POINT],
            &share[1..],
            &longer,
            &off_the_curve,
        ] {
            let outcome = SECP384R1MLKEM1024.start_and_complete(bad).map(drop);
            assert_eq!(outcome.err(), Some(INVALID_KEY_SHARE));
            let outcome = SECP384R1MLKEM1024.start().unwrap().complete(bad).map(drop);
            assert_eq!(outcome.err(), Some(INVALID_KEY_SHARE));
        }
    }
}
