#!/bin/sh
# Builds BoringSSL's test suite (BoGo) from packages, and has it judge tlsmith over
# each transport, or over those of TRANSPORTS.  Arguments go to the runner: -test
# 'EarlyData-*' runs some alone.
#
# config.json says which cases are left out, and why.  A known failure that is rustls'
# is there with what rustls' own shim makes of it, built with the rustls of Cargo.lock:
# it is bogo_shim_impl.rs of the crate rustls 0.23.12, the last one that carries it,
# with the newer flags of the runner passed over.  It knows but one certificate: where
# a case has several, the list of rustls' main branch, bogo/config.json.in, says why
# rustls leaves it out.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=$(cd "${OUT:-target/c}" && pwd)
venv=$(cd "${VENV:-target/venv}" && pwd)
work=$root/target/bogo
results=$(dirname "$out")/bogo
modules=/usr/share/gocode/src/golang.org/x

# The crate that carries the suite's source, and the fewest cases that have passed.
crate=5.4.0
least=1713

for module in crypto sys term; do
	[ -d "$modules/$module" ] || {
		echo "Go's $module module is needed: apt-get install golang-golang-x-crypto-dev golang-golang-x-term-dev" >&2
		exit 1
	}
done

# ---- The runner ----

fetch() {
	mkdir -p "$work/fetch"
	: >"$work/fetch/lib.rs"
	cat >"$work/fetch/Cargo.toml" <<EOF
[package]
name = "fetch"
version = "0.0.0"
edition = "2021"

[lib]
path = "lib.rs"

[dependencies]
boring-sys = "=$crate"

[workspace]
EOF
	"${CARGO:-cargo}" vendor --quiet --manifest-path "$work/fetch/Cargo.toml" "$work/vendor" >/dev/null
	rm -rf "$work/source"
	mkdir -p "$work/source/ssl/test" "$work/source/util"
	cp -R "$work/vendor/boring-sys/deps/boringssl/ssl/test/runner" "$work/source/ssl/test/"
	cp -R "$work/vendor/boring-sys/deps/boringssl/util/testresult" "$work/source/util/"
	rm -rf "$work/vendor"
}

# The keys that the crate leaves out, and Go's modules as the system has them.
complete() (
	cd "$work/source/ssl/test/runner"
	for bits in 1024 2048; do
		openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:$bits -out rsa_${bits}_key.pem 2>/dev/null
	done
	for key in ecdsa_p256:P-256 ecdsa_p384:P-384 ecdsa_p521:P-521 channel_id:P-256; do
		openssl genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:${key#*:}" \
			-out "${key%%:*}_key.pem" 2>/dev/null
	done
	openssl genpkey -algorithm ed25519 -out ed25519_key.pem
	for module in crypto sys term; do
		rm -rf "$work/$module"
		cp -RL "$modules/$module" "$work/$module"
		printf 'module golang.org/x/%s\n\ngo 1.19\n' $module >"$work/$module/go.mod"
	done
	cat >"$work/source/go.mod" <<EOF
module boringssl.googlesource.com/boringssl.git

go 1.26

require (
	golang.org/x/crypto v0.0.0
	golang.org/x/sys v0.0.0
	golang.org/x/term v0.0.0
)

replace (
	golang.org/x/crypto => ../crypto
	golang.org/x/sys => ../sys
	golang.org/x/term => ../term
)
EOF
)

build() (
	cd "$work/source/ssl/test/runner"
	GOPROXY=off GOFLAGS=-mod=mod GOSUMDB=off GOTOOLCHAIN=local GOCACHE=$work/cache \
		"$venv/bin/go" test -vet=off -c -o "$work/runner"
)

if [ ! -x "$work/runner" ]; then
	fetch
	complete
	build
fi

# ---- The judgement ----

mkdir -p "$results"
${TEST_CC:-cc} -O1 -g -std=c11 -Wall -Wextra -Wpedantic -Werror ${TEST_CFLAGS:-} -I"$root/include" \
	"$here"/*.c -o "$results/shim" -L"$out" -ltlsmith -Wl,-rpath,"$out"

for transport in ${TRANSPORTS:-fd io mem}; do
	echo "BoGo, over $transport:"
	(
		cd "$work/source/ssl/test/runner"
		TLSMITH_BOGO_TRANSPORT=$transport "$work/runner" -shim-path "$results/shim" \
			-shim-config "$here/config.json" -loose-errors -allow-unimplemented \
			-json-output "$results/$transport.json" "$@" >"$results/$transport.log" 2>&1
	) || {
		sed -n '/^FAILED/,/^\(PASSED\|UNIMPLEMENTED\)/p' "$results/$transport.log" | head -100
		tail -n 3 "$results/$transport.log"
		echo "FAILED: BoGo over $transport; all that it says is in $results/$transport.log" >&2
		exit 1
	}
	passes=$(grep -c '"actual": *"PASS"' "$results/$transport.json")
	echo "ok: $passes cases pass, and none fails"
	if [ $# -eq 0 ] && [ "$passes" -lt $least ]; then
		echo "FAILED: $least cases have passed once" >&2
		exit 1
	fi
done
