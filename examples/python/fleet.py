"""fleet.py PORT CERT.pem KEY.pem TICKET_KEY REDIS_PORT: one server of several that share
their sessions in Redis.  Each resumes the sessions of the others, and the early data (0-RTT)
of a session is accepted by one of them, once.  TICKET_KEY is a file of 32 random bytes.
It answers each client with what it sent early, and whether its session was resumed."""

import os
import pathlib
import sys

import redis

import tlsmith


class Store:
    def __init__(self, port):
        # A store that does not answer costs a resumption, not the server.
        self.redis = redis.Redis(port=port, socket_timeout=1)

    def put(self, id, value, lifetime):
        return self.redis.set(id, value, ex=lifetime)

    def take(self, id):
        return self.redis.getdel(id)


port, cert, key, ticket_key, redis_port = sys.argv[1:]
server = tlsmith.Server(
    tlsmith.Identity.load(cert, key),
    ticket_keys=[pathlib.Path(ticket_key).read_bytes()],
    session_store=Store(int(redis_port)),
    early_data=1000,
)
with server.listen(("127.0.0.1", int(port))) as listener:
    for sock in listener:
        with sock:
            try:
                early = b"".join(iter(sock.recv_early, b"")).decode()
                kind = "resumed" if sock.info.resumed else "new"
                sock.sendall(f"server {os.getpid()}, {kind}, early data '{early}'\n".encode())
            except tlsmith.Error as error:
                print(error, file=sys.stderr)
