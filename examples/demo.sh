#!/bin/sh
# What tlsmith does, from making certificates to a proper end of a connection,
# shown with the programs of examples/c.  Run by 'make demo'.
set -eu

programs=$(cd "${OUT:-target/c}" && pwd)
work=$(mktemp -d)
server=
stop_server() {
	[ -z "$server" ] || { kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; }
	server=
}
trap 'stop_server; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
cd "$work"

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Starts "$@", in which PORT stands for a free port, and waits until it listens.
start_server() {
	for _ in 1 2 3; do
		port=$(free_port)
		command=$(printf '%s ' "$@" | sed "s/PORT/$port/")
		$command >server.log 2>&1 </dev/null &
		server=$!
		if python3 - "$port" "$server" <<'PY'
import os, socket, sys, time
port, server = map(int, sys.argv[1:])
end = time.monotonic() + 10
while time.monotonic() < end:
    try:
        os.kill(server, 0)
        socket.create_connection(("127.0.0.1", port), 1).close()
        sys.exit(0)
    except ConnectionRefusedError:
        time.sleep(0.02)
    except ProcessLookupError:
        break
sys.exit(1)
PY
		then
			return 0
		fi
		stop_server
	done
	echo "the server did not start:" >&2
	cat server.log >&2
	exit 1
}

say() { printf '\n%s\n' "$*"; }

say "1. A certificate authority, and a certificate for 'localhost'"
"$programs/make_certs" localhost
ls -l ca.pem ca.key server.pem server.key | awk '{ print "  " $1 "  " $NF }'

say "2. A server with that certificate, and a client that trusts the authority"
start_server "$programs/echo_server" PORT server.pem server.key
printf 'hello\nhow are you?\n' | "$programs/talk" localhost "$port" ca.pem

say "3. The same server by a name that its certificate is not for"
if "$programs/talk" 127.0.0.1 "$port" ca.pem </dev/null; then
	echo "it was accepted, which must not be" >&2
	exit 1
fi

say "4. The same server for a client that trusts another authority"
mkdir other
(cd other && "$programs/make_certs" localhost)
if "$programs/talk" localhost "$port" other/ca.pem </dev/null; then
	echo "it was accepted, which must not be" >&2
	exit 1
fi

if ! command -v openssl >/dev/null; then
	say "OpenSSL is not installed, so the same against its programs is left out."
	exit 0
fi

say "5. OpenSSL's client at our server: its words"
mkfifo input
openssl s_client -connect "localhost:$port" -CAfile ca.pem -verify_return_error \
	-verify_hostname localhost -brief <input >answers 2>&1 &
client=$!
exec 3>input
echo 'hello from openssl' >&3
for _ in $(seq 200); do
	grep -q '^hello from openssl' answers && break
	sleep 0.05
done
exec 3>&-
wait "$client"
sed 's/^/  /' answers
stop_server

say "6. Our client at OpenSSL's server"
start_server openssl s_server -accept PORT -cert server.pem -key server.key -quiet -rev
printf 'hello\n' | "$programs/talk" localhost "$port" ca.pem || {
	cat server.log
	exit 1
}
say "Done: every connection was verified, and the two that could not be were refused."
