//! Connections over what the caller provides.

use std::ffi::{c_char, c_int, c_void};

use tlsmith::{
    Error, MemoryTransport, Origin, PipeTransport, Result, SocketTransport, Status, Transport,
    WaitMode,
};

use crate::call::{on, on_open};
use crate::conn::tlsmith_conn;
use crate::edge::{self, Callback, CallersFd, ReadFn, WriteFn};

/// Reads up to `len` bytes from the peer: a count, 0 at the end, or -1 with errno set.  EAGAIN
/// becomes TLSMITH_WANT_READ, EINTR is tried again, and everything else, a count above `len` too,
/// ends the connection with TLSMITH_ERR_IO.
pub type tlsmith_read_fn =
    Option<unsafe extern "C" fn(userdata: *mut c_void, buf: *mut c_void, len: usize) -> isize>;

/// Writes up to `len` bytes to the peer: a count of 1 at least, or -1 with errno set.  EAGAIN
/// becomes TLSMITH_WANT_WRITE, EINTR is tried again, and everything else, a count above `len` and 0
/// too, ends the connection with TLSMITH_ERR_IO.
pub type tlsmith_write_fn =
    Option<unsafe extern "C" fn(userdata: *mut c_void, data: *const c_void, len: usize) -> isize>;

/// Be a client over a connected stream socket, which the caller keeps open for as long as the
/// connection lives, and closes.  While its connect() is in progress, calls that do not wait return
/// TLSMITH_WANT_WRITE.  `server_name` is what the certificate is checked for; NULL is only allowed
/// where names are not checked.  A name that cannot be in a certificate is allowed there and with
/// tlsmith_ctx_trust_certificate(), and not sent.  Here and below, nothing is sent before
/// tlsmith_handshake() or the first read or write.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_connect_fd(
    conn: *mut tlsmith_conn,
    fd: c_int,
    server_name: *const c_char,
) -> c_int {
    edge::status(on(conn, |conn| {
        let name = edge::text(server_name, "server_name")?;
        let open = conn.client(name, SocketTransport::new(CallersFd::new(fd)?)?)?;
        conn.start(open.over_socket(fd))
    }))
}

/// Be a server over a connected stream socket, which the caller keeps open for as long as the
/// connection lives, and closes.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_accept_fd(conn: *mut tlsmith_conn, fd: c_int) -> c_int {
    edge::status(on(conn, |conn| {
        let open = conn.server(SocketTransport::new(CallersFd::new(fd)?)?)?;
        conn.start(open.over_socket(fd))
    }))
}

/// Be a client over two descriptors, one to read from and one to write to: pipes, a terminal,
/// standard I/O.  The caller keeps them open while the connection lives, and closes them.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_connect_fds(
    conn: *mut tlsmith_conn,
    in_fd: c_int,
    out_fd: c_int,
    server_name: *const c_char,
) -> c_int {
    edge::status(on(conn, |conn| {
        let name = edge::text(server_name, "server_name")?;
        let pipes = PipeTransport::new(CallersFd::new(in_fd)?, CallersFd::new(out_fd)?);
        conn.start(conn.client(name, pipes)?)
    }))
}

/// Be a server over two such descriptors.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_accept_fds(
    conn: *mut tlsmith_conn,
    in_fd: c_int,
    out_fd: c_int,
) -> c_int {
    edge::status(on(conn, |conn| {
        let pipes = PipeTransport::new(CallersFd::new(in_fd)?, CallersFd::new(out_fd)?);
        conn.start(conn.server(pipes)?)
    }))
}

/// Be a client over callbacks, which get `userdata` and wait as they like: the time limit does not
/// hold for them.  They may run on any thread that reads from or writes to the connection, `read`
/// on one while `write` on another.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_connect_io(
    conn: *mut tlsmith_conn,
    read: tlsmith_read_fn,
    write: tlsmith_write_fn,
    userdata: *mut c_void,
    server_name: *const c_char,
) -> c_int {
    edge::status(on(conn, |conn| {
        let name = edge::text(server_name, "server_name")?;
        let transport = CallbackTransport::new(read, write, userdata)?;
        conn.start(conn.client(name, transport)?)
    }))
}

/// Be a server over callbacks.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_accept_io(
    conn: *mut tlsmith_conn,
    read: tlsmith_read_fn,
    write: tlsmith_write_fn,
    userdata: *mut c_void,
) -> c_int {
    edge::status(on(conn, |conn| {
        let transport = CallbackTransport::new(read, write, userdata)?;
        conn.start(conn.server(transport)?)
    }))
}

/// Be a client over memory: tlsmith_feed() and tlsmith_drain() move the bytes, and no call waits.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_connect_mem(
    conn: *mut tlsmith_conn,
    server_name: *const c_char,
) -> c_int {
    edge::status(on(conn, |conn| {
        let name = edge::text(server_name, "server_name")?;
        conn.start(conn.client(name, MemoryTransport)?)
    }))
}

/// Be a server over memory.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_accept_mem(conn: *mut tlsmith_conn) -> c_int {
    edge::status(on(conn, |conn| conn.start(conn.server(MemoryTransport)?)))
}

/// Over memory: hand over `len` bytes from the peer, all of which are kept until they are read.  0
/// is the peer's end, after which nothing can follow.  TLSMITH_ERR_STATE over anything else.
///
/// cbindgen:postfix=TLSMITH_READS(2, 3)
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_feed(conn: *mut tlsmith_conn, data: *const c_void, len: usize) -> c_int {
    edge::status(on_open(conn, |connection| {
        connection.feed(edge::bytes(data, len, "data")?)
    }))
}

/// Over memory: take up to `len` bytes for the peer: a count, 0 when there are none.  They are
/// there after any other call on the connection, one that failed too: an alert tells the peer why.
///
/// cbindgen:postfix=TLSMITH_FILLS(2, 3)
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_drain(conn: *mut tlsmith_conn, buf: *mut c_void, len: usize) -> isize {
    edge::count(on_open(conn, |connection| {
        connection.drain(edge::room(buf, len, "buf")?)
    }))
}

/// Over memory: borrow the next pending output without copying: returns its length and stores its
/// address in `*data` (NULL if 0).  The bytes count as drained, and stay valid until the next call
/// of this function or the end of the connection.  A length below 65536 means nothing else is
/// pending.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_drain_borrowed(
    conn: *mut tlsmith_conn,
    data: *mut *const c_void,
) -> isize {
    edge::count(on_open(conn, |connection| {
        if data.is_null() {
            return Err(edge::is_null("data"));
        }
        connection.drain_borrowed(|bytes| {
            let start = match bytes {
                [] => std::ptr::null(),
                bytes => bytes.as_ptr().cast(),
            };
            edge::store(data, start);
            bytes.len()
        })
    }))
}

/// Bytes that functions of C carry.
struct CallbackTransport {
    origin: Origin,
    read: Callback<ReadFn>,
    write: Callback<WriteFn>,
}

impl CallbackTransport {
    fn new(read: Option<ReadFn>, write: Option<WriteFn>, userdata: *mut c_void) -> Result<Self> {
        Ok(Self {
            origin: Origin::here(),
            read: Callback::new(read, userdata, "read")?,
            write: Callback::new(write, userdata, "write")?,
        })
    }
}

impl Transport for CallbackTransport {
    fn receive(&self, buffer: &mut [u8], _patience: WaitMode) -> Result<usize> {
        let most = buffer.len();
        let count = until_done(Status::WantRead, "the read callback failed", || {
            self.read.read(buffer)
        })?;
        // The callback may have forked.
        self.origin.check()?;
        if count > most {
            let sentence = format!("the read callback says {count} bytes of {most} at the most");
            return Err(edge::impossible(sentence));
        }
        Ok(count)
    }

    fn send(&self, data: &[u8], _patience: WaitMode) -> Result<usize> {
        let most = data.len();
        let count = until_done(Status::WantWrite, "the write callback failed", || {
            self.write.write(data)
        })?;
        self.origin.check()?;
        if count == 0 || count > most {
            let sentence = format!("the write callback says {count} bytes of 1 to {most}");
            return Err(edge::impossible(sentence));
        }
        Ok(count)
    }
}

/// Calls until no signal interrupts it.
fn until_done(
    want: Status,
    failed: &str,
    mut call: impl FnMut() -> std::io::Result<usize>,
) -> Result<usize> {
    loop {
        match call() {
            Ok(count) => return Ok(count),
            Err(error) => match error.kind() {
                std::io::ErrorKind::Interrupted => {}
                std::io::ErrorKind::WouldBlock => return Err(want.into()),
                _ => return Err(Error::io(failed, error)),
            },
        }
    }
}
