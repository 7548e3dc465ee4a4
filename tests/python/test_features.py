"""What Client and Server can be told: policies, sessions, early data, key logs, the
clock, and who answers a client."""

import datetime
import os
import stat
import sys

import pytest
from conftest import PATIENCE, exchange, memory_pair, receive_all, refused, socketpair, thread

import tlsmith

UTC = datetime.UTC


# Policies.


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_each_side_limits_the_versions(client, server, version):
    for pair in (
        (client.replace(min_version=version, max_version=version), server),
        (client, server.replace(min_version=version, max_version=version)),
    ):
        near, far = memory_pair(*pair)
        assert near.info.version == far.info.version == version


def test_version_mismatch_sends_protocol_version_alert(client, server):
    ours, theirs = refused(client.replace(min_version="1.3"), server.replace(max_version="1.2"))
    assert isinstance(ours, tlsmith.AlertError)
    assert (ours.alert, ours.alert_number) == ("protocol_version", 70)
    assert theirs.code == "handshake.nothing_in_common"


@pytest.mark.parametrize(
    ("cipher", "version"),
    [
        ("TLS_AES_256_GCM_SHA384", "1.3"),
        ("TLS_CHACHA20_POLY1305_SHA256", "1.3"),
        ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "1.2"),
    ],
)
def test_ciphers_are_chosen_by_name(client, server, cipher, version):
    client = client.replace(ciphers=[cipher], min_version=version, max_version=version)
    near, far = memory_pair(client, server)
    assert near.info.cipher == far.info.cipher == cipher
    assert near.info.version == version


@pytest.mark.parametrize("group", ["X25519MLKEM768", "x25519", "secp256r1", "secp384r1"])
def test_groups_are_chosen_by_name(client, server, group):
    near, far = memory_pair(client, server.replace(groups=[group]))
    assert near.info.group == far.info.group == group
    near, _ = memory_pair(client.replace(groups=[group]), server)
    assert near.info.group == group


def test_error_about_unknown_name_lists_known_ones(ca, identity):
    for make in (
        lambda **options: tlsmith.Client(trust=ca, **options),
        lambda **options: tlsmith.Server(identity, **options),
    ):
        for options, named in (
            ({"groups": ["P-999"]}, ("P-999", "X25519MLKEM768", "secp384r1")),
            ({"ciphers": ["RC4"]}, ("RC4", "TLS_AES_128_GCM_SHA256")),
            ({"min_version": "3"}, ("'3'", "1.2", "1.3")),
            ({"groups": []}, ("group",)),
            ({"ciphers": []}, ("cipher",)),
        ):
            with pytest.raises(tlsmith.ConfigError) as caught:
                make(**options)
            for part in named:
                assert part in str(caught.value)


# Pins.


def test_pin_matches_key_in_verified_chain(ca, identity, client, server):
    stranger = tlsmith.Key.generate().spki_sha256
    for pins in (
        [tlsmith.Pin.spki(identity.cert.spki_sha256)],
        [tlsmith.Pin.spki(stranger), tlsmith.Pin.spki(ca.cert.spki_sha256.hex().upper())],
    ):
        near, _ = memory_pair(client.replace(pins=pins), server)
        assert near.info.version == "1.3"
    error, _ = refused(client.replace(pins=[tlsmith.Pin.spki(stranger)]), server)
    assert (error.reason, error.verify_code) == ("pin_mismatch", 50)


def test_pinned_certificate_is_trusted_without_issuer_and_name(identity, server):
    other = tlsmith.CA().issue("localhost")
    for pin in (identity.cert, tlsmith.Pin.cert(identity.cert.sha256)):
        client = tlsmith.Client(trust=tlsmith.Trust.pinned(pin))
        near, _ = memory_pair(client, server, "whatever.example")
        assert near.peer == identity.cert
        error, _ = refused(client, tlsmith.Server(other), "whatever.example")
        assert error.reason in ("pin_mismatch", "unknown_issuer")


def test_pins_of_the_wrong_kind_are_refused(ca):
    with pytest.raises(tlsmith.ConfigError, match="certificate"):
        tlsmith.Client(trust=ca, pins=[tlsmith.Pin.cert(bytes(32))])
    with pytest.raises(tlsmith.ConfigError, match="key"):
        tlsmith.Trust.pinned(tlsmith.Pin.spki(bytes(32)))
    for wrong in (b"short", "zz" * 32, ""):
        with pytest.raises(tlsmith.ConfigError, match="SHA-256"):
            tlsmith.Pin.spki(wrong)
    for wrong in (5, None, bytearray(32)):
        with pytest.raises(TypeError):
            tlsmith.Pin.spki(wrong)
    for wrong in (lambda: tlsmith.Client(trust=ca, pins=["00" * 32]),
                  lambda: tlsmith.Trust.pinned("00" * 32)):  # fmt: skip
        with pytest.raises(TypeError, match="str"):
            wrong()


# ECH.


def test_client_sends_grease_ech(client, server):
    near, far = memory_pair(client.replace(ech="grease"), server)
    assert (near.info.ech, near.info.version) == ("grease", "1.3")
    assert far.info.ech == "none"
    near, _ = memory_pair(client, server)
    assert near.info.ech == "none"


def test_invalid_ech_configuration_is_rejected(client):
    with pytest.raises(tlsmith.CertError, match="ECHConfigList"):
        client.replace(ech=b"\x00\x05nonsense")
    with pytest.raises(tlsmith.ConfigError, match="butter"):
        client.replace(ech="butter")
    for wrong in (5, 1.5):
        with pytest.raises(TypeError):
            client.replace(ech=wrong)


# Sessions.


def resumes(client, server):
    near, far = memory_pair(client, server)
    assert near.info.resumed == far.info.resumed
    return near.info.resumed


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_sessions_are_resumed(client, server, version):
    client = client.replace(max_version=version)
    assert [resumes(client, server) for _ in range(3)] == [False, True, True]
    off = client.replace(resume=False)
    assert [resumes(off, server) for _ in range(2)] == [False, False]
    assert resumes(client, server), "the others are not affected"


def test_server_sends_the_configured_number_of_tickets(client, identity):
    for count in (0, 1, 5):
        near, _ = memory_pair(client, tlsmith.Server(identity, tickets=count))
        assert len(near.tickets) == count
        assert all(0 < lifetime <= 7 * 86400 for lifetime in near.tickets)
    with pytest.raises(tlsmith.ConfigError, match="17"):
        tlsmith.Server(identity, tickets=17)
    with pytest.raises(tlsmith.ConfigError, match="-1"):
        tlsmith.Server(identity, tickets=-1)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_servers_with_the_same_ticket_keys_resume_each_others_sessions(client, identity, version):
    client = client.replace(max_version=version)
    old, new = os.urandom(32), os.urandom(32)
    first = tlsmith.Server(identity, ticket_keys=[old])
    second = tlsmith.Server(identity, ticket_keys=[new, bytearray(old)])
    assert not resumes(client, first)
    assert resumes(client, second)
    assert not resumes(client, first), "it does not know the new key"
    assert not resumes(client, tlsmith.Server(identity))


def test_invalid_ticket_keys_are_rejected(identity):
    for wrong in (32, [32], os.urandom(32), "x" * 32, ["x" * 32], [None]):
        with pytest.raises(TypeError):
            tlsmith.Server(identity, ticket_keys=wrong)
    with pytest.raises(tlsmith.ConfigError, match="31"):
        tlsmith.Server(identity, ticket_keys=[bytes(31)])


# Early data.


def serve(listener, heard):
    """Serves one client: what it said early, and what it said later."""
    sock, _ = listener.accept()
    with sock:
        sock.settimeout(PATIENCE)
        early = b""
        while part := sock.recv_early():
            early += part
        later = receive_all(sock)
        heard.append((early, later, sock.info.early_data))


def say(client, server, early):
    heard = []
    with server.listen(("localhost", 0)) as listener:
        with thread(lambda: serve(listener, heard)):
            port = listener.address[1]
            with client.connect(("localhost", port), timeout=PATIENCE, early_data=early) as sock:
                outcome = sock.info.early_data
                sock.sendall(b"!")
                sock.close_write()
                assert sock.recv() == b""
    return outcome, heard[0]


def test_early_data_arrives_once_if_accepted_or_rejected(ca, identity):
    client = tlsmith.Client(trust=ca, early_data=True)
    server = tlsmith.Server(identity, early_data=100_000)
    assert say(client, server, b"hello") == ("none", (b"", b"hello!", "none"))
    assert say(client, server, b"hello") == ("accepted", (b"hello", b"!", "accepted"))
    assert say(client, server, bytearray(b"")) == ("none", (b"", b"!", "none"))
    assert say(client, server, None) == ("none", (b"", b"!", "none"))
    refusing = tlsmith.Server(identity)
    outcome, (early, later, _) = say(client, refusing, memoryview(b"hello"))
    assert (outcome, early, later) == ("rejected", b"", b"hello!")
    # The refusing server gave a session without early data.
    assert say(client, refusing, b"hello")[1][:2] == (b"", b"hello!")


def test_early_data_above_the_limit_follows_the_handshake(ca, identity):
    client = tlsmith.Client(trust=ca, early_data=True)
    server = tlsmith.Server(identity, early_data=1000)
    data = os.urandom(100_000)
    say(client, server, b"")
    outcome, (early, later, _) = say(client, server, data)
    assert outcome == "accepted"
    assert 0 < len(early) <= 1000
    assert early + later == data + b"!"


def test_early_data_needs_a_client_that_may(ca, identity):
    server = tlsmith.Server(identity, early_data=1000)
    client = tlsmith.Client(trust=ca)
    for _ in range(2):
        assert say(client, server, b"hello") == ("none", (b"", b"hello!", "none"))
    for wrong in (lambda: tlsmith.connect("localhost", early_data=b"hello"),
                  lambda: tlsmith.Client(early_data="yes"),
                  lambda: tlsmith.Server(identity, early_data=True),
                  lambda: client.connect(("localhost", 1), early_data="text")):  # fmt: skip
        with pytest.raises(TypeError):
            wrong()
    for wrong in (-1, 1 << 32):
        with pytest.raises(tlsmith.ConfigError, match=str(wrong)):
            tlsmith.Server(identity, early_data=wrong)


# Key logs.


def test_keys_are_logged_to_a_private_file(client, server, tmp_path):
    path = tmp_path / "keys.log"
    for side in (client.replace(keylog=path), client.replace(keylog=str(path))):
        memory_pair(side, server)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    lines = path.read_text().splitlines()
    assert len(lines) == 10 and len({line.split()[1] for line in lines}) == 2
    for line in lines:
        label, random, secret = line.split(" ")
        assert label.isupper() and len(bytes.fromhex(random)) == 32 and bytes.fromhex(secret)
    with pytest.raises(tlsmith.ConfigError, match="nowhere"):
        client.replace(keylog=tmp_path / "nowhere" / "keys.log")


def test_keys_are_logged_to_a_function_on_both_sides(client, server):
    ours, theirs = [], []
    memory_pair(client.replace(keylog=ours.append), server.replace(keylog=theirs.append))
    assert set(ours) == set(theirs)
    assert {line.split()[0] for line in ours} >= {"EXPORTER_SECRET", "CLIENT_TRAFFIC_SECRET_0"}


def test_a_log_that_fails_is_reported_and_the_connection_lives(client, server, monkeypatch):
    reported = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: reported.append(args.exc_type))

    def fail(line):
        raise LookupError(line)

    near, far = memory_pair(client.replace(keylog=fail), server)
    near.write(b"alive")
    exchange(near, far)
    assert far.read() == b"alive"
    assert reported and set(reported) == {LookupError}


def test_call_raises_an_interrupt_of_the_log(client, server, monkeypatch):
    monkeypatch.setattr(sys, "unraisablehook", lambda args: pytest.fail("it is not lost"))
    stops = [KeyboardInterrupt("^C"), SystemExit(5)]

    def fail(line):
        if stops:
            raise stops.pop()

    near, far = client.replace(keylog=fail).buffer("localhost"), server.buffer()
    far.receive_data(near.data_to_send())
    with pytest.raises(SystemExit):
        near.receive_data(far.data_to_send())
    near.write(b"alive")
    exchange(near, far)
    assert far.read() == b"alive" and stops == []


# The clock.


def test_connection_verifies_at_the_given_time(client, server):
    later = datetime.datetime.now(UTC) + datetime.timedelta(days=400)
    for now in (later, lambda: later, later.astimezone(datetime.timezone.max)):
        error, alert = refused(client.replace(now=now), server)
        assert (error.reason, error.verify_code) == ("expired", 10)
        assert alert.alert == "certificate_expired"
    earlier = later - datetime.timedelta(days=800)
    error, _ = refused(client.replace(now=earlier), server)
    assert (error.reason, error.verify_code) == ("not_yet_valid", 9)
    memory_pair(client.replace(now=lambda: datetime.datetime.now(UTC)), server)[0].do_handshake()


def test_server_clock_applies_to_client_certificates(ca, identity):
    later = datetime.datetime.now(UTC) + datetime.timedelta(days=400)
    client = tlsmith.Client(trust=ca, identity=ca.issue_client("alice@example.org"))
    _, far = memory_pair(client, tlsmith.Server(identity, client_trust=ca, now=later))
    with pytest.raises(tlsmith.VerifyError) as caught:
        far.do_handshake()
    assert caught.value.reason == "expired"


@pytest.mark.parametrize("error", [KeyboardInterrupt("^C"), SystemExit(5)], ids=repr)
def test_call_raises_an_interrupt_of_the_clock(client, server, monkeypatch, error):
    monkeypatch.setattr(sys, "unraisablehook", lambda args: pytest.fail("it is not lost"))

    def fail():
        raise error

    near, far = socketpair()
    with thread(lambda: pytest.raises(tlsmith.Error, server.wrap, far)):
        with pytest.raises(type(error)) as caught:
            client.replace(now=fail).wrap(near, "localhost")
        near.close()
    assert caught.value is error


def test_a_clock_without_a_zone_is_refused(client, server, monkeypatch):
    with pytest.raises(tlsmith.ConfigError, match="time zone"):
        client.replace(now=datetime.datetime(2030, 1, 1))
    with pytest.raises(TypeError):
        client.replace(now="tomorrow")
    reported = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: reported.append(args.exc_value))
    error, _ = refused(client.replace(now=lambda: datetime.datetime(2030, 1, 1)), server)
    assert error.reason == "not_yet_valid", "with no time nothing is valid"
    assert "time zone" in str(reported[0])
