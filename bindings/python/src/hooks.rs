//! Python functions that the core calls: what it asks them, and what becomes of
//! the exceptions that they raise.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple, PyWeakrefMethods, PyWeakrefReference};
use tlsmith::{
    ClientHello, Error, HelloCallback, KeyLogCallback, Now, Selection, SessionCallback,
    SessionStore, Status,
};

use crate::context::Context;
use crate::hook::Hook;
use crate::options::Options;
use crate::raised::{self, aside};
use crate::session::Session;

impl Hook {
    /// Calls the function with each line of a key log.
    pub(crate) fn keylog(&self) -> KeyLogCallback {
        let this = self.clone();
        Arc::new(move |line: &str| {
            Python::attach(|py| {
                let Some(function) = this.get(py) else { return };
                if let Err(error) = aside(|| function.call1(py, (line,))) {
                    failed(error, function.bind(py));
                }
            });
        })
    }

    /// Calls the function with each session that a client of this context got.  The context
    /// is weak: the core keeps the function, and would keep both for ever.
    pub(crate) fn session(&self, of: Arc<OnceLock<Py<PyWeakrefReference>>>) -> SessionCallback {
        let this = self.clone();
        Arc::new(move |core: tlsmith::Session| {
            Python::attach(|py| {
                let Some(function) = this.get(py) else { return };
                // The connection that the session came on keeps it alive.
                let context = of.get().and_then(|context| context.bind(py).upgrade());
                let Some(context) = context else { return };
                let called = context
                    .cast_into::<Context>()
                    .map_err(PyErr::from)
                    .and_then(|context| Bound::new(py, Session::new(core, context.unbind())))
                    .and_then(|session| aside(|| function.call1(py, (session,))));
                if let Err(error) = called {
                    failed(error, function.bind(py));
                }
            });
        })
    }

    /// Calls the function for the time.  With one that fails nothing is valid.
    pub(crate) fn now(&self) -> Now {
        let this = self.clone();
        Arc::new(move || {
            Python::attach(|py| {
                let Some(function) = this.get(py) else {
                    return 0;
                };
                let time = aside(|| function.call0(py)?.extract(py));
                time.unwrap_or_else(|error: PyErr| {
                    failed(error, function.bind(py));
                    0
                })
            })
        })
    }

    /// Calls the function with the fields of a ClientHello.  It returns what answers it:
    /// a Context and Options, each of which may be None, or None; or the number of the
    /// alert that refuses the client.  The call that the handshake was made in raises what
    /// the function raises.
    pub(crate) fn hello(&self) -> HelloCallback {
        let this = self.clone();
        Arc::new(move |hello: &ClientHello| {
            Python::attach(|py| {
                let Some(function) = this.get(py) else {
                    return Ok(Selection::default());
                };
                let fields = hello_fields(py, hello);
                let chosen = fields.and_then(|fields| aside(|| function.bind(py).call1(fields)));
                match chosen.and_then(|chosen| chosen.extract::<Option<Chosen>>()) {
                    Ok(None) => Ok(Selection::default()),
                    Ok(Some(Chosen::Selection(context, options))) => {
                        raised::select(context.as_ref().map(|context| context.clone_ref(py)));
                        Ok(selection(context.as_ref(), options.as_ref()))
                    }
                    Ok(Some(Chosen::Alert(number))) => Err(Error::from_alert(
                        Status::NoCommon,
                        number,
                        format!("the application refused the client with alert {number}"),
                    )),
                    Err(error) => {
                        raised::keep(error);
                        let sentence = "the function that looks at clients failed";
                        Err(Error::state(sentence))
                    }
                }
            })
        })
    }
}

/// A session store of the program: functions that keep a value and take one out, as
/// `tlsmith._session_store` has them.  What they raise counts as nothing kept.
pub(crate) struct HookStore {
    pub(crate) put: Hook,
    pub(crate) take: Hook,
}

impl SessionStore for HookStore {
    fn put(&self, key: &[u8], value: &[u8], lifetime: Duration) -> bool {
        Python::attach(|py| {
            let (key, value) = (PyBytes::new(py, key), PyBytes::new(py, value));
            let arguments = (key, value, lifetime.as_secs());
            call(py, &self.put, arguments).unwrap_or(false)
        })
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        Python::attach(|py| call(py, &self.take, (PyBytes::new(py, key),)).flatten())
    }
}

/// Calls a function of a store: None where it raises.
fn call<'py, T>(
    py: Python<'py>,
    hook: &Hook,
    arguments: impl IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>, Error = PyErr>,
) -> Option<T>
where
    T: for<'a> FromPyObject<'a, 'py, Error = PyErr>,
{
    let function = hook.get(py)?.into_bound(py);
    let arguments = arguments.into_pyobject(py);
    let returned = arguments.and_then(|arguments| aside(|| function.call1(arguments)));
    returned
        .and_then(|returned| returned.extract::<T>())
        .map_err(|error| failed(error, &function))
        .ok()
}

/// What becomes of what a function raised where the core goes on: an Exception is reported.
/// Anything else, such as KeyboardInterrupt, is meant to end more than the function, and the call
/// that the core is in raises it.
fn failed(error: PyErr, function: &Bound<'_, PyAny>) {
    let py = function.py();
    match error.is_instance_of::<PyException>(py) {
        true => error.write_unraisable(py, Some(function)),
        false => raised::keep(error),
    }
}

/// What answers a ClientHello, or refuses it.
#[derive(FromPyObject)]
enum Chosen {
    Alert(u8),
    Selection(Option<Py<Context>>, Option<Py<Options>>),
}

/// What answers a ClientHello.
pub(crate) fn selection(context: Option<&Py<Context>>, options: Option<&Py<Options>>) -> Selection {
    let mut selection = Selection::from(context.map(|context| context.get().core.clone()));
    selection.options = options.map(|options| options.get().0.clone());
    selection
}

/// The fields of tlsmith.ClientHello.
pub(crate) fn hello_fields<'py>(
    py: Python<'py>,
    hello: &ClientHello,
) -> PyResult<Bound<'py, PyTuple>> {
    // As os.fsdecode() does it: from what is not UTF-8 the bytes come back, and it equals no
    // text that a program writes.
    let exact = |name: &Vec<u8>| {
        let bytes = PyBytes::new(py, name);
        PyString::from_encoded_object(&bytes, Some(c"utf-8"), Some(c"surrogateescape"))
    };
    let alpn: Vec<_> = hello.alpn.iter().map(exact).collect::<PyResult<_>>()?;
    let fields = (
        hello.server_name.as_deref(),
        PyTuple::new(py, alpn)?,
        PyTuple::new(py, hello.versions())?,
        PyTuple::new(py, hello.ciphers())?,
        PyTuple::new(py, hello.groups())?,
        PyTuple::new(py, hello.signature_schemes())?,
    );
    fields.into_pyobject(py)
}
