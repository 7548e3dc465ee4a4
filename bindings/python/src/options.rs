//! Options: the settings of one connection.

use pyo3::prelude::*;
use tlsmith::ConnectionOptions;

use crate::certificates::Identity;
use crate::errors::detached;
use crate::session::Session;

/// Settings of one connection, which override those of its context.
#[pyclass(frozen, module = "tlsmith._tlsmith")]
pub(crate) struct Options(pub(crate) ConnectionOptions);

/// The name that a client requests.
#[derive(FromPyObject)]
enum RequestedName {
    /// False: none.
    Off(#[expect(dead_code, reason = "only its type counts")] bool),
    Name(String),
}

#[pymethods]
impl Options {
    /// None leaves the setting of the context.
    #[new]
    fn new(
        py: Python<'_>,
        alpn: Option<Vec<String>>,
        identity: Option<Py<Identity>>,
        sni: Option<RequestedName>,
        session: Option<Py<Session>>,
    ) -> PyResult<Self> {
        let options = detached(py, || {
            let mut options = ConnectionOptions::new();
            if let Some(protocols) = &alpn {
                let protocols: Vec<_> = protocols.iter().map(String::as_str).collect();
                options.set_alpn(&protocols)?;
            }
            if let Some(identity) = &identity {
                options.set_identity(&identity.get().0)?;
            }
            match &sni {
                None => {}
                Some(RequestedName::Off(_)) => options.set_server_name(None)?,
                Some(RequestedName::Name(name)) => options.set_server_name(Some(name))?,
            }
            if let Some(session) = &session {
                options.set_session(&session.get().core);
            }
            Ok(options)
        })?;
        Ok(Self(options))
    }
}

/// The options of a connection, the default ones for None.
pub(crate) fn or_default(options: Option<&Bound<'_, Options>>) -> ConnectionOptions {
    options.map_or_else(ConnectionOptions::new, |options| options.get().0.clone())
}
