"""tlsmith.ssl: the standard library's sockets on our engine.  What they do as
such, CPython's own tests tell (test_cpython.py)."""

import asyncio
import gc
import socket
import ssl
import subprocess
import sys
import weakref

import pytest
from conftest import PATIENCE, refusal, shake_hands, ssl_context, thread
from processes import tool

import tlsmith
import tlsmith.ssl

# Settings.


def test_contexts_are_those_of_the_standard_library(context):
    assert isinstance(context, ssl.SSLContext)
    assert context.check_hostname and context.verify_mode == ssl.CERT_REQUIRED
    defaults = ssl.create_default_context()
    for name in ("options", "verify_flags", "minimum_version", "maximum_version", "protocol"):
        assert getattr(context, name) == getattr(defaults, name), name


def test_parameters_of_diffie_hellman_are_read_and_refused(serving, tmp_path):
    with pytest.raises(FileNotFoundError):
        serving.load_dh_params(tmp_path / "missing.pem")
    path = tmp_path / "dh.pem"
    path.write_text("nothing")
    with pytest.raises(ssl.SSLError, match="NO_START_LINE"):
        serving.load_dh_params(path)
    command = [tool("openssl", "openssl"), "genpkey", "-genparam", "-algorithm", "DH"]
    subprocess.run([*command, "-pkeyopt", "group:ffdhe2048", "-out", path], check=True)
    with pytest.raises(NotImplementedError, match="leave load_dh_params"):
        serving.load_dh_params(path)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1:DeprecationWarning")
def test_unsupported_versions_are_rejected(context):
    with pytest.raises(ValueError, match=r"TLS 1\.2 or 1\.3"):
        tlsmith.ssl.SSLContext(ssl.PROTOCOL_TLSv1)
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError, match="NO_PROTOCOLS_AVAILABLE"):
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="localhost")


def test_set_ciphers_takes_openssls_cipher_lists(context, serving):
    context.set_ciphers("ECDHE+CHACHA20")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    client, server = shake_hands(context, serving)
    with client, server:
        assert client.cipher() == ("ECDHE-ECDSA-CHACHA20-POLY1305", "TLSv1.2", 256)
        assert client.cipher() in server.shared_ciphers()
    names = {one["name"] for one in context.get_ciphers()}
    assert {"ECDHE-RSA-CHACHA20-POLY1305", "TLS_AES_128_GCM_SHA256"} <= names
    with pytest.raises(ssl.SSLError, match="No cipher can be selected"):
        context.set_ciphers("NOTHING")


def test_set_ecdh_curve_leaves_one_group(context, serving):
    serving.set_ecdh_curve("prime256v1")
    client, server = shake_hands(context, serving)
    with client, server:
        assert client.group() == server.group() == "secp256r1"


# Data.


def test_nothing_is_read_beyond_close_notify(context, serving):
    client, server = shake_hands(context, serving)

    def serve():
        plain = server.unwrap()
        plain.sendall(b"and now in the clear")
        plain.close()

    with thread(serve):
        assert client.recv(100) == b""
        plain = client.unwrap()
        assert plain is client
        with socket.socket(fileno=plain.detach()) as rest:
            rest.settimeout(PATIENCE)
            assert rest.recv(100) == b"and now in the clear"


def test_memory_bio_keeps_bytes_after_close_notify(context, identity):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    peer = tlsmith.Server(identity).buffer()
    while True:
        try:
            ours.do_handshake()
            break
        except ssl.SSLWantReadError:
            peer.receive_data(outgoing.read())
            incoming.write(peer.data_to_send())
    peer.receive_data(outgoing.read())
    peer.close()
    incoming.write(peer.data_to_send() + b"in the clear")
    assert ours.read(100) == b""
    assert incoming.read() == b"in the clear"


def test_reading_does_not_hide_records_from_select(context, serving):
    client, server = shake_hands(context, serving)
    with client, server:
        server.sendall(b"one")
        server.sendall(b"two")
        assert client.recv(100) == b"one"
        assert client.pending() == 0
        client.setblocking(False)
        import select

        assert select.select([client], [], [], PATIENCE)[0] == [client]
        assert client.recv(100) == b"two"
        with pytest.raises(ssl.SSLWantReadError) as caught:
            client.recv(100)
        assert caught.value.args[0] == ssl.SSL_ERROR_WANT_READ


def test_nonblocking_write_completes_by_retrying(context, serving):
    client, server = shake_hands(context, serving)
    data = bytes(range(256)) * 20_000
    with client, server:
        client.setblocking(False)

        def receive():
            got = bytearray()
            while len(got) < len(data):
                got += server.recv(65_536)
            return bytes(got)

        import select

        with thread(receive) as receiving:
            rest = memoryview(data)
            while rest:
                try:
                    rest = rest[client.send(rest) :]
                except ssl.SSLWantWriteError:
                    assert select.select([], [client], [], PATIENCE)[1]
        assert receiving.result == data


def test_time_limits_are_those_of_the_socket(context, serving):
    client, server = shake_hands(context, serving)
    with client, server:
        client.settimeout(0.01)
        with pytest.raises(TimeoutError, match="The read operation timed out"):
            client.recv(1)
        server.sendall(b"late")
        client.settimeout(PATIENCE)
        assert client.recv(10) == b"late"


def test_a_closed_socket_is_not_used(context, serving):
    client, server = shake_hands(context, serving)
    core = client._sslobj
    client.close()
    server.close()
    with pytest.raises(ssl.SSLError, match="Underlying socket connection gone"):
        core.read(1)


# Bundles.


def test_bundles_are_parsed_once_per_process(ca, tmp_path):
    bundle = tmp_path / "roots.pem"
    ca.cert.save(bundle)
    first, second = (tlsmith.ssl.create_default_context(cafile=bundle) for _ in range(2))
    assert first._bundles.keys() == second._bundles.keys()
    bundle.unlink()
    tlsmith.CA().cert.save(bundle)
    third = tlsmith.ssl.create_default_context(cafile=bundle)
    assert third._bundles.keys() != second._bundles.keys()


def test_context_presents_the_reloaded_certificate(ca, context, serving):
    # Often: an object that is gone makes room for the next at the same place.
    for _ in range(20):
        renewed = ca.issue("localhost")
        renewed.configure(serving)
        client, server = shake_hands(context, serving)
        with client, server:
            assert client.getpeercert(True) == renewed.cert.der
        serving.load_verify_locations(cadata=tlsmith.CA().cert.pem.decode())


def test_an_sni_callback_chooses_the_context(ca, context, serving):
    asked = []
    other = tlsmith.ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue("other.example").configure(other)

    def choose(sock, name, before):
        asked.append((name, before))
        if name == "other.example":
            sock.context = other

    serving.sni_callback = choose
    for name in ("localhost", "other.example"):
        client, server = shake_hands(context, serving, name)
        with client, server:
            assert client.getpeercert()["subjectAltName"][0] == ("DNS", name)
    assert asked == [("localhost", serving), ("other.example", serving)]


def test_an_sni_callback_refuses_with_its_alert(context, serving):
    serving.sni_callback = lambda *_: ssl.ALERT_DESCRIPTION_ACCESS_DENIED
    ours, theirs = refusal(context, serving)
    assert ours.reason == "TLSV1_ALERT_ACCESS_DENIED"
    assert theirs.reason == "CALLBACK_FAILED"


def test_crl_check_rejects_revoked_certificate(tmp_path):
    ca = tlsmith.CA()
    good, bad = ca.issue("localhost"), ca.issue("localhost")
    crl = tmp_path / "crl.pem"
    ca.revoke(bad).crl().save(crl)
    context = tlsmith.ssl.create_default_context(cadata=ca.cert.pem.decode())
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    ours, _ = refusal(context, ssl_context(ssl.PROTOCOL_TLS_SERVER, good))
    assert ours.verify_code == 3
    context.load_verify_locations(crl)
    client, server = shake_hands(context, ssl_context(ssl.PROTOCOL_TLS_SERVER, good))
    client.close()
    server.close()
    ours, _ = refusal(context, ssl_context(ssl.PROTOCOL_TLS_SERVER, bad))
    assert ours.verify_code == 23


def test_server_negotiates_no_alpn_without_common_protocol(context, serving):
    serving.set_alpn_protocols(["h2"])
    context.set_alpn_protocols(["http/1.1"])
    client, server = shake_hands(context, serving)
    with client, server:
        assert client.selected_alpn_protocol() is None
    context.set_alpn_protocols(["http/1.1", "h2"])
    client, server = shake_hands(context, serving)
    with client, server:
        assert client.selected_alpn_protocol() == server.selected_alpn_protocol() == "h2"


def test_self_signed_certificate_is_trusted_for_its_name():
    alone = tlsmith.Identity.load(*self_signed())
    serving = ssl_context(ssl.PROTOCOL_TLS_SERVER, alone)
    context = tlsmith.ssl.create_default_context(cadata=alone.cert.pem.decode())
    client, server = shake_hands(context, serving)
    client.close()
    server.close()
    ours, _ = refusal(context, serving, "other.example")
    assert ours.verify_code == 62


def self_signed():
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    options = ["-nodes", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    leaf = ["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", "-", "-out", "-"]
    pem = subprocess.check_output([*command, *options, *leaf], stderr=subprocess.DEVNULL)
    return pem, pem


# From and into the rest.


def test_ssl_context_of_client_has_all_its_settings(ca, identity):
    pin = tlsmith.Pin.spki(ca.cert.spki_sha256)
    client = tlsmith.Client(trust=ca, alpn=["h2"], groups=["P-384"], pins=[pin])
    server = tlsmith.Server(identity, alpn=["h2"])
    sock, peer = shake_hands(client.ssl_context(), server.ssl_context())
    with sock, peer:
        assert sock.selected_alpn_protocol() == "h2"
        assert sock.group() == "secp384r1"
        assert isinstance(sock.info, tlsmith.Info)
    wrong = client.replace(pins=[tlsmith.Pin.spki(bytes(32))])
    ours, _ = refusal(wrong.ssl_context(), server.ssl_context())
    assert ours.__cause__.reason == "pin_mismatch"


def test_channel_bindings_are_the_same_on_both_sides(context, serving):
    client, server = shake_hands(context, serving)
    with client, server:
        binding = client.get_channel_binding("tls-exporter")
        assert binding == server.get_channel_binding("tls-exporter")
        assert len(binding) == 32
        for kind in tlsmith.ssl.CHANNEL_BINDING_TYPES:
            assert client.get_channel_binding(kind) == server.get_channel_binding(kind) != b""
        with pytest.raises(NotImplementedError, match="tls-exporter"):
            client.get_channel_binding("tls-unique")


def test_undefined_end_point_binding_raises_not_implemented():
    ca = tlsmith.CA(key="ed25519")
    context = tlsmith.Client(trust=ca).ssl_context()
    for side in shake_hands(context, tlsmith.Server(ca.issue("localhost")).ssl_context()):
        with side, pytest.raises(NotImplementedError, match="RFC 5929"):
            side.get_channel_binding("tls-server-end-point")


def test_install_applies_to_later_contexts():
    program = """
import ssl, tlsmith.ssl
before = ssl.create_default_context()
tlsmith.ssl.install()
assert isinstance(ssl.create_default_context(), tlsmith.ssl.SSLContext)
assert type(before) is not tlsmith.ssl.SSLContext
assert isinstance(before, ssl.SSLContext)
# The setters of the standard library still find OpenSSL's own.
before.minimum_version = ssl.TLSVersion.TLSv1_3
before.options |= ssl.OP_NO_TICKET
before.verify_flags |= ssl.VERIFY_X509_STRICT
before.check_hostname = False
before.verify_mode = ssl.CERT_NONE
assert before.minimum_version == ssl.TLSVersion.TLSv1_3
assert ssl.CHANNEL_BINDING_TYPES is tlsmith.ssl.CHANNEL_BINDING_TYPES
assert not ssl.HAS_TLSv1_1
tlsmith.ssl.uninstall()
assert ssl.CHANNEL_BINDING_TYPES == ["tls-unique"]
assert not isinstance(ssl.create_default_context(), tlsmith.ssl.SSLContext)
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_module_has_all_that_ssl_has():
    assert [name for name in dir(ssl) if not hasattr(tlsmith.ssl, name)] == []
    assert tlsmith.ssl.CERT_REQUIRED is ssl.CERT_REQUIRED
    assert tlsmith.ssl.HAS_TLSv1_3 and not tlsmith.ssl.HAS_TLSv1
    assert isinstance(tlsmith.ssl._create_unverified_context(), tlsmith.ssl.SSLContext)


def test_the_certificate_of_a_server_is_fetched(identity):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        context = ssl_context(ssl.PROTOCOL_TLS_SERVER, identity)

        def serve():
            sock, _ = listener.accept()
            with context.wrap_socket(sock, server_side=True) as tls:
                tls.recv(1)

        with thread(serve):
            pem = tlsmith.ssl.get_server_certificate(listener.getsockname(), timeout=PATIENCE)
    assert pem.encode() == identity.cert.pem


def test_connections_and_contexts_are_collected(context, serving):
    serving.sni_callback = lambda *_: None
    client, server = shake_hands(context, serving)
    cores = [weakref.ref(sock._sslobj) for sock in (client, server)]
    client.close()
    server.close()
    del client, server
    assert [core() for core in cores] == [None, None]
    servers = []

    def choose(_hello):
        return servers[0]

    servers.append(tlsmith.Server(tlsmith.CA().issue("a.example"), on_hello=choose))
    known = weakref.ref(choose)
    servers = choose = None
    gc.collect()
    assert known() is None


def test_asyncio_upgrades_a_connection(context, serving):
    async def main():
        async def handle(reader, writer):
            writer.write(await reader.readline())
            await writer.drain()
            await writer.start_tls(serving)
            writer.write(await reader.readline())
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"in the clear\n")
            assert await reader.readline() == b"in the clear\n"
            await writer.start_tls(context, server_hostname="localhost")
            assert isinstance(writer.get_extra_info("ssl_object"), tlsmith.ssl.SSLObject)
            writer.write(b"encrypted\n")
            assert await reader.readline() == b"encrypted\n"
            writer.close()

    asyncio.run(asyncio.wait_for(main(), PATIENCE))
