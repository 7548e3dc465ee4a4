//! The class Context, to which sessions and connections refer.  `context_settings.rs` creates
//! it.

use pyo3::prelude::*;

use crate::callback::Callback;

/// A context of the core, which is not changed after its creation.
#[pyclass(frozen, module = "tlsmith._tlsmith", weakref)]
pub(crate) struct Context {
    pub(crate) core: tlsmith::Context,
    pub(crate) callbacks: Vec<Callback>,
}

impl Drop for Context {
    /// Clears the callbacks that the core still holds: the garbage collector may have cleared
    /// the objects that they use.
    fn drop(&mut self) {
        self.callbacks.iter().for_each(Callback::clear);
    }
}
