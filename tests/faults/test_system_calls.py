"""Each system call fails in turn, in each way that it can: the program that made it says
so, or goes on where it can, and in no case loses data or leaves something half done."""

import os
import shutil
import socket
import ssl
import stat
import subprocess
import sys

import pytest
import tracing
from conftest import LENGTH
from tracing import between_marks, read, run, strace

import tlsmith

NETWORK = {
    "socket": ["EMFILE", "ENOBUFS"],
    "bind": ["EADDRINUSE"],
    "listen": ["EADDRINUSE"],
    "connect": ["ECONNREFUSED", "ETIMEDOUT", "ENETUNREACH", "EINTR"],
    "accept4": ["ECONNABORTED", "EPROTO", "EINTR"],
    "setsockopt": ["EINVAL", "ENOPROTOOPT"],
    "getsockopt": ["EINVAL", "ENOBUFS"],
    "getpeername": ["ENOTCONN"],
    "getsockname": ["ENOBUFS"],
    "fcntl": ["EINVAL"],
    "ioctl": ["EINVAL"],
    "poll": ["EINTR", "ENOMEM"],
    "ppoll": ["EINTR", "ENOMEM"],
    "read": ["EINTR", "EIO"],
    "readv": ["EINTR", "EIO"],
    "recvfrom": ["EINTR", "ECONNRESET", "ETIMEDOUT"],
    "recvmsg": ["EINTR", "ECONNRESET"],
    "write": ["EINTR", "EPIPE", "ENOSPC"],
    "writev": ["EINTR", "EPIPE"],
    "sendto": ["EINTR", "EPIPE", "ECONNRESET", "ENOBUFS"],
    "sendmsg": ["EINTR", "EPIPE"],
    "shutdown": ["ENOTCONN"],
    "openat": ["EMFILE", "EACCES", "EINTR"],
    "fstat": ["EIO"],
    "statx": ["EIO"],
    "newfstatat": ["EIO"],
    "lseek": ["ESPIPE"],
    "getrandom": ["EINTR"],
}
"""The calls of a connection, and how they can fail."""

FILES = {
    "openat": ["EACCES", "EMFILE", "ENOSPC", "EINTR"],
    "write": ["ENOSPC", "EIO", "EINTR"],
    "fsync": ["EIO", "EINTR"],
    "fdatasync": ["EIO"],
    "rename": ["EIO", "ENOSPC", "EBUSY"],
    "renameat": ["EIO", "EBUSY"],
    "renameat2": ["EIO", "EINVAL", "EBUSY"],
    "link": ["EPERM", "EMLINK"],
    "linkat": ["EPERM", "EMLINK"],
    "fchmod": ["EPERM"],
    "chmod": ["EPERM"],
    "fchmodat": ["EPERM"],
    "fchown": ["EPERM"],
    "mkdir": ["ENOSPC", "EACCES"],
    "flock": ["EINTR", "ENOLCK"],
    "fcntl": ["ENOLCK"],
    "fstat": ["EIO"],
    "statx": ["EIO"],
    "newfstatat": ["EIO"],
    "lstat": ["EIO"],
    "stat": ["EIO"],
    "readlink": ["EIO"],
    "read": ["EIO", "EINTR"],
    "ftruncate": ["EIO"],
    "getdents64": ["EIO"],
}
"""The calls that make files, and how they can fail."""


def outcome(done):
    """The status, the descriptors left, and the reason, as subject.c prints them."""
    status, descriptors, reason = done.stdout.splitlines()[-1].split(" ", 2)
    return int(status), int(descriptors), reason


def check(done, *, may_fail=True):
    status, descriptors, reason = outcome(done)
    assert descriptors == 0, f"{descriptors} more descriptors: {reason}"
    if status == 0:
        return
    assert may_fail, f"status {status}: {reason}"
    assert -90 < status < 0 and reason, (status, reason)


def injections(calls, errors, *, skip=()):
    return [
        (call, error)
        for call in calls
        if call.name not in skip
        for error in errors.get(call.name, ())
    ]


def each(cases, work):
    """Do `work` for each of these, and tell of all that fail."""
    assert cases, "no system call to disturb"
    failures = []
    for call, error in cases:
        try:
            work(call, error)
        except (AssertionError, subprocess.TimeoutExpired) as failure:
            failures.append(f"{call.name}#{call.number}({call.text[:80]} = {error}: {failure}")
    assert not failures, "\n".join(failures)


# Connections.


def traced(command, output, names):
    done = run([*strace(output, f"trace={','.join([*names, 'getppid'])}"), *command])
    return done, between_marks(read(output, [*names, "getppid"]))


@pytest.mark.parametrize("with_key_log", [False, True])
def test_a_client_says_what_failed_or_goes_on(subject, files, echo, tmp_path, with_key_log):
    log = [tmp_path / "keys.log"] if with_key_log else []
    command = subject("client", echo, files / "ca.pem", *log)
    done, calls = traced(command, tmp_path / "trace", NETWORK)
    check(done, may_fail=False)

    def work(call, error):
        done = run(
            [*strace(tmp_path / "trace", f"trace={call.name}", call.failing(error)), *command]
        )
        check(done, may_fail=error != "EINTR" or call.name == "connect")

    each(injections(calls, NETWORK), work)


def ask(port, files):
    """A client of the standard library: whether it got back what it sent."""
    context = ssl.create_default_context(cafile=files / "ca.pem")
    sent = os.urandom(LENGTH)
    got = b""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as sock:
                for place in range(0, LENGTH, 10_000):
                    sock.sendall(sent[place : place + 10_000])
                    while len(got) < place + 10_000 and (data := sock.recv(16_384)):
                        got += data
                sock.unwrap()
    except OSError:
        return False
    return got == sent


def serve(command, files):
    """Run a server for one client: what it printed, and what the client had of it."""
    with subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        try:
            first = program.stdout.readline()
            # A server that had bad luck with its first client waits for another one.
            answered = first.strip().isdigit() and (
                ask(int(first), files) or ask(int(first), files)
            )
            out, err = program.communicate(timeout=tracing.PATIENCE)
        finally:
            program.kill()
    assert program.returncode >= 0, f"signal {-program.returncode} ended it: {err}"
    assert "panicked" not in err, err
    return subprocess.CompletedProcess(command, program.returncode, first + out, err), answered


def test_a_server_says_what_failed_or_goes_on(subject, files, tmp_path):
    command = subject("server", files / "cert.pem", files / "key.pem")
    names = [*NETWORK, "getppid"]
    done, answered = serve(
        [*strace(tmp_path / "trace", f"trace={','.join(names)}"), *command], files
    )
    check(done, may_fail=False)
    assert answered
    calls = between_marks(read(tmp_path / "trace", names))

    def work(call, error):
        tracer = strace(tmp_path / "trace", f"trace={call.name}", call.failing(error))
        done, answered = serve([*tracer, *command], files)
        is_transient = error == "EINTR" or call.name in ("accept4", "getpeername")
        check(done, may_fail=not is_transient)
        assert answered or not is_transient
        assert answered or outcome(done)[0] < 0, "the client got nothing, and the server is content"

    # Its program prints its port, and asks for it.
    cases = injections(calls, NETWORK, skip=["getsockname", "write"])
    each(cases, work)


# Files.


def snapshot(folder):
    return {
        path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def in_folder(calls, folder):
    return [call for call in calls if str(folder) in call.text]


SAVES = {
    "save": ["cert.pem", "key.pem"],
    "encrypted": ["cert.pem", "key.pem"],
    "together": ["cert.pem"],
    "csr": ["cert.pem", "key.pem"],
    "p12": ["cert.pem"],
}


def check_request(request, key):
    ours = tlsmith.Key.load(key).to_cryptography().public_key()
    assert tlsmith.CSR.load(request).to_cryptography().public_key() == ours


def check_pair(what, folder):
    """That the files in this folder belong together, and are whole."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    if what == "csr":
        check_request(cert, key)
    elif what == "p12":
        tlsmith.Identity.load_pkcs12(cert, password="password")
    else:
        password = "password" if what == "encrypted" else None
        tlsmith.Identity.load(cert, cert if what == "together" else key, password=password)
    secret = cert if what in ("together", "p12") else key
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600


@pytest.mark.parametrize("is_there", [False, True], ids=["new", "in_place_of_others"])
@pytest.mark.parametrize("what", SAVES)
def test_files_are_saved_whole_and_together_or_not_at_all(subject, tmp_path, what, is_there):
    folder = tmp_path / "saved"
    folder.mkdir()

    def prepare():
        for path in folder.iterdir():
            path.unlink()
        if is_there:
            run(subject(what, folder))
        return snapshot(folder)

    prepare()
    command = subject(what, folder)
    done, calls = traced(command, tmp_path / "trace", FILES)
    check(done, may_fail=False)
    check_pair(what, folder)

    def work(call, error):
        before = prepare()
        done = run(
            [*strace(tmp_path / "trace", f"trace={call.name}", call.failing(error)), *command]
        )
        check(done, may_fail=error != "EINTR")
        after = snapshot(folder)
        if outcome(done)[0] == 0:
            assert sorted(map(str, after)) == sorted(SAVES[what])
            assert after != before
            check_pair(what, folder)
        else:
            assert after == before, f"left {sorted(map(str, after))}: {outcome(done)[2]}"

    each(injections(in_folder(calls, folder), FILES), work)


# The command line, and Python.

LOCAL = "import tlsmith; tlsmith.CA.local().issue('localhost')"

COMMANDS = {
    "local": ["-c", LOCAL],
    "ca": ["-m", "tlsmith", "ca", "init"],
    "issue": ["-m", "tlsmith", "issue", "--out", "folder/out", "a.example"],
    "csr": ["-m", "tlsmith", "csr", "--out", "folder/out", "a.example"],
}


def check_folder(folder):
    """That every file here is whole, and belongs to the others."""
    found = sorted(str(path) for path in snapshot(folder))
    authority = [name for name in found if name.startswith("authority/")]
    assert authority in ([], ["authority/ca-key.pem", "authority/ca.pem"]), found
    if authority:
        tlsmith.CA.local(folder / "authority").issue("b.example")
    issued = [name for name in found if name.startswith("out/")]
    keys = [name for name in issued if "key" in name]
    if not issued:
        return
    for name in keys:
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    if any("csr" in name for name in issued):
        assert len(issued) == 2, found
        check_request(folder / "out/a.example-csr.pem", folder / keys[0])
    else:
        assert len(issued) == 5, found
        tlsmith.Identity.load(folder / "out/a.example-chain.pem", folder / keys[0])


@pytest.mark.parametrize("what", COMMANDS)
def test_commands_make_all_or_nothing_and_say_why(tmp_path, what):
    folder = tmp_path / "folder"
    command = [sys.executable, *COMMANDS[what]]
    environment = {**os.environ, "TLSMITH_CA": str(folder / "authority"), "HOME": str(tmp_path)}

    def start(*tracer):
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir()
        return run([*tracer, *command], cwd=tmp_path, env=environment)

    names = list(FILES)
    done = start(*strace(tmp_path / "trace", f"trace={','.join(names)}"))
    assert done.returncode == 0, done.stderr
    check_folder(folder)
    complete = sorted(map(str, snapshot(folder)))
    calls = in_folder(read(tmp_path / "trace", names), folder)

    def work(call, error):
        done = start(*strace(tmp_path / "trace", f"trace={call.name}", call.failing(error)))
        check_folder(folder)
        found = sorted(map(str, snapshot(folder)))
        if done.returncode == 0:
            assert found == complete, found
        else:
            assert error != "EINTR", done.stderr
            assert done.stderr.strip(), "no word about it"
            assert not any(name.startswith("out/") for name in found), found
            # What went wrong once does not stand in the way.
            again = run(command, cwd=tmp_path, env=environment)
            assert again.returncode == 0, again.stderr

    each(injections(calls, FILES), work)
