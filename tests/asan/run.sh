#!/bin/sh
# Runs the programs of tests/c over the library under AddressSanitizer, with a look for
# leaks at the end of each.  `make test-c` has the programs alone under it.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$root/target/asan
target=$(rustc -vV | sed -n 's/^host: //p')
libs=$(rustc --print target-libdir)
CC=${TEST_CC:-cc}

# The sanitizers are for nightly compilers, until this is set.
RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address" \
	"${CARGO:-cargo}" rustc --locked --target "$target" --target-dir "$work" -p tlsmith-c \
	--crate-type staticlib

export TLSMITH_ROOT="$root"
export ASAN_OPTIONS="detect_leaks=1:detect_stack_use_after_return=1:allocator_may_return_null=1"
flags="-std=c11 -Wall -Wextra -Wpedantic -Werror -Wno-unused-result -O1 -g -I$root/include"

build() {
	"$CC" $flags -fsanitize=address -c "$1" -o "$work/program.o"
	"$CC" "$work/program.o" "$work/$target/debug/libtlsmith_c.a" \
		-Wl,--whole-archive "$libs"/librustc-*_rt.asan.a -Wl,--no-whole-archive \
		-rdynamic -lgcc_s -lutil -lrt -lpthread -lm -ldl -lc -o "$work/program"
}

# ---- It finds what there is ----

for fault in use_after_free leak; do
	build "$here/$fault.c"
	if "$work/program" 2>"$work/fault.log" || ! grep -q 'SUMMARY: AddressSanitizer' "$work/fault.log"; then
		cat "$work/fault.log" >&2
		echo "FAILED: AddressSanitizer finds the fault of $fault.c" >&2
		exit 1
	fi
done
echo "ok: AddressSanitizer finds faults that there are"

# ---- The programs ----

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export TLSMITH_ODD="$scratch/odd"
sh "$root/tests/c/odd.sh" "$TLSMITH_ODD"
passed=0
while read -r test megabytes; do
	build "$root/tests/c/$test.c"
	mkdir "$scratch/$test"
	(cd "$scratch/$test" && timeout 600 "$work/program" $megabytes >/dev/null) || {
		echo "FAILED: $test over an instrumented library" >&2
		exit 1
	}
	echo "ok: $test over an instrumented library"
	passed=$((passed + 1))
done <<-LIST
	arguments
	states
	certificates
	keys
	connections
	transports
	callbacks
	negotiation
	trust
	features
	unverified
	sessions
	early_data
	threads
	volume 20
LIST
echo "$passed passed, 0 failed"
