//! The class of contexts, which sessions and connections refer to.  How one is made is in
//! `config.rs`.

use pyo3::prelude::*;

use crate::hook::Hook;

/// A context of the core, complete and never changed.
#[pyclass(frozen, module = "tlsmith._tlsmith", weakref)]
pub(crate) struct Context {
    pub(crate) core: tlsmith::Context,
    pub(crate) hooks: Vec<Hook>,
}

impl Drop for Context {
    /// What the core still holds of a context that is gone calls no function: the collector
    /// may have cleared it.
    fn drop(&mut self) {
        self.hooks.iter().for_each(Hook::clear);
    }
}
