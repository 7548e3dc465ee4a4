//! Both directions over real processes: programs that we did not write.

mod curl;
mod openssl;
mod peers;
mod python;
#[path = "../support/mod.rs"]
mod support;
