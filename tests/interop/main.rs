//! Both roles, with programs of other projects.

mod alerts;
mod certificates;
mod curl;
mod negotiation;
mod gnutls;
mod java;
mod openssl;
mod peers;
mod python;
mod record_size_limit;
mod resumption;
mod tshark;
