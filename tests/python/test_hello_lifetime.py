"""Servers that a hello callback makes for one client, and nobody else keeps."""

import gc

import tlsmith


def test_server_in_a_cycle_lives_as_long_as_the_connection_it_answers(ca, localhost):
    lines = []

    def fresh(hello):
        class Owner:
            pass

        owner = Owner()

        def keylog(line):
            assert owner.server
            lines.append(line)

        owner.server = tlsmith.Server(localhost, keylog=keylog, max_version="1.2")
        return owner.server

    client, server = tlsmith.Client(trust=ca), tlsmith.Server(localhost, on_hello=fresh)
    near, far = client.buffer("localhost"), server.buffer()
    for _ in range(10):
        for one, other in ((near, far), (far, near)):
            if data := one.data_to_send():
                other.receive_data(data)
            gc.collect()
    near.write(b"hello")
    far.receive_data(near.data_to_send())
    assert far.read() == b"hello"
    assert any(line.startswith("CLIENT_RANDOM ") for line in lines)
