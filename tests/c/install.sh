#!/bin/sh
# Programs that are built against an installed tree, through pkg-config, CMake and Meson,
# shared and static.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
CC=${TEST_CC:-cc}
MAKE=${MAKE:-make}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
cd "$work"

fail() {
	[ ! -e log ] || cat log >&2
	echo "FAILED: $*" >&2
	exit 1
}
for pair in pkg-config:pkg-config cmake:cmake meson:meson ninja:ninja-build; do
	command -v "${pair%%:*}" >/dev/null || {
		echo "'${pair%%:*}' is needed by the tests: apt-get install ${pair#*:}" >&2
		exit 1
	}
done

"$MAKE" -s -C "$root" install PREFIX=/opt/tls DESTDIR="$work/stage" >/dev/null
prefix=$work/stage/opt/tls
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$work/stage" CC
unset LD_LIBRARY_PATH
version=$(pkg-config --modversion tlsmith)
minor=${version%.*}

# A program that says which version it has, and verifies a certificate in doing so: it
# needs the threads, the mathematics and the unwinding of a static library.
cat >user.c <<'END'
#include <stdio.h>
#include <tlsmith.h>

int main(void)
{
	tlsmith_ctx *ctx = tlsmith_ctx_new();
	tlsmith_identity *site = tlsmith_self_signed("localhost", NULL);
	int status = tlsmith_ctx_verify(ctx, site, "localhost", NULL, 0);

	printf("%s%s\n", tlsmith_version(), status == TLSMITH_ERR_CERT_UNKNOWN_ISSUER ? "" : " failed");
	tlsmith_identity_free(site);
	tlsmith_ctx_free(ctx);
	return 0;
}
END
# says_version WHAT COMMAND...: that the program runs, with a library of this version.
says_version() {
	what=$1
	shift
	[ "$("$@" 2>&1)" = "$version" ] || fail "$what: it says $("$@" 2>&1)"
}

# pkg-config.

"$CC" user.c -o shared $(pkg-config --cflags --libs tlsmith)
says_version "a program linked through pkg-config" env LD_LIBRARY_PATH="$prefix/lib" ./shared
"$CC" -static user.c -o static $(pkg-config --static --cflags --libs tlsmith) 2>log ||
	fail "pkg-config --static"
says_version "a program linked through pkg-config --static" ./static

# CMake.

cat >CMakeLists.txt <<END
cmake_minimum_required(VERSION 3.13)
project(user C)
find_package(tlsmith $minor CONFIG REQUIRED)
add_executable(shared user.c)
target_link_libraries(shared tlsmith::tlsmith)
add_executable(static user.c)
target_link_libraries(static tlsmith::tlsmith_static)
END
{ cmake -S . -B cmake -DCMAKE_PREFIX_PATH="$prefix" && cmake --build cmake; } >log 2>&1 ||
	fail "a program built through CMake"
says_version "a program built through CMake" cmake/shared
says_version "a static program built through CMake" cmake/static
! ldd cmake/static | grep -q tlsmith || fail "CMake's static target links the shared library"
# Which versions satisfy which request.
finds() {
	mkdir -p version
	printf '%s\n' 'cmake_minimum_required(VERSION 3.13)' 'project(user NONE)' \
		"find_package(tlsmith $1 CONFIG REQUIRED)" >version/CMakeLists.txt
	cmake -S version -B version/build -DCMAKE_PREFIX_PATH="$prefix" >log 2>&1
}
for request in "" "$minor" "$version" "$version EXACT" "0.0...9" "$version...$version"; do
	finds "$request" || fail "find_package(tlsmith $request)"
done
for request in 9.0 "${minor%.*}.99" "$minor.99" "${minor%.*}" "0.0...0.0.9" "0.0...<$version"; do
	! finds "$request" || fail "find_package(tlsmith $request) finds $version"
done

# Meson.

cat >meson.build <<END
project('user', 'c')
executable('shared', 'user.c', dependencies: dependency('tlsmith', version: '>=$minor'))
executable('static', 'user.c', dependencies: dependency('tlsmith', static: true))
END
{ meson setup meson && ninja -C meson; } >log 2>&1 || fail "a program built with Meson"
says_version "a program built with Meson" env LD_LIBRARY_PATH="$prefix/lib" meson/shared
says_version "a static program built with Meson" meson/static
! ldd meson/static | grep -q tlsmith || fail "Meson's static dependency links the shared library"

"$MAKE" -s -C "$root" uninstall PREFIX=/opt/tls DESTDIR="$work/stage"
left=$(find "$work/stage" -type f -o -type l)
[ -z "$left" ] || fail "uninstalling leaves $left"
