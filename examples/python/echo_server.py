"""echo_server.py PORT IDENTITY.pem: send back what clients say."""

import sys

import tlsmith

port, pem = sys.argv[1:]
with tlsmith.listen(("127.0.0.1", int(port)), tlsmith.Identity.load(pem)) as listener:
    print("listening on port", listener.address[1], flush=True)
    for sock in listener:
        with sock:
            sock.settimeout(30)
            try:
                while data := sock.recv():
                    sock.sendall(data)
            except tlsmith.Error as error:
                print(error, file=sys.stderr)
