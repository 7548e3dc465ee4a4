"""tlsmith.ssl applies each setting of ssl.SSLContext or refuses it."""

import ssl
import subprocess
import sys

import pytest
from conftest import shake_hands, ssl_context

import tlsmith
import tlsmith.ssl
from tlsmith.ssl import _context, _names, _object, _security_level
from tlsmith.ssl._unsupported import refuse_unknown

# Members of the standard library's classes that tlsmith.ssl does not know.


def test_every_member_of_this_pythons_classes_is_known():
    assert _context.REFUSED == _object.REFUSED == []


class Future:
    """What a later version of Python may add to ssl.SSLContext."""

    limit = 3

    def set_limit(self, limit):
        self.stored = limit

    @classmethod
    def set_everywhere(cls, limit):
        cls.limit = limit

    @property
    def privacy(self):
        return self.stored

    @privacy.setter
    def privacy(self, value):
        self.stored = value


def test_unknown_members_raise_and_store_nothing():
    class Ours(Future):
        def known(self):
            return "known"

    Future.known = lambda self: "theirs"
    refused = refuse_unknown(Ours, Future, "ssl.SSLContext")
    assert refused == ["limit", "set_limit", "set_everywhere", "privacy"]
    ours = Ours()
    for use in (
        lambda: ours.set_limit(4),
        lambda: ours.set_everywhere(4),
        lambda: Ours.set_everywhere(4),
        lambda: ours.privacy,
        lambda: setattr(ours, "privacy", 4),
        lambda: delattr(ours, "privacy"),
        lambda: setattr(ours, "limit", 4),
    ):
        with pytest.raises(NotImplementedError, match=r"ssl\.SSLContext\.\w+ is not supported"):
            use()
    assert (ours.known(), ours.limit, vars(ours)) == ("known", 3, {})


def test_members_of_later_python_versions_raise():
    program = """
import _ssl

stored = []

class Later(_ssl._SSLContext):
    def set_secrets(self, secrets): stored.append(secrets)
    def _set_privately(self, secrets): stored.append(secrets)
    level = property(lambda self: 1, lambda self, level: stored.append(level))

_ssl._SSLContext = Later
import ssl

class Context(ssl.SSLContext):
    def set_policy(self, policy): self.level = policy

for name in ("set_policy",):
    setattr(ssl.SSLContext, name, vars(Context)[name])
ssl.SSLContext.level = property(
    lambda self: super(ssl.SSLContext, self).level,
    lambda self, level: super(ssl.SSLContext, ssl.SSLContext).level.__set__(self, level),
)
theirs = ssl.create_default_context()
import tlsmith.ssl

context = tlsmith.ssl.create_default_context()
for use in (
    lambda: context.set_secrets(1),
    lambda: context._set_privately(1),
    lambda: context.set_policy(1),
    lambda: context.level,
    lambda: setattr(context, "level", 1),
):
    try:
        use()
    except NotImplementedError as error:
        assert "ssl.SSLContext." in str(error), error
    else:
        raise AssertionError("not refused")
assert stored == []
context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="localhost")
# A context of OpenSSL keeps its new setting also while ours is installed.
tlsmith.ssl.install()
theirs.level = 2
assert stored == [2]
"""
    subprocess.run([sys.executable, "-c", program], check=True)


# Settings that are known and not supported.

REFUSED = {
    "post-handshake authentication": lambda c: setattr(c, "post_handshake_auth", True),
    "message callback": lambda c: setattr(c, "_msg_callback", print),
    "clients' PSK": lambda c: c.set_psk_client_callback(lambda hint: (None, b"key")),
    "servers' PSK": lambda c: c.set_psk_server_callback(lambda identity: b"key", "hint"),
    "curve": lambda c: c.set_ecdh_curve("secp224r1"),
    "group": lambda c: c.set_groups("x25519:ffdhe2048"),
    "key share of a group": lambda c: c.set_groups("*x25519:secp256r1"),
    "signature algorithm": lambda c: c.set_server_sigalgs("RSA+SHA1"),
    "client signature algorithm": lambda c: c.set_client_sigalgs("ed25519:DSA+SHA256"),
    "proxy certificates": lambda c: setattr(c, "verify_flags", ssl.VERIFY_ALLOW_PROXY_CERTS),
    "host flags": lambda c: setattr(c, "_host_flags", 0x6),
    "partial wildcards": lambda c: setattr(c, "_host_flags", 0),
    "security level": lambda c: c.set_ciphers("DEFAULT@SECLEVEL=5"),
}


@pytest.mark.parametrize("setting", REFUSED.values(), ids=REFUSED)
def test_unsupported_setting_raises_and_changes_nothing(context, setting):
    before = context._native(False)
    with pytest.raises(NotImplementedError):
        setting(context)
    assert context._native(False) is before


@pytest.mark.filterwarnings("ignore:ssl.OP_NO_:DeprecationWarning")
@pytest.mark.parametrize("bit", range(63))
def test_options_are_applied_in_force_or_rejected(context, bit):
    option = 1 << bit
    applied = {
        ssl.OP_NO_TICKET,
        ssl.OP_CIPHER_SERVER_PREFERENCE,
        ssl.OP_NO_TLSv1_2,
        ssl.OP_NO_TLSv1_3,
        tlsmith.ssl.OP_IGNORE_UNEXPECTED_EOF,
    }
    in_force = (
        ssl.OP_ALL
        | ssl.OP_NO_SSLv3
        | ssl.OP_NO_TLSv1
        | ssl.OP_NO_TLSv1_1
        | ssl.OP_NO_COMPRESSION
        | ssl.OP_NO_RENEGOTIATION
        | ssl.OP_ENABLE_MIDDLEBOX_COMPAT
        # SSL_OP_LEGACY_SERVER_CONNECT, SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION,
        # SSL_OP_NO_ENCRYPT_THEN_MAC
        | 0x4
        | 0x10000
        | 0x80000
    )
    context.options = 0
    before = context._native(True) if option in applied else None
    if option not in applied and not option & in_force:
        with pytest.raises(NotImplementedError, match="options: "):
            context.options |= option
        assert context.options == 0
        return
    context.options |= option
    assert context.options == option
    if before is not None:
        assert context._native(True) is not before


def test_options_are_checked_as_the_standard_library_does(context):
    for value in ("x", 1.5, None):
        with pytest.raises(TypeError):
            context.options = value
        with pytest.raises(TypeError):
            context.verify_flags = value


# Settings of Python 3.15.


def test_groups_are_set_by_any_of_their_names(context, serving):
    context.set_groups("P-384:?unheard-of:X25519")
    assert context._groups == ["secp384r1", "x25519"]
    client, server = shake_hands(context, serving)
    with client, server:
        assert client._sslobj.group() == server._sslobj.group() == "secp384r1"
    with pytest.raises(ssl.SSLError, match="no group"):
        context.set_groups("?unheard-of")
    with pytest.raises(TypeError):
        context.set_groups(["x25519"])


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("prime256v1", "secp256r1"),
        ("secp521r1", "secp521r1"),
        ("X448", "x448"),
        ("SecP384r1MLKEM1024", "SecP384r1MLKEM1024"),
        ("MLKEM768", "MLKEM768"),
    ],
)
def test_set_ecdh_curve_selects_the_only_group(context, serving, name, group):
    serving.set_ecdh_curve(name)
    context.set_groups(":".join(_names.GROUPS))
    client, server = shake_hands(context, serving)
    with client, server:
        assert client._sslobj.group() == server._sslobj.group() == group


def test_get_groups_depends_on_allowed_versions(context):
    assert set(context.get_groups()) == set(_names.GROUPS)
    assert {"P-256", "prime256v1"} <= set(context.get_groups(include_aliases=True))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert set(context.get_groups()) == {
        "x25519",
        "x448",
        "secp256r1",
        "secp384r1",
        "secp521r1",
    }


def test_cipher_suites_of_tls13_are_set_apart(context, serving):
    context.set_ciphersuites("TLS_AES_128_CCM_SHA256:TLS_CHACHA20_POLY1305_SHA256")
    context.set_ciphers("ECDHE+AESGCM")
    names = [one["name"] for one in context.get_ciphers()]
    assert names[0] == "TLS_CHACHA20_POLY1305_SHA256"
    assert not [name for name in names[1:] if name.startswith("TLS_")]
    client, server = shake_hands(context, serving)
    with client, server:
        assert client.cipher()[0] == "TLS_CHACHA20_POLY1305_SHA256"
    with pytest.raises(ssl.SSLError, match="No cipher"):
        context.set_ciphersuites("TLS_AES_128_CCM_SHA256")


@pytest.fixture(scope="module")
def rsa(ca):
    return ca.issue("localhost", key="rsa-2048")


@pytest.mark.parametrize(
    ("names", "scheme"),
    [
        ("rsa_pss_rsae_sha384", "rsa_pss_rsae_sha384"),
        ("RSA-PSS+SHA512:ECDSA+SHA256", "rsa_pss_rsae_sha512"),
    ],
)
@pytest.mark.parametrize("by_server", [True, False])
def test_servers_sign_with_the_schemes_that_are_set(ca, context, rsa, names, scheme, by_server):
    serving = tlsmith.ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    rsa.configure(serving)
    (serving if by_server else context).set_server_sigalgs(names)
    client, server = shake_hands(context, serving)
    with client, server:
        assert client._sslobj.server_sigalg() == scheme
        with pytest.raises(NotImplementedError):
            client._sslobj.client_sigalg()


@pytest.mark.parametrize("by_server", [True, False])
def test_clients_sign_with_the_schemes_that_are_set(ca, context, serving, by_server):
    serving.verify_mode = ssl.CERT_REQUIRED
    ca.trust(serving)
    ca.issue_client("alice@example.org", key="rsa-2048").configure(context)
    (serving if by_server else context).set_client_sigalgs("RSA-PSS+SHA384")
    client, server = shake_hands(context, serving)
    with client, server:
        assert server._sslobj.client_sigalg() == "rsa_pss_rsae_sha384"


def test_an_identity_that_cannot_sign_is_not_presented(ca, context, serving, rsa):
    rsa.configure(serving)
    serving.set_server_sigalgs("RSA-PSS+SHA256")
    client, server = shake_hands(context, serving)
    with client, server:
        assert client.getpeercert(True) == rsa.cert.der
    serving.set_server_sigalgs("ed25519")
    with pytest.raises(ssl.SSLError, match="NO_SUITABLE_SIGNATURE_ALGORITHM"):
        serving.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True)


def test_the_tables_name_what_the_engine_has():
    for setting, names in (
        ("groups", _names.GROUPS),
        ("verify_schemes", _names.SCHEMES),
        ("ciphers", _names.IANA_CIPHERS.values()),
    ):
        with pytest.raises(tlsmith.ConfigError, match="choose from") as caught:
            tlsmith._context.context({setting: ["nothing"]})
        listed = str(caught.value).rpartition("choose from ")[2].split(", ")
        assert sorted(listed) == sorted(names)
    assert set(_security_level._DEFAULT_GROUPS) <= set(_names.GROUPS)


# Preferences.


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("own_order", [True, False])
def test_option_selects_server_cipher_order(ca, rsa, version, own_order):
    order = "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384"
    chosen = []
    for module in (ssl, tlsmith.ssl):
        serving = module.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        rsa.configure(serving)
        serving.set_ciphers(order)
        if not own_order:
            serving.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
        if module is tlsmith.ssl:
            serving.set_ciphersuites("TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256")
        client = tlsmith.Client(
            trust=ca,
            ciphers=[
                "TLS_CHACHA20_POLY1305_SHA256",
                "TLS_AES_256_GCM_SHA384",
                "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
                "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            ],
            max_version=version.name[4:].replace("_", "."),
        )
        near, far = shake_hands(client.ssl_context(), serving)
        with near, far:
            chosen.append(near.cipher()[0])
    assert chosen[0] == chosen[1]


@pytest.mark.parametrize("turned_off", ["by the client", "by the server"])
def test_op_no_ticket_disables_tls12_tickets(ca, context, identity, turned_off):
    serving = ssl_context(ssl.PROTOCOL_TLS_SERVER, identity, version=ssl.TLSVersion.TLSv1_2)
    without = context if turned_off == "by the client" else serving
    without.options |= ssl.OP_NO_TICKET
    client, server = shake_hands(context, serving)
    with client, server:
        assert not client.session.has_ticket
    # The server keeps the session instead.
    client, server = shake_hands(context, serving)
    client.close()
    server.close()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.:DeprecationWarning")
@pytest.mark.parametrize("low", list(ssl.TLSVersion))
@pytest.mark.parametrize("high", list(ssl.TLSVersion))
def test_versions_are_those_of_the_standard_library(ca, low, high):
    outcomes = []
    for module in (ssl, tlsmith.ssl):
        context = module.create_default_context(cadata=ca.cert.pem.decode())
        try:
            context.minimum_version, context.maximum_version = low, high
        except ValueError as error:
            outcomes.append(str(error))
            continue
        spoken = []
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            serving = ssl_context(ssl.PROTOCOL_TLS_SERVER, ca.issue("localhost"), version=version)
            spoken += [version] if connects(context, serving) else []
        outcomes.append(spoken)
    assert outcomes[0] == outcomes[1]


def connects(client, server):
    """Whether a handshake in memory succeeds."""
    near_in, near_out, far_in, far_out = (ssl.MemoryBIO() for _ in range(4))
    try:
        sides = (
            client.wrap_bio(near_in, near_out, server_hostname="localhost"),
            server.wrap_bio(far_in, far_out, server_side=True),
        )
        for _ in range(6):
            waiting = False
            for side in sides:
                try:
                    side.do_handshake()
                except ssl.SSLWantReadError:
                    waiting = True
                far_in.write(near_out.read())
                near_in.write(far_out.read())
            if not waiting:
                return True
    except ssl.SSLError:
        return False
    raise AssertionError("the handshake does not end")


# Contexts that were a Client or a Server first.


def test_setters_change_a_context_that_was_a_client(ca, serving, tmp_path):
    client = tlsmith.Client(
        trust=ca, ciphers=["tls_aes_128_gcm_sha256"], groups=["P-384"], keylog=tmp_path / "first"
    )
    context = client.ssl_context()
    near, far = shake_hands(context, serving)
    with near, far:
        assert near.cipher()[0] == "TLS_AES_128_GCM_SHA256" and near.group() == "secp384r1"
    names = [one["name"] for one in context.get_ciphers()]
    assert names[0] == "TLS_AES_128_GCM_SHA256" and len(names) == 7
    assert all(name.startswith("ECDHE-") for name in names[1:])
    assert context.keylog_filename == tmp_path / "first"
    context.set_ciphers("ECDHE+CHACHA20")
    context.set_ciphersuites("TLS_CHACHA20_POLY1305_SHA256")
    context.set_ecdh_curve("prime256v1")
    context.keylog_filename = tmp_path / "second"
    near, far = shake_hands(context, serving)
    with near, far:
        assert near.cipher()[0] == "TLS_CHACHA20_POLY1305_SHA256" and near.group() == "secp256r1"
    assert "CLIENT_TRAFFIC_SECRET_0" in (tmp_path / "second").read_text()
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
    assert not connects(context, serving)


def test_setters_change_a_context_that_was_a_server(context, identity):
    serving = tlsmith.Server(identity, tickets=3).ssl_context()
    assert serving.num_tickets == 3
    serving.num_tickets = 0
    client, server = shake_hands(context, serving)
    with client, server:
        server.sendall(b"x")
        assert client.recv(1) == b"x"
        assert client._sslobj.tickets == ()


def test_ssl_context_of_client_ignores_common_names(ca):
    assert not tlsmith.Client(trust=ca).ssl_context().hostname_checks_common_name


def test_ssl_context_of_server_calls_on_hello(ca, context, identity):
    heard = []
    other = ca.issue("localhost", "other.example")

    def choose(hello):
        heard.append(hello.server_name)
        return other

    serving = tlsmith.Server(identity, on_hello=choose).ssl_context()
    client, server = shake_hands(context, serving)
    with client, server:
        assert client.getpeercert(True) == other.cert.der
    assert heard == ["localhost"]
    # Who sets an SNI callback wants that one.
    serving.sni_callback = lambda *_: None
    client, server = shake_hands(context, serving)
    with client, server:
        assert client.getpeercert(True) == identity.cert.der
