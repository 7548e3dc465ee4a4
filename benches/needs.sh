#!/bin/sh
# needs.sh WHAT:PACKAGE...: names the packages to install where a command, or a header of
# C (WHAT ends in .h), is missing.
set -eu

missing=
for pair; do
	what=${pair%%:*}
	case $what in
	*.h) echo "#include <$what>" | ${CC:-cc} -E - >/dev/null 2>&1 ;;
	*) command -v "$what" >/dev/null ;;
	esac || missing="$missing ${pair#*:}"
done
[ -z "$missing" ] || {
	echo "packages are needed: apt-get install$missing" >&2
	exit 1
}
