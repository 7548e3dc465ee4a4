#!/bin/sh
# The example with a key in a PKCS#11 token, examples/pkcs11: SoftHSM's tokens,
# and OpenSSL's clients.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
out=$(cd "${OUT:-target/c}" && pwd)
CC=${TEST_CC:-cc}
work=$(mktemp -d)
server=
stop() {
	[ -z "$server" ] || { kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; }
	server=
}
trap 'stop; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
cd "$work"

fail() {
	echo "FAILED: $*" >&2
	[ ! -e server.log ] || tail server.log >&2
	[ ! -e answers ] || tail answers >&2
	exit 1
}
missing() {
	echo "$1 is needed by the tests: apt-get install $2" >&2
	exit 1
}
for pair in pkg-config:pkg-config openssl:openssl softhsm2-util:softhsm2; do
	command -v "${pair%%:*}" >/dev/null || missing "'${pair%%:*}'" "${pair#*:}"
done
pkg-config --exists p11-kit-1 || missing "the header p11-kit/pkcs11.h" libp11-kit-dev
module=
for path in "${SOFTHSM2_MODULE:-}" /usr/lib/softhsm/libsofthsm2.so \
	/usr/lib/*/softhsm/libsofthsm2.so /usr/lib64/pkcs11/libsofthsm2.so; do
	[ -n "$module" ] || [ ! -e "$path" ] || module=$path
done
[ -n "$module" ] || missing "SoftHSM's module libsofthsm2.so (SOFTHSM2_MODULE)" softhsm2

"$CC" -std=c11 -Wall -Wextra -Wpedantic -Wstrict-prototypes -Werror -O1 -g -I"$root/include" \
	$(pkg-config --cflags p11-kit-1) "$root/examples/pkcs11/pkcs11.c" -o pkcs11 \
	-L"$out" -ltlsmith -ldl -lpthread -Wl,-rpath,"$out" || fail "examples/pkcs11 compiles"

# ---- a token, and a key of each kind in it, which is in no file any more ----

mkdir tokens
export SOFTHSM2_CONF="$work/softhsm2.conf"
printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' \
	"$work/tokens" >softhsm2.conf
softhsm2-util --init-token --free --label hsm --so-pin 87654321 --pin 123456 >setup.log 2>&1 ||
	{ cat setup.log; fail "softhsm2-util makes a token"; }
(umask 077 && echo 123456 >pin && echo 654321 >wrong-pin)
echo 'subjectAltName = DNS:localhost' >names
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key \
	-out ca.pem -days 2 -subj '/CN=test CA' 2>/dev/null
serial=1
make_key() {
	key=$1
	shift
	serial=$((serial + 1))
	openssl genpkey "$@" -out key.pem 2>/dev/null
	openssl req -new -key key.pem -subj /CN=localhost -out request.pem
	openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -set_serial $serial -days 1 \
		-extfile names -out "$key.pem" 2>/dev/null
	softhsm2-util --module "$module" --import key.pem --token hsm --label "$key" \
		--id "0$serial" --pin 123456 >setup.log 2>&1 ||
		{ cat setup.log; fail "softhsm2-util takes a key of type $key"; }
	rm key.pem
}
make_key p256 -algorithm EC -pkeyopt ec_paramgen_curve:P-256
make_key p384 -algorithm EC -pkeyopt ec_paramgen_curve:P-384
make_key p521 -algorithm EC -pkeyopt ec_paramgen_curve:P-521
make_key rsa -algorithm RSA -pkeyopt rsa_keygen_bits:2048

# ---- what it refuses ----

# Starts with a PIN, a key and a chain, which has to fail with these words.
refuses() {
	code=0
	timeout 20 ./pkcs11 "$module" "$1" "$2" "$3" "$4" 0 >refused 2>&1 </dev/null || code=$?
	[ $code -eq 1 ] && grep -q "$5" refused || { cat refused; fail "status $code, not 1: $5"; }
}
refuses hsm wrong-pin p256 p256.pem "refuses the PIN in 'wrong-pin', which is wrong: CKR 0xa0"
refuses hsm no-pin p256 p256.pem "no PIN in 'no-pin'"
refuses other pin p256 p256.pem "no token has the label 'other'"
refuses hsm pin nokey p256.pem "no private key of the token has the label 'nokey'"
refuses hsm pin p256 none.pem "none.pem"

# ---- what it serves ----

# Starts with a key, and the certificate of another if that is given.
start() {
	mkfifo said
	timeout 120 ./pkcs11 "$module" hsm pin "$1" "${2:-$1}.pem" 0 >said 2>server.log </dev/null &
	server=$!
	# Its only line, or the end if it does not start.
	read -r _ _ port <said || fail "a server with the key '$1'"
	rm said
}
# Says "hello" to the server, which echoes it and ends; "$@" are more options.
hello() {
	echo hello | timeout 20 openssl s_client -connect "127.0.0.1:$port" -CAfile ca.pem \
		-verify_return_error -servername localhost -verify_hostname localhost -quiet \
		"$@" 2>&1
}
for key in p256 p384 p521 rsa; do
	start $key
	for version in tls1_3 tls1_2; do
		hello -$version >answers && grep -qx hello answers || fail "$key with $version"
	done
	if [ $key = rsa ]; then
		for hash in SHA256 SHA384 SHA512; do
			for padding in RSA RSA-PSS; do
				hello -tls1_2 -sigalgs $padding+$hash >answers && grep -qx hello answers ||
					fail "$padding with $hash"
			done
		done
	fi
	[ ! -s server.log ] || fail "$key without complaints"
	# Numbers of every length, on several threads at once.
	clients=
	for _ in 1 2 3; do
		timeout 20 openssl s_time -connect "127.0.0.1:$port" -CAfile ca.pem -verify 2 -new \
			-time 1 >>times 2>&1 &
		clients="$clients $!"
	done
	for client in $clients; do
		wait "$client" || { cat times; fail "many handshakes with $key"; }
	done
	! grep -q 'does not sign' server.log || fail "every signature of $key"
	stop
done
count=$(awk '/connections in .* real seconds/ { n += $1 } END { print n + 0 }' times)
[ "$count" -ge 100 ] || { cat times; fail "$count handshakes, 100 at the least"; }

# A key of another kind than the certificate's: the token's reason is in the log.
start rsa p256
! hello >answers || fail "the wrong key"
grep -q 'does not sign with scheme 0x0403: CKR 0x' server.log || fail "the token's reason"
stop
