#!/bin/sh
# Makes lib/ and include/ of a library that `make bench` compares tlsmith with, from the
# crate that carries its source, as a release of it is built:
# build.sh openssl|boringssl|aws-lc|rustls-ffi FOLDER.
set -eu

library=$1
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$2"
out=$(cd "$2" && pwd)
jobs=$(nproc)
# What is meant for tlsmith's own programs.
unset MAKEFLAGS CFLAGS LDFLAGS

# The folder of a crate's source.
source_of() {
	(cd "$here" && "${CARGO:-cargo}" metadata --locked --format-version 1) |
		"${PYTHON:-python3}" -c '
import json, os, sys
packages = json.load(sys.stdin)["packages"]
print(*(os.path.dirname(p["manifest_path"]) for p in packages if p["name"] == sys.argv[1]))
' "$1"
}

# Says what was written where something fails.
quietly() {
	"$@" >>"$out/build.log" 2>&1 || {
		tail -n 30 "$out/build.log" >&2
		echo "$library is not built: all that was said is in $out/build.log" >&2
		exit 1
	}
}

# BoringSSL and AWS-LC: what cmake makes, beside the headers.
with_cmake() {
	source=$1
	shift
	quietly cmake -S "$source" -B "$out/build" -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF "$@"
	quietly cmake --build "$out/build" --parallel "$jobs" --target ssl crypto
	mkdir -p "$out/lib"
	cp -R "$source/include" "$out/"
	find "$out/build" -name 'lib*.a' -exec cp {} "$out/lib/" \;
}

: >"$out/build.log"
case $library in
openssl)
	source=$(source_of openssl-src)/openssl
	mkdir -p "$out/build" && cd "$out/build"
	quietly perl "$source/Configure" --prefix="$out" --libdir=lib --openssldir=/etc/ssl \
		no-shared no-module no-legacy no-tests no-apps no-docs
	quietly make -j"$jobs" build_libs
	quietly make install_dev
	;;
boringssl)
	with_cmake "$(source_of boring-sys)/deps/boringssl"
	;;
aws-lc)
	# Without jitter entropy, as tlsmith has it: with it, the first random number takes
	# about 40 ms.
	with_cmake "$(source_of aws-lc-sys)/aws-lc" -DBUILD_TOOL=OFF -DDISABLE_GO=ON \
		-DDISABLE_PERL=ON -DDISABLE_CPU_JITTER_ENTROPY=ON
	;;
rustls-ffi)
	mkdir -p "$out/include"
	cp "$(source_of rustls-ffi)/src/rustls.h" "$out/include/"
	;;
*)
	echo "build.sh knows no library $library" >&2
	exit 1
	;;
esac
