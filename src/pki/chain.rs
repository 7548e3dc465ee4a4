//! Sorts certificates into a chain.  PKCS#12 and PKCS#7 are unordered sets.

use super::certificate::Certificate;

/// Removes the chain that begins with certificate `leaf` from `rest`: each certificate is
/// followed by its issuer, if present.
pub(super) fn take_chain(rest: &mut Vec<Certificate>, leaf: usize) -> Vec<Certificate> {
    let mut chain = vec![rest.remove(leaf)];
    while let Some(issuer) = rest
        .iter()
        .position(|one| chain[chain.len() - 1].names_issuer(one))
    {
        chain.push(rest.remove(issuer));
    }
    chain
}

/// Sorts certificates.  First comes the chain of the first certificate that issued none of
/// the others, preferably not a CA.  The rest keeps its order.
pub(super) fn sort(mut all: Vec<Certificate>) -> Vec<Certificate> {
    let issues_none = |one: &&Certificate| !all.iter().any(|other| other.names_issuer(one));
    let ends: Vec<_> = all.iter().filter(issues_none).collect();
    let leaf = ends.iter().find(|one| !one.is_ca()).or(ends.first());
    let leaf = leaf.and_then(|leaf| all.iter().position(|one| one == *leaf));
    let mut chain = take_chain(&mut all, leaf.unwrap_or(0));
    chain.append(&mut all);
    chain
}
