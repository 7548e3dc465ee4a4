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
OLD_ENCRYPTION = (
    "private keys encrypted in OpenSSL's traditional format (RFC 1423, one round of MD5) are "
    "refused, and the error tells how to make PKCS#8 of them"
)
PLAIN_HTTP = (
    "a server sends an alert to a client that speaks plain HTTP, which the client takes for a "
    "status line: OpenSSL sends nothing, and the connection is reset"
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
        "tests/test_sockets.py::TestTCPStream::test_connect_tcp_with_tls_cert_check_fail"
        "[asyncio-ipv6]": BLOCKBUSTER,
        "tests/test_sockets.py::TestTCPStream::test_connect_tcp_with_tls_cert_check_fail"
        "[asyncio+uvloop-ipv6]": BLOCKBUSTER,
    },
    "urllib3": {
        "test/test_ssltransport.py::SingleTLSLayerTestCase::test_start_closed_socket": NO_NAME,
        "test/with_dummyserver/test_socketlevel.py::TestClientCerts::"
        "test_client_cert_with_bytes_password": OLD_ENCRYPTION,
        "test/with_dummyserver/test_socketlevel.py::TestClientCerts::"
        "test_client_cert_with_string_password": OLD_ENCRYPTION,
    },
    "cheroot": {
        "cheroot/test/test_ssl.py::test_http_over_https_error[0.0.0.0-builtin]": PLAIN_HTTP,
        "cheroot/test/test_ssl.py::test_http_over_https_error[::-builtin]": PLAIN_HTTP,
    },
    "uvloop": {
        "tests/test_tcp.py::Test_UV_TCPSSL::test_renegotiation": RENEGOTIATION,
    },
}
"""By suite, and by test.  The key "cpython-3.13" applies to that interpreter alone."""
