#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod error;
mod provider;

pub use error::{CertificateProblem, Error, Result, Status};
