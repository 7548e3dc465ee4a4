//! The result of a script, and how two are compared.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::super::differences::{Fault, Verdict};
use super::super::receivers::End;
use crate::connection::records::tests::peer::Sent;

/// What came of a script.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Outcome {
    pub(in super::super) plaintext: Vec<u8>,
    pub(in super::super) sent: Vec<Sent>,
    pub(in super::super) end: Option<End>,
    /// What was done that the table has.
    pub(in super::super) fault: Option<Fault>,
    pub(in super::super) steps: Vec<String>,
}

impl Outcome {
    /// What was sent without the alert that tells of a fault.
    pub(in super::super) fn sent_before(&self, fault: Verdict) -> Vec<&Sent> {
        let mut sent = self.sent();
        let is_told = !matches!(fault, Verdict::Nothing | Verdict::Silent);
        sent.pop_if(|last| is_told && matches!(last, Sent::Alert(..)));
        sent
    }

    /// What was sent but for answers to a KeyUpdate: ours do not wait for the next write,
    /// which theirs do (RFC 8446, section 4.6.3, allows both).
    pub(in super::super) fn sent(&self) -> Vec<&Sent> {
        let sent = self.sent.iter();
        sent.filter(|sent| **sent != Sent::KeyUpdate(0)).collect()
    }
}

/// With hashes for bytes.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = |bytes: &[u8]| {
            let mut hasher = DefaultHasher::new();
            bytes.hash(&mut hasher);
            format!("{} bytes, {:x}", bytes.len(), hasher.finish())
        };
        write!(f, "{:?} after {}", self.end, hash(&self.plaintext))?;
        for sent in &self.sent {
            match sent {
                Sent::Data(data) => write!(f, "; {}", hash(data))?,
                other => write!(f, "; {other:?}")?,
            }
        }
        Ok(())
    }
}
