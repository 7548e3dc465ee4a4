"""Known differences between tlsmith.ssl and `ssl`: the tests that fail only with tlsmith,
and the reason of each."""

RENEGOTIATION = "there is no renegotiation: rustls never had it, and TLS 1.3 abolished it"
TLS_UNIQUE = "there is no tls-unique: rustls keeps the Finished messages to itself"
POST_HANDSHAKE = "there is no post-handshake authentication (RFC 8446, section 4.6.2)"
BLOCKBUSTER = (
    "blockbuster sees what Python reads in an event loop: tlsmith.ssl reads the files of the "
    "default trust anchors in Python, and OpenSSL the same ones in C"
)
NO_NAME = (
    "wrap_bio() without a server_hostname raises ValueError where check_hostname is set, as "
    "wrap_socket() does: `ssl` goes on and checks no name"
)

KNOWN = {
    "trio": {
        "trio/_tests/test_ssl.py::test_get_channel_binding_after_handshake[tls12]": TLS_UNIQUE,
        "trio/_tests/test_ssl.py::test_get_channel_binding_after_handshake[tls13]": TLS_UNIQUE,
        "trio/_tests/test_ssl.py::test_renegotiation_simple[tls12]": RENEGOTIATION,
        "trio/_tests/test_ssl.py::test_renegotiation_simple[tls13]": RENEGOTIATION,
    },
    "cpython": {
        "test/test_httplib.py::HTTPSTest::test_tls13_pha": POST_HANDSHAKE,
    },
    "anyio": {
        "tests/streams/test_tls.py::TestTLSListener::test_extra_attributes[asyncio]": TLS_UNIQUE,
        "tests/streams/test_tls.py::TestTLSListener::test_extra_attributes[asyncio+uvloop]": (
            TLS_UNIQUE
        ),
        "tests/streams/test_tls.py::TestTLSListener::test_extra_attributes[trio]": TLS_UNIQUE,
        "tests/streams/test_tls.py::TestTLSStream::test_extra_attributes[asyncio]": TLS_UNIQUE,
        "tests/streams/test_tls.py::TestTLSStream::test_extra_attributes[asyncio+uvloop]": (
            TLS_UNIQUE
        ),
        "tests/streams/test_tls.py::TestTLSStream::test_extra_attributes[trio]": TLS_UNIQUE,
        "tests/test_sockets.py::TestTCPStream::test_connect_tcp_with_tls_cert_check_fail"
        "[asyncio-ipv4]": BLOCKBUSTER,
        "tests/test_sockets.py::TestTCPStream::test_connect_tcp_with_tls_cert_check_fail"
        "[asyncio+uvloop-ipv4]": BLOCKBUSTER,
        "tests/test_sockets.py::TestTCPStream::test_connect_tcp_with_tls_cert_check_fail"
        "[asyncio-ipv6]": BLOCKBUSTER,
        "tests/test_sockets.py::TestTCPStream::test_connect_tcp_with_tls_cert_check_fail"
        "[asyncio+uvloop-ipv6]": BLOCKBUSTER,
    },
    "urllib3": {
        "test/test_ssltransport.py::SingleTLSLayerTestCase::test_start_closed_socket": NO_NAME,
    },
    "uvloop": {
        "tests/test_tcp.py::Test_UV_TCPSSL::test_renegotiation": RENEGOTIATION,
    },
}
"""By suite, and by test.  The key "cpython-3.13" applies to that interpreter alone."""

MASKED = (
    "the test cancels the handler whose assertion failed, and passes where the cancellation "
    "arrives before that exception does"
)

MAY_PASS = {
    "anyio": {
        f"tests/streams/test_tls.py::TestTLSListener::test_extra_attributes[{backend}]": MASKED
        for backend in ("asyncio", "asyncio+uvloop", "trio")
    },
}
"""Those of KNOWN that pass in some runs, and why.  The others are to leave KNOWN when they
pass."""
