"""The exceptions of tlsmith.ssl: those that the standard library raises with OpenSSL."""

import socket
import ssl
import struct

import pytest
from conftest import refusal, socketpair, ssl_context, thread

import tlsmith
import tlsmith.ssl


def test_wrong_name_raises_openssls_error(context, serving):
    ours, _ = refusal(context, serving, "other.example")
    assert type(ours) is ssl.SSLCertVerificationError
    assert ours.args[0] == ours.errno == 1
    assert ours.strerror.startswith("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: ")
    assert (ours.library, ours.reason) == ("SSL", "CERTIFICATE_VERIFY_FAILED")
    message = "Hostname mismatch, certificate is not valid for 'other.example'."
    assert (ours.verify_code, ours.verify_message) == (62, message)
    assert isinstance(ours.__cause__, tlsmith.VerifyError)
    assert "you asked for 'other.example'" in ours.__notes__[0]


@pytest.mark.parametrize(
    ("options", "name", "code"),
    [
        ({"valid": "-2d..-1d"}, "localhost", 10),
        ({"valid": "1d..2d"}, "localhost", 9),
        ({"usage": ["client"]}, "localhost", 26),
        ({}, "127.0.0.2", 64),
    ],
)
def test_verification_errors_have_openssls_numbers(ca, context, options, name, code):
    serving = ssl_context(ssl.PROTOCOL_TLS_SERVER, ca.issue("localhost", **options))
    theirs = ssl_context(ssl.PROTOCOL_TLS_CLIENT, ca=ca)
    ours, _ = refusal(context, serving, name)
    reference, _ = refusal(theirs, serving, name)
    assert (ours.verify_code, ours.verify_message) == (code, reference.verify_message)
    assert reference.verify_code == code


def test_server_gets_unknown_ca_alert(serving):
    ours, theirs = refusal(tlsmith.ssl.create_default_context(), serving)
    assert ours.verify_code == 20
    # Whose alert gets lost where the client hangs up before all of it was read.
    assert isinstance(theirs, ConnectionError) or theirs.reason == "TLSV1_ALERT_UNKNOWN_CA"


def test_server_reports_missing_client_certificate(context, serving):
    serving.verify_mode = ssl.CERT_REQUIRED
    serving.load_verify_locations(cadata=tlsmith.CA().cert.pem.decode())
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    ours, theirs = refusal(context, serving)
    assert theirs.reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE"
    assert ours.reason == "SSLV3_ALERT_HANDSHAKE_FAILURE"


def test_a_server_that_speaks_http_is_a_wrong_version(context):
    near, far = socketpair()
    with far, pytest.raises(ssl.SSLError) as caught:
        far.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        context.wrap_socket(near, server_hostname="localhost")
    assert caught.value.reason == "WRONG_VERSION_NUMBER"


def test_truncation_raises_eof_error_unless_ignored(ca, context, serving):
    context.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
    lax = context.wrap_socket
    for allowed in (True, False):
        if not allowed:
            context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
        near, far = socketpair()
        with thread(lambda far=far: serving.wrap_socket(far, server_side=True)) as accepting:
            sock = lax(near, server_hostname="localhost", suppress_ragged_eofs=False)
        server = accepting.result
        server.sendall(b"x")
        socket.socket.shutdown(server, socket.SHUT_WR)
        assert sock.recv(10) == b"x"
        if allowed:
            assert sock.recv(10) == b""
        else:
            with pytest.raises(ssl.SSLEOFError) as caught:
                sock.recv(10)
            assert caught.value.args[0] == ssl.SSL_ERROR_EOF
        sock.close()
        server.close()


def read_after_reset(module, ca, identity):
    """What a server reads whose client resets the connection."""
    context = module.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    identity.configure(context)
    trusting = ssl.create_default_context(cadata=ca.cert.pem.decode())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    with thread(lambda: trusting.wrap_socket(near, server_hostname="localhost")) as shaking:
        served = context.wrap_socket(far, server_side=True)
    with served:
        at_once = struct.pack("ii", 1, 0)
        shaking.result.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        shaking.result.close()
        try:
            return served.recv(1)
        except OSError as error:
            return type(error)


def test_reset_reads_as_in_the_standard_library(ca, identity):
    theirs = read_after_reset(ssl, ca, identity)
    assert read_after_reset(tlsmith.ssl, ca, identity) == theirs
