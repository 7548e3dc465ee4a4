"""client.py HOST PORT [ROOTS.pem]: send standard input, print the answer."""

import sys

import tlsmith

host, port, *roots = sys.argv[1:]
trust = roots[0] if roots else "system"
with tlsmith.connect(host, int(port), trust=trust) as sock:
    print(f"TLS {sock.info.version}, {sock.info.cipher}, {sock.peer.subject}")
    sock.sendall(sys.stdin.buffer.read())
    sock.close_write()
    while data := sock.recv():
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
