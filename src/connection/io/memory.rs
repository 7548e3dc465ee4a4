//! Bytes of a connection in memory.
//!
//! Nothing waits here, so that a call does all that it does under one lock of the engine, which
//! keeps the bytes of both directions.

use std::sync::MutexGuard;

use super::Io;
use crate::connection::engine::Engine;
use crate::{Error, Result, Status};

impl Io {
    pub(crate) fn feed(&self, bytes: &[u8]) -> Result<()> {
        let mut engine = self.memory_engine()?;
        self.check_failure()?;
        engine.feed(bytes)?;
        self.count_fed(bytes);
        Ok(())
    }

    pub(crate) fn drain(&self, out: &mut [u8]) -> Result<usize> {
        let mut engine = self.memory_engine()?;
        let count = engine.drain(out);
        self.count_sent(count);
        Ok(count)
    }

    pub(crate) fn drain_borrowed<T>(&self, use_bytes: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let mut engine = self.memory_engine()?;
        let bytes = engine.drain_borrowed();
        self.count_sent(bytes.len());
        Ok(use_bytes(bytes))
    }

    pub(crate) fn undrained(&self) -> Result<usize> {
        Ok(self.memory_engine()?.undrained())
    }

    fn memory_engine(&self) -> Result<MutexGuard<'_, Engine>> {
        if self.is_memory() {
            return Ok(self.engine());
        }
        let sentence = "this connection does not run in memory: nothing is fed to it or drained";
        Err(Error::state(sentence))
    }

    /// Seals the front of `data`, and returns how many bytes were taken.
    pub(crate) fn write_memory(&self, data: &[u8]) -> Result<usize> {
        self.check_failure()?;
        let mut engine = self.engine();
        self.check_write_open()?;
        match engine.encrypt_to_drain(data) {
            Ok(0) if !data.is_empty() => Err(Status::WantWrite.into()),
            Ok(taken) => Ok(taken),
            Err(error) => {
                drop(engine);
                Err(self.fail(error))
            }
        }
    }
}
