//! Both roles, with programs of other projects.

mod alerts;
mod certificates;
mod curl;
mod gnutls;
mod java;
mod negotiation;
mod openssl;
mod peers;
mod python;
mod record_size_limit;
mod resumption;
mod tshark;
