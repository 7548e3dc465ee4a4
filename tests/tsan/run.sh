#!/bin/sh
# Runs programs of many threads over the C library, both under ThreadSanitizer, which
# ends a program at the first race.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$root/target/tsan
target=$(rustc -vV | sed -n 's/^host: //p')
libs=$(rustc --print target-libdir)
CC=${TEST_CC:-cc}

# ---- The library ----

# The sanitizers are for nightly compilers, until this is set.  Generic code of std is
# compiled here as well, and not taken from where it is compiled already.
RUSTC_BOOTSTRAP=1 \
	RUSTFLAGS="-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer -Zshare-generics=no" \
	"${CARGO:-cargo}" rustc --locked --target "$target" --target-dir "$work" -p tlsmith-c \
	--crate-type staticlib

# ---- What std.c tells ----

name() {
	found=$(nm -D --defined-only "$libs"/libstd-*.so | awk -v part="$1" '$3 ~ part { print $3 }')
	[ "$(echo "$found" | wc -w)" = 1 ] || {
		echo "std of this toolchain has not one function like $1: std.c has to learn it" >&2
		exit 1
	}
	echo "$found"
}
mutex_lock=$(name '5mutex5futex.*14lock_contended$')
rwlock_read=$(name '6rwlock5futex.*14read_contended$')
rwlock_write=$(name '6rwlock5futex.*15write_contended$')
once_call=$(name '4once5futex.*4Once4call$')
flags="-std=c11 -Wall -Wextra -Wpedantic -Werror -O1 -g -I$root/include"
"$CC" $flags -fexceptions -c "$here/std.c" -o "$work/std.o" -DMUTEX_LOCK="$mutex_lock" \
	-DRWLOCK_READ="$rwlock_read" -DRWLOCK_WRITE="$rwlock_write" -DONCE_CALL="$once_call"
wraps=
for function in "$mutex_lock" "$rwlock_read" "$rwlock_write" "$once_call" \
	__tsan_atomic64_fetch_sub __tsan_atomic_thread_fence; do
	wraps="$wraps -Wl,--wrap=$function"
done

# ---- The programs ----

export TSAN_OPTIONS="halt_on_error=1 ${TSAN_OPTIONS:-}"

build() {
	"$CC" $flags -Wno-unused-result -fsanitize=thread -c "$1" -o "$work/program.o"
	"$CC" $wraps "$work/program.o" "$work/std.o" "$work/$target/debug/libtlsmith_c.a" \
		-Wl,--whole-archive "$libs"/librustc-*_rt.tsan.a -Wl,--no-whole-archive \
		-rdynamic -lgcc_s -lutil -lrt -lpthread -lm -ldl -lc -o "$work/program"
}

build "$here/race.c"
if "$work/program" 2>"$work/race.log" || ! grep -q 'SUMMARY: ThreadSanitizer: data race' "$work/race.log"; then
	cat "$work/race.log" >&2
	echo "FAILED: ThreadSanitizer finds the race of race.c" >&2
	exit 1
fi
echo "ok: ThreadSanitizer finds a race that there is"

# 225 megabytes each way are what a connection carries in an hour at a megabit per
# second; here there are six of them, in about a minute.
while read -r test megabytes; do
	build "$root/tests/c/$test.c"
	timeout 300 "$work/program" "$megabytes" || {
		echo "FAILED: $test under ThreadSanitizer" >&2
		exit 1
	}
	echo "ok: $test under ThreadSanitizer"
done <<-LIST
	threads 20
	volume 225
LIST
