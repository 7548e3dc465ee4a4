"""The differences from `ssl` that are meant, and why: the tests that fail with tlsmith and
pass without it."""

RENEGOTIATION = "there is no renegotiation: rustls never had it, and TLS 1.3 abolished it"
TLS_UNIQUE = "there is no tls-unique: rustls keeps the Finished messages to itself"
POST_HANDSHAKE = "there is no post-handshake authentication (RFC 8446, section 4.6.2)"
BLOCKBUSTER = (
    "blockbuster sees what Python reads in an event loop: tlsmith.ssl reads the files of the "
    "default trust anchors in Python, and OpenSSL the same ones in C"
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
        "tests/streams/test_tls.py::TestTLSStream::test_extra_attributes[asyncio]": TLS_UNIQUE,
        "tests/streams/test_tls.py::TestTLSStream::test_extra_attributes[asyncio+uvloop]": (
            TLS_UNIQUE
        ),
        "tests/streams/test_tls.py::TestTLSStream::test_extra_attributes[trio]": TLS_UNIQUE,
        "tests/test_sockets.py::TestTCPStream::test_connect_tcp_with_tls_cert_check_fail"
        "[asyncio-ipv4]": BLOCKBUSTER,
        "tests/test_sockets.py::TestTCPStream::test_connect_tcp_with_tls_cert_check_fail"
        "[asyncio+uvloop-ipv4]": BLOCKBUSTER,
    },
}
"""By the name of the suite, for interpreters that differ with their version behind it
("cpython-3.13"), and the name of the test."""
