#!/bin/sh
# Installs the Debian packages that mud needs and that are missing.
#   sh packages.sh build          to build and run it
#   sh packages.sh build tests    to test it as well
#   sh packages.sh bench          to measure it beside C under other compilers
# Needs root or sudo only if something is missing, and the network only then.
set -eu

wanted=
for purpose in "$@"; do
    case $purpose in
    build)
        wanted="$wanted gcc libc6-dev meson ninja-build pkg-config libuv1-dev libprotobuf-c-dev protobuf-c-compiler
            libjemalloc-dev libsodium-dev libzydis-dev libzycore-dev" ;;
    tests)
        wanted="$wanted libcriterion-dev libffi-dev gdb" ;;
    bench)
        wanted="$wanted gcc clang-14" ;;
    *)
        echo "packages.sh: $purpose is none of build, tests and bench" >&2
        exit 2 ;;
    esac
done

missing=
for package in $wanted; do
    dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed$' ||
        missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "installing$missing"
as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "packages.sh: install these as root first:$missing" >&2
        exit 1
    fi
    as_root=sudo
fi
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y update >/dev/null
# shellcheck disable=SC2086 # a list
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends $missing >/dev/null
