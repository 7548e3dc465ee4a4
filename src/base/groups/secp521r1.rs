//! ECDH on secp521r1 (RFC 8446, section 4.2.8.2; RFC 8422 for TLS 1.2).

use ::aws_lc_rs::agreement::{
    ECDH_P521, EphemeralPrivateKey, PublicKey, UnparsedPublicKey, agree_ephemeral,
};
use ::aws_lc_rs::error::Unspecified;
use ::aws_lc_rs::rand::SystemRandom;
use rustls::crypto::{ActiveKeyExchange, GetRandomFailed, SharedSecret, SupportedKxGroup};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup};

use super::INVALID_KEY_SHARE;

/// The first byte of an uncompressed point, the only form in TLS 1.3 (RFC 8446, section
/// 4.2.8.2) and in TLS 1.2 (RFC 8422, section 5.1.2).
const UNCOMPRESSED: u8 = 4;

#[derive(Debug)]
pub(super) struct Secp521r1;

pub(super) static SECP521R1: Secp521r1 = Secp521r1;

impl SupportedKxGroup for Secp521r1 {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let failed = |_: Unspecified| Error::from(GetRandomFailed);
        let private = EphemeralPrivateKey::generate(&ECDH_P521, &SystemRandom::new());
        let private = private.map_err(failed)?;
        let public = private.compute_public_key().map_err(failed)?;
        Ok(Box::new(KeyExchange { private, public }))
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::secp521r1
    }
}

struct KeyExchange {
    private: EphemeralPrivateKey,
    public: PublicKey,
}

impl ActiveKeyExchange for KeyExchange {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        if peer.first() != Some(&UNCOMPRESSED) {
            return Err(INVALID_KEY_SHARE);
        }
        // It also checks that the point is on the curve.
        let peer = UnparsedPublicKey::new(&ECDH_P521, peer);
        agree_ephemeral(self.private, peer, INVALID_KEY_SHARE, |secret| {
            Ok(SharedSecret::from(secret))
        })
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn pub_key(&self) -> &[u8] {
        self.public.as_ref()
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::secp521r1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Box<dyn ActiveKeyExchange> {
        SECP521R1.start().unwrap()
    }

    #[test]
    fn both_sides_compute_the_same_secret() {
        let (client, server) = (start(), start());
        let share = client.pub_key().to_vec();
        assert_eq!((share.len(), share[0]), (133, UNCOMPRESSED));
        let ours = client.complete(server.pub_key()).unwrap();
        let theirs = server.complete(&share).unwrap();
        assert_eq!(ours.secret_bytes(), theirs.secret_bytes());
        assert_eq!(ours.secret_bytes().len(), 66);
    }

    #[test]
    fn malformed_points_are_refused() {
        let point = start().pub_key().to_vec();
        let mut compressed = vec![2 + (point[132] & 1)];
        compressed.extend_from_slice(&point[1..67]);
        let mut off_the_curve = point.clone();
        off_the_curve[132] ^= 1;
        let mut hybrid = point.clone();
        hybrid[0] = 6 + (point[132] & 1);
        let longer = [&point[..], &[0]].concat();
        let bad: [&[u8]; 7] = [
            &[],
            &[0],
            &[UNCOMPRESSED],
            &compressed,
            &off_the_curve,
            &hybrid,
            &longer,
        ];
        for share in bad {
            assert_eq!(start().complete(share).err(), Some(INVALID_KEY_SHARE));
        }
        assert!(start().complete(&point).is_ok());
    }
}
