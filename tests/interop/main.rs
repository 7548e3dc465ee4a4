//! Both directions over real processes: programs that we did not write.

#[path = "../support/chapter.rs"]
mod by_the_book;
mod certificates;
mod alerts;
mod curl;
mod features;
mod gnutls;
mod java;
mod openssl;
mod peers;
mod python;
mod record_limits;
mod resumption;
#[path = "../support/mod.rs"]
mod support;
mod tshark;
