#!/bin/sh
# The tests of the C library: the header, the symbols, the archive, programs plain
# and under sanitizers and valgrind, the examples, and an installation.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=$(cd "${OUT:-target/c}" && pwd)
CC=${TEST_CC:-cc}
MAKE=${MAKE:-make}
work=$(mktemp -d)
job=
trap '[ -z "$job" ] || kill $job 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
export LD_LIBRARY_PATH="$out" TLSMITH_ROOT="$root"

need() {
	command -v "$1" >/dev/null || {
		echo "'$1' is needed by the tests: apt-get install $2" >&2
		exit 1
	}
}
passed=0
pass() {
	passed=$((passed + 1))
	echo "ok: $*"
}
fail() {
	echo "FAILED: $*" >&2
	exit 1
}

need g++ g++
need pkg-config pkg-config
need openssl openssl
need keytool default-jre-headless
need valgrind valgrind

# ---- the header, as every standard reads it ----

echo '#include <tlsmith.h>
int main(void) {
	tlsmith_cert_options o = TLSMITH_CERT_OPTIONS_INIT;
	tlsmith_load_options l = TLSMITH_LOAD_OPTIONS_INIT;
	return (int)o.days + (l.name != 0);
}' >header.c
warn="-Wall -Wextra -Wpedantic -Werror -I$root/include -fsyntax-only"
for std in c99 c11 c2x; do
	"$CC" -std=$std $warn -Wstrict-prototypes header.c || fail "the header as $std"
done
for std in c++11 c++20; do
	g++ -std=$std $warn -x c++ header.c || fail "the header as $std"
done
pass "the header is clean C99, C11, C23, C++11 and C++20"

# ---- what is exported ----

nm -D --defined-only "$out/libtlsmith.so" | awk '$2 == "T" { sub(/@.*/, "", $3); print $3 }' |
	LC_ALL=C sort >exported
diff "$here/symbols.txt" exported || fail "the exported symbols are those of symbols.txt"
nm -D --defined-only "$out/libtlsmith.so" | grep -v 'TLSMITH_0$' | grep -q ' T ' &&
	fail "every symbol has the version TLSMITH_0"
readelf -d "$out/libtlsmith.so" >dynamic
grep -q 'soname: \[libtlsmith.so.0\]' dynamic || fail "the soname is libtlsmith.so.0"
grep -q NODELETE dynamic || fail "the library stays loaded"
pass "the library exports what symbols.txt lists, and nothing else"

nm -g --defined-only "$out/libtlsmith.a" 2>/dev/null | awk 'NF == 3 && $3 !~ /^tlsmith_/' >foreign
[ ! -s foreign ] || { head foreign; fail "the archive has no foreign global symbols"; }
pass "the archive has no foreign global symbols"

# ---- the programs, plain, sanitized, and under valgrind ----

flags="-std=c11 -Wall -Wextra -Wpedantic -Werror -Wno-unused-result -O1 -g -I$root/include"
libs=$(PKG_CONFIG_PATH="$out" pkg-config --static --libs-only-l tlsmith | sed 's/-ltlsmith//')
# Under valgrind, the slowest of the three, a program goes on while the next one is tried
# without it: in a folder of its own.
in_valgrind=
begin_valgrind() {
	end_valgrind
	in_valgrind=$1
	mkdir $1.valgrind
	(cd $1.valgrind && exec timeout 900 valgrind -q --fair-sched=yes --error-exitcode=9 --leak-check=full \
		--show-leak-kinds=definite --errors-for-leak-kinds=definite \
		--suppressions="$here/valgrind.supp" ../$1.static ${2-} >/dev/null) &
	job=$!
}
end_valgrind() {
	[ -n "$job" ] || return 0
	wait $job || { job=; fail "$in_valgrind under valgrind"; }
	job=
	pass "$in_valgrind under valgrind"
}
# Whatever takes text or bytes may be given a key.
sed -e 's|//.*||' -e '/^#/d' "$root/include/tlsmith.h" | tr '\n' ' ' | tr ';' '\n' |
	grep -E '(\(|, *)const (char|void) \*' | grep -oE 'tlsmith_[a-z0-9_]+\(' | sort -u >takers
[ "$(wc -l <takers)" -gt 50 ] || fail "the functions that take text or bytes are found in the header"
while read -r taker; do
	grep -qF "$taker" "$here/secrets.c" || fail "secrets.c tries $taker) with key material"
done <takers
pass "secrets.c tries every function that takes text or bytes"

# ---- The programs ----

export TLSMITH_ODD="$work/odd"
sh "$here/odd.sh" "$TLSMITH_ODD" || fail "openssl makes odd certificates"

all="arguments states settings certificates facts keys secrets connections transports callbacks negotiation trust features unverified \
	sessions early_data threads forks forked_threads volume"
for test in ${*:-$all}; do
	"$CC" $flags "$here/$test.c" -o $test -L"$out" -ltlsmith -lpthread
	# Megabytes, or each of how many shapes of a key: what the tool does in a short time.
	fast= slow= slowest=
	[ $test != volume ] || { fast=100 slow=20 slowest=1; }
	[ $test != secrets ] || { fast=1 slow=3 slowest=20; }
	timeout 300 ./$test $fast || fail "$test"
	pass "$test"
	"$CC" $flags -fsanitize=address,undefined -fno-sanitize-recover=undefined \
		"$here/$test.c" -o $test.asan -L"$out" -ltlsmith -lpthread
	ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 timeout 300 ./$test.asan $slow >/dev/null ||
		fail "$test under AddressSanitizer and UBSan"
	pass "$test under AddressSanitizer and UBSan"
	# With the archive, which has the names that valgrind.supp needs.
	"$CC" $flags "$here/$test.c" -o $test.static "$out/libtlsmith.a" $libs
	begin_valgrind $test $slowest
done
end_valgrind
[ $# -eq 0 ] || {
	echo "$passed passed, 0 failed"
	exit
}

# ---- an event loop ----

"$CC" $flags "$here/epoll.c" -o epoll -L"$out" -ltlsmith -lpthread
"$CC" $flags "$root/examples/c/epoll_echo.c" -o epoll_echo -L"$out" -ltlsmith
"$CC" $flags -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	"$root/examples/c/epoll_echo.c" -o epoll_echo.asan -L"$out" -ltlsmith
for server in "epoll_echo" "epoll_echo -e" "epoll_echo.asan"; do
	timeout 120 ./epoll ./$server 2>epoll.log || { tail epoll.log; fail "$server"; }
	pass "$server serves 1000 idle clients, 50 busy ones, and some that misbehave"
done

# ---- the examples are short ----

while read -r example most; do
	lines=$(grep -cv '^[[:space:]]*$' "$root/examples/c/$example.c")
	[ "$lines" -le "$most" ] || fail "$example.c has $lines lines, $most at the most"
done <<-LIST
	https_get 27
	echo_server 27
	make_certs 17
	request 30
	epoll_echo 190
LIST
pass "the examples are as short as promised"

# ---- the certificates of an example are OpenSSL's, too ----

"$CC" $flags "$root/examples/c/request.c" -o request -L"$out" -ltlsmith
./request && openssl verify -x509_strict -CAfile ca_cert.pem server_cert.pem >/dev/null &&
	openssl req -in server_csr.pem -noout -verify >/dev/null 2>&1 &&
	openssl pkey -in server_keypair.pem -noout && openssl pkey -in ca_keypair.pem -noout ||
	fail "request.c makes a certificate that OpenSSL verifies"
pass "request.c makes a certificate that OpenSSL verifies"

# ---- keys in a PKCS#11 token ----

OUT="$out" TEST_CC="$CC" sh "$here/pkcs11.sh" || fail "the PKCS#11 example, pkcs11.sh"
pass "the PKCS#11 example signs with SoftHSM's keys for OpenSSL's clients"

# ---- an installation ----

MAKE="$MAKE" TEST_CC="$CC" sh "$here/install.sh" || fail "an installation, install.sh"
pass "programs build against an installation through pkg-config, CMake and Meson"

echo "$passed passed, 0 failed"
