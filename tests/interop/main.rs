//! Both directions over real processes: programs that we did not write.

#[path = "../support/chapter.rs"]
mod by_the_book;
mod certificates;
mod curl;
mod java;
mod openssl;
mod peers;
mod python;
#[path = "../support/mod.rs"]
mod support;
