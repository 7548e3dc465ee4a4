//! Both directions over real processes: programs that we did not write.

mod alerts;
mod certificates;
mod curl;
mod features;
mod gnutls;
mod java;
mod openssl;
mod peers;
mod python;
mod record_limits;
mod resumption;
mod tshark;
