//! Connections over sockets, pipes, callbacks and memory of the caller.

use std::ffi::{c_char, c_int, c_void};

use tlsmith::{
    Error, MemoryTransport, Origin, PipeTransport, Result, SocketTransport, Status, Transport,
    WaitMode,
};

use crate::call::{on, on_open};
use crate::conn::tlsmith_conn;
use crate::ffi::{self, BorrowedDescriptor, Callback, ReadFn, WriteFn};

/// Reads up to `len` bytes from the peer.  Returns the count, 0 at the end of input, or -1 with
/// errno set.  EAGAIN becomes TLSMITH_WANT_READ and EINTR is retried.  Any other error, or a count
/// above `len`, ends the connection with TLSMITH_ERR_IO.
pub type tlsmith_read_fn =
    Option<unsafe extern "C" fn(userdata: *mut c_void, buf: *mut c_void, len: usize) -> isize>;

/// Writes up to `len` bytes to the peer.  Returns the count, at least 1, or -1 with errno set.
/// EAGAIN becomes TLSMITH_WANT_WRITE and EINTR is retried.  Any other error, 0, or a count above
/// `len`, ends the connection with TLSMITH_ERR_IO.
pub type tlsmith_write_fn =
    Option<unsafe extern "C" fn(userdata: *mut c_void, data: *const c_void, len: usize) -> isize>;

/// Start a client on a connected stream socket.  The caller keeps it open as long as the connection
/// lives, then closes it.  While its connect() is in progress, calls that do not wait return
/// TLSMITH_WANT_WRITE.  The certificate is verified for `server_name`; NULL is allowed only if
/// names are not checked.  A name that no certificate can contain is allowed there and with
/// tlsmith_ctx_trust_certificate(), and is not sent.  Here and below, nothing is sent before
/// tlsmith_handshake() or the first read or write.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_connect_fd(
    conn: *mut tlsmith_conn,
    fd: c_int,
    server_name: *const c_char,
) -> c_int {
    ffi::status(on(conn, |conn| {
        let name = ffi::text(server_name, "server_name")?;
        let open = conn.client(name, SocketTransport::new(BorrowedDescriptor::new(fd)?)?)?;
        conn.start(open.over_socket(fd))
    }))
}

/// Start a server on a connected stream socket, which the caller keeps open and closes likewise.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_accept_fd(conn: *mut tlsmith_conn, fd: c_int) -> c_int {
    ffi::status(on(conn, |conn| {
        let open = conn.server(SocketTransport::new(BorrowedDescriptor::new(fd)?)?)?;
        conn.start(open.over_socket(fd))
    }))
}

/// Start a client on two descriptors, one to read and one to write: pipes, a terminal, standard
/// I/O.  The caller keeps them open as long as the connection lives, then closes them.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_connect_fds(
    conn: *mut tlsmith_conn,
    in_fd: c_int,
    out_fd: c_int,
    server_name: *const c_char,
) -> c_int {
    ffi::status(on(conn, |conn| {
        let name = ffi::text(server_name, "server_name")?;
        let pipes = PipeTransport::new(
            BorrowedDescriptor::new(in_fd)?,
            BorrowedDescriptor::new(out_fd)?,
        );
        conn.start(conn.client(name, pipes)?)
    }))
}

/// Start a server on two such descriptors.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_accept_fds(
    conn: *mut tlsmith_conn,
    in_fd: c_int,
    out_fd: c_int,
) -> c_int {
    ffi::status(on(conn, |conn| {
        let pipes = PipeTransport::new(
            BorrowedDescriptor::new(in_fd)?,
            BorrowedDescriptor::new(out_fd)?,
        );
        conn.start(conn.server(pipes)?)
    }))
}

/// Start a client on callbacks, which receive `userdata` and may block: the time limit does not
/// apply to them.  They run on any thread that reads from or writes to the connection, `read` on
/// one while `write` on another.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_connect_io(
    conn: *mut tlsmith_conn,
    read: tlsmith_read_fn,
    write: tlsmith_write_fn,
    userdata: *mut c_void,
    server_name: *const c_char,
) -> c_int {
    ffi::status(on(conn, |conn| {
        let name = ffi::text(server_name, "server_name")?;
        let transport = CallbackTransport::new(read, write, userdata)?;
        conn.start(conn.client(name, transport)?)
    }))
}

/// Start a server on callbacks.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_accept_io(
    conn: *mut tlsmith_conn,
    read: tlsmith_read_fn,
    write: tlsmith_write_fn,
    userdata: *mut c_void,
) -> c_int {
    ffi::status(on(conn, |conn| {
        let transport = CallbackTransport::new(read, write, userdata)?;
        conn.start(conn.server(transport)?)
    }))
}

/// Start a client in memory: tlsmith_feed() and tlsmith_drain() move its bytes, and no call waits.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_connect_mem(
    conn: *mut tlsmith_conn,
    server_name: *const c_char,
) -> c_int {
    ffi::status(on(conn, |conn| {
        let name = ffi::text(server_name, "server_name")?;
        conn.start(conn.client(name, MemoryTransport)?)
    }))
}

/// Start a server in memory.
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_accept_mem(conn: *mut tlsmith_conn) -> c_int {
    ffi::status(on(conn, |conn| conn.start(conn.server(MemoryTransport)?)))
}

/// In memory: pass `len` bytes from the peer, all of which are kept until read.  A `len` of 0
/// marks the end of input, after which none may follow.  TLSMITH_ERR_STATE on other transports.
///
/// cbindgen:postfix=TLSMITH_READS(2, 3)
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_feed(conn: *mut tlsmith_conn, data: *const c_void, len: usize) -> c_int {
    ffi::status(on_open(conn, |connection| {
        connection.feed(ffi::bytes(data, len, "data")?)
    }))
}

/// In memory: copy up to `len` bytes of pending output for the peer, and return the count; 0 if
/// none.  Any other call may produce output, even if it fails: an alert tells the peer why.
///
/// cbindgen:postfix=TLSMITH_FILLS(2, 3)
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_drain(conn: *mut tlsmith_conn, buf: *mut c_void, len: usize) -> isize {
    ffi::count(on_open(conn, |connection| {
        connection.drain(ffi::room(buf, len, "buf")?)
    }))
}

/// In memory: borrow the next pending output without copying.  Returns its length and stores its
/// address in `*data` (NULL if 0).  The bytes count as drained, and stay valid until the next call
/// of this function or until the connection is freed.  A length below 65536 means nothing else is
/// pending.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn tlsmith_drain_borrowed(
    conn: *mut tlsmith_conn,
    data: *mut *const c_void,
) -> isize {
    ffi::count(on_open(conn, |connection| {
        if data.is_null() {
            return Err(ffi::is_null("data"));
        }
        connection.drain_borrowed(|bytes| {
            let start = match bytes {
                [] => std::ptr::null(),
                bytes => bytes.as_ptr().cast(),
            };
            ffi::store(data, start);
            bytes.len()
        })
    }))
}

/// A transport over C callbacks.
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
    fn receive(&self, buffer: &mut [u8], _wait: WaitMode) -> Result<usize> {
        let most = buffer.len();
        let count = until_done(Status::WantRead, "the read callback failed", || {
            self.read.read(buffer)
        })?;
        // The callback may have forked.
        self.origin.check()?;
        if count > most {
            let sentence =
                format!("the read callback returned {count} bytes: at most {most} are allowed");
            return Err(ffi::invalid_count(sentence));
        }
        Ok(count)
    }

    fn send(&self, data: &[u8], _wait: WaitMode) -> Result<usize> {
        let most = data.len();
        let count = until_done(Status::WantWrite, "the write callback failed", || {
            self.write.write(data)
        })?;
        self.origin.check()?;
        if count == 0 || count > most {
            let sentence =
                format!("the write callback returned {count} bytes: 1 to {most} are allowed");
            return Err(ffi::invalid_count(sentence));
        }
        Ok(count)
    }
}

/// Retries a call while signals interrupt it.
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
