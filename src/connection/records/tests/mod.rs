//! Tests of the record layer, from unit tests to a differential test against rustls, and the
//! peer that they share.

#[cfg(test)]
mod allowance;
#[cfg(all(test, not(feature = "rustls-records")))]
mod differential;
#[cfg_attr(
    feature = "rustls-records",
    allow(dead_code, reason = "the tests of our record layer use the rest")
)]
mod endpoint;
#[cfg(any(all(test, not(feature = "rustls-records")), fuzzing))]
mod hostile;
#[cfg(all(test, not(feature = "rustls-records")))]
mod key_updates;
#[cfg_attr(
    feature = "rustls-records",
    allow(dead_code, reason = "the tests of our record layer use the rest")
)]
mod peer;

#[cfg(fuzzing)]
pub(crate) use hostile::play;
