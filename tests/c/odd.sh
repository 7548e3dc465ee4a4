#!/bin/sh
# Makes certificates that are legal and rare, with large and long object identifiers, and
# their keys in the directory $1, for trust.c, which finds it in TLSMITH_ODD.
set -eu
mkdir -p "$1"
cd "$1"

uuid=2.25.329800735698586629295641978511506172918
long=1.3.6.1.4.1.55738$(printf '.99%.0s' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 \
	24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40)

odd() {
	kind=$1 subject=$2
	shift 2
	openssl req -x509 -noenc -days 2 -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
		-keyout "$kind.key" -out "$kind.pem" -subj "$subject" \
		-addext subjectAltName=DNS:localhost "$@" 2>openssl.log || {
		cat openssl.log >&2
		echo "openssl does not make the odd certificate $kind" >&2
		exit 1
	}
}

odd arc /CN=odd -addext "$uuid=DER:05:00"
odd long /CN=odd -addext "$long=DER:05:00"
odd purpose /CN=odd -addext "extendedKeyUsage=serverAuth,$uuid"
odd name "/$uuid=odd"
