"""tlsmith.ssl notices every change in a folder of trusted certificates."""

import os
import ssl
import subprocess
import sys

import pytest
from conftest import ssl_context
from processes import tool
from test_ssl_context import Pair

import tlsmith
import tlsmith.ssl


def hash_of(certificate):
    command = [tool("openssl", "openssl"), "x509", "-noout", "-subject_hash"]
    return subprocess.check_output(command, input=certificate.pem).decode().strip()


def judged(folder, server, flags=0):
    context = tlsmith.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(capath=folder)
    context.verify_flags |= flags
    return Pair(context, server).outcome()


@pytest.fixture
def hashed(tmp_path):
    """A CA with a server, and a folder that trusts it."""
    ca = tlsmith.CA("Root")
    identity = ca.issue("localhost")
    server = ssl_context(ssl.PROTOCOL_TLS_SERVER, identity)
    path = tmp_path / f"{hash_of(ca.cert)}.0"
    path.write_bytes(ca.cert.pem)
    assert judged(tmp_path, server) == "accepted"
    return ca, identity, server, path


def keep_times(path, state):
    """Has a file and its folder look as old as before."""
    os.utime(path, ns=(state[0].st_atime_ns, state[0].st_mtime_ns))
    os.utime(path.parent, ns=(state[1].st_atime_ns, state[1].st_mtime_ns))


def times(path):
    return os.stat(path), os.stat(path.parent)


def write_in_place(path, content):
    with open(path, "r+b") as file:
        file.write(content)
        file.truncate()


def replace_file(path, content):
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.rename(path)


@pytest.mark.parametrize("write", [write_in_place, replace_file])
def test_folder_uses_renewed_root(hashed, write):
    _, _, server, path = hashed
    before = times(path)
    write(path, tlsmith.CA("Root").cert.pem)
    keep_times(path, before)
    assert judged(path.parent, server) != "accepted"


def test_a_crl_that_is_renewed_in_a_folder_is_checked(hashed):
    ca, identity, server, path = hashed
    crl = path.with_suffix(".r0")
    crl.write_bytes(ca.crl().pem)
    assert judged(path.parent, server, ssl.VERIFY_CRL_CHECK_LEAF) == "accepted"
    before = times(crl)
    write_in_place(crl, ca.revoke(identity).crl().pem)
    keep_times(crl, before)
    assert judged(path.parent, server, ssl.VERIFY_CRL_CHECK_LEAF) == 23


def test_a_link_in_a_folder_counts_as_its_file(hashed, tmp_path):
    ca, _, server, path = hashed
    target = tmp_path / "root.pem"
    target.write_bytes(ca.cert.pem)
    path.unlink()
    path.symlink_to(target)
    assert judged(path.parent, server) == "accepted"
    write_in_place(target, tlsmith.CA("Root").cert.pem)
    assert judged(path.parent, server) != "accepted"
    target.unlink()
    assert judged(path.parent, server) != "accepted"


def test_list_of_folders_loads_every_folder(tmp_path):
    folders = [tmp_path / "one", tmp_path / "two"]
    cas = [tlsmith.CA(f"Root {number}") for number in range(2)]
    for folder, ca in zip(folders, cas, strict=True):
        folder.mkdir()
        (folder / f"{hash_of(ca.cert)}.0").write_bytes(ca.cert.pem)
    listed = os.pathsep.join(map(str, [*folders, ""]))
    program = """
import sys, tlsmith.ssl
context = tlsmith.ssl.create_default_context()
print(sorted(one.subject for one in context._certificates()))
"""
    said = subprocess.check_output(
        [sys.executable, "-c", program],
        env={**os.environ, "SSL_CERT_FILE": "/nonexistent", "SSL_CERT_DIR": listed},
        text=True,
    )
    assert said == "['CN=Root 0', 'CN=Root 1']\n"
    for ca in cas:
        server = ssl_context(ssl.PROTOCOL_TLS_SERVER, ca.issue("localhost"))
        assert judged(listed, server) == "accepted"


def test_a_folder_that_did_not_change_is_read_once(hashed):
    _, _, _, path = hashed
    first, second = (tlsmith.ssl._bundles.read_folder(str(path.parent)) for _ in range(2))
    assert first is second


def test_a_file_that_keeps_its_time_and_size_is_read_again(tmp_path):
    path = tmp_path / "roots.pem"
    pems = [tlsmith.CA("Root").cert.pem for _ in range(2)]
    size = max(map(len, pems))
    path.write_bytes(pems[0].ljust(size))
    before = times(path)
    first = tlsmith.ssl._bundles.read_bundle(str(path))
    write_in_place(path, pems[1].ljust(size))
    keep_times(path, before)
    assert tlsmith.ssl._bundles.read_bundle(str(path)) is not first
