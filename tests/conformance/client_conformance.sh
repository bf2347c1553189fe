#!/bin/sh
# The reference implementation's C tests of its client interface, compiled with our muapi.h and nothing else of ours, against a
# real mud; and our muapi.h beside its own. Usage: client_conformance.sh BUILD_FOLDER CLIENT_CONFORMANCE MUD. The checkout is
# $MU_REFIMPL2; without one the exit status is 77, which meson takes for "skipped".
set -u
build=$(realpath "${1:?the build folder}")
driver=$(realpath "${2:?the driver}")
mud=$(realpath "${3:?mud}")
here=$(cd "$(dirname "$0")" && pwd)
checkout=${MU_REFIMPL2:-}
tests=$checkout/tests/c-snippets/ncs_tests.c
if [ ! -f "$tests" ]; then
    echo "no checkout of microvm/microvm-refimpl2: set MU_REFIMPL2"
    exit 77
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/client-conformance.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT

# Its own warnings are its own.
${CC:-cc} -std=c11 -w -fPIC -shared -I "$build/client/api" -o "$work/ncs_tests.so" "$tests" || exit 1
python3 "$here/compare_muapi.py" "$checkout" "$build/client/api/muapi.h" || exit 1
cd "$checkout" && "$driver" "$mud" "$work/ncs_tests.so"
