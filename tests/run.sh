#!/bin/sh
# Builds mud and runs every test; the last line is "N passed, N failed", the exit status 0 when none failed.
#   sh tests/run.sh          everything: plain, under stress, under the sanitizers
#   sh tests/run.sh quick    the plain build only
# Missing Debian packages are installed first. Builds are kept in build/, build-asan/, build-tsan/ and build-clang/.
set -u
cd "$(dirname "$0")/.." || exit 1

quick=no
case $# in
0) ;;
*)
    if [ $# -ne 1 ] || [ "$1" != quick ]; then
        echo "usage: sh tests/run.sh [quick]" >&2
        exit 2
    fi
    quick=yes ;;
esac

passed=0
failed=0
started=$(date +%s)
work=$(mktemp -d "${TMPDIR:-/tmp}/mud-run.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

say() { echo "== $(($(date +%s) - started)) s: $*"; }

finish() {
    say "done"
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
    exit
}

# One result that is not meson's: verdict STATUS CLAIM [LOG]
verdict() {
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
        echo "ok - $2"
    else
        failed=$((failed + 1))
        echo "not ok - $2 (exit status $1)"
        [ -z "${3:-}" ] || tail -n 60 "$3" | sed 's/^/  /'
    fi
}

# configure FOLDER OPTION...: makes the build folder, or sets the options of the one that is there.
configure() {
    folder=$1
    shift
    if [ -f "$folder/meson-private/coredata.dat" ]; then
        meson setup --reconfigure "$folder" "$@" >"$work/configure" 2>&1 && return
        rm -rf "$folder"
    fi
    meson setup "$folder" "$@" >"$work/configure" 2>&1
}

# build FOLDER TARGETS OPTION...: whether it builds is a result too; the status is that.
build() {
    folder=$1
    targets=$2
    shift 2
    say "building $folder"
    if ! configure "$folder" "$@"; then
        verdict 1 "$folder is configured" "$work/configure"
        return 1
    fi
    if [ "$targets" = races ]; then
        targets="daemon/bin/mud client/bin/muctl tests/daemon/socket_prober tests/daemon/context_prober tests/daemon/calm_prober tests/bench/vm_crowd tests/text/text_runner $(ninja -C "$folder" -t targets all |
            sed -n 's|^\(tests/[a-z/_]*/race_[a-z_]*\): .*|\1|p')"
    fi
    # shellcheck disable=SC2086 # a list
    ninja -C "$folder" $targets >"$work/ninja" 2>&1
    status=$?
    verdict $status "$folder builds" "$work/ninja"
    return $status
}

# meson_tests FOLDER: all of them but those that only repeat others under stress.
meson_tests() {
    say "testing $1"
    meson test -C "$1" --no-rebuild --no-suite slow -t 3 --logbase run 2>&1 |
        grep -E '^ *[0-9]+/[0-9]+ ' | sed 's/^/   /'
    python3 tests/count_results.py "$1" "$1/meson-logs/run.json" >"$work/counts"
    if ! grep -q '^counts ' "$work/counts"; then
        verdict 1 "meson test in $1" "$1/meson-logs/run.txt"
        return
    fi
    grep -v '^counts ' "$work/counts"
    read -r _ good bad _ <<EOF
$(grep '^counts ' "$work/counts")
EOF
    passed=$((passed + good))
    failed=$((failed + bad))
    echo "$1: $good passed, $bad failed"
}

# text_tests FOLDER SETTING...: the text tests as compiled code, under settings of the environment, as many files at once as
# there are cores. Runs that are too heavy for a collection at every allocation are left out.
text_tests() {
    folder=$1
    shift
    say "text tests of $folder with $*"
    runner=$PWD/$folder/tests/text/text_runner
    rm -rf "$work/text"
    mkdir "$work/text"
    # shellcheck disable=SC2016 # expanded by the inner shell
    find tests/text -maxdepth 1 -name '*.uir' | sort |
        env "$@" xargs -P "$(nproc)" -n 1 sh -c '
            timeout 300 "$1" --compiled-only --light "$3" >"$2/$(basename "$3")" 2>&1
            echo "exit status $?" >>"$2/$(basename "$3")"' one_text "$runner" "$work/text"
    good=0
    bad=0
    for log in "$work"/text/*; do
        read -r file_good file_bad <<EOF
$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$log" | tail -n 1)
EOF
        if ! grep -q '^exit status 0$' "$log"; then
            echo "not ok - $(basename "$log") with $*"
            tail -n 30 "$log" | sed 's/^/  /'
            [ "${file_bad:-0}" -gt 0 ] || file_bad=1
        fi
        good=$((good + ${file_good:-0}))
        bad=$((bad + ${file_bad:-0}))
    done
    passed=$((passed + good))
    failed=$((failed + bad))
    echo "$folder with $*: $good passed, $bad failed"
}

stress_tests() {
    text_tests "$1" MU_GC_STRESS=1 MU_GC_VERIFY=1
    text_tests "$1" MU_GC_STRESS=1 MU_GC_VERIFY=1 MU_GC_CONCURRENT=1
    text_tests "$1" MU_YIELD_STRESS=1 MU_GC_VERIFY=1
    text_tests "$1" MU_YIELD_STRESS=1 MU_GC_STRESS=1
    text_tests "$1" MU_TIERS=always MU_GC_STRESS=1 MU_GC_VERIFY=1
    text_tests "$1" MU_TIERS=always MU_YIELD_STRESS=1 MU_GC_VERIFY=1
    text_tests "$1" MU_TIERS=eager MU_YIELD_STRESS=1 MU_GC_STRESS=1
}

# program CLAIM COMMAND...
program() {
    claim=$1
    shift
    timeout 900 "$@" >"$work/program" 2>&1
    verdict $? "$claim" "$work/program"
}

say "packages"
if ! sh packages.sh build tests; then
    verdict 1 "the packages are installed"
    finish
fi

if build build all -Dtests=true; then
    meson_tests build
fi
[ $quick = no ] || finish
[ ! -x build/tests/text/text_runner ] || stress_tests build

export UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1"
export ASAN_OPTIONS="detect_stack_use_after_return=0:allocator_may_return_null=1"
export TSAN_OPTIONS="halt_on_error=0:exitcode=0:log_path=$work/tsan"
# gcc warns wrongly about instrumented code, so warnings are errors in the plain builds only.
if build build-asan all -Dtests=true -Dwerror=false -Db_sanitize=address,undefined -Db_lundef=false -Ddebug_checks=true; then
    meson_tests build-asan
    stress_tests build-asan
fi

# Criterion aborts under ThreadSanitizer, so that build has the plain programs only.
if build build-tsan races -Dtests=true -Dwerror=false -Db_sanitize=thread -Db_lundef=false; then
    say "testing build-tsan"
    for race in $(find build-tsan/tests -type f -name 'race_*' -perm -u+x | sort); do
        program "build-tsan: $(basename "$race")" "$race"
    done
    program "build-tsan: programs with many threads" \
        build-tsan/tests/text/text_runner --compiled-only --light tests/text/*_threads.uir
    program "build-tsan: the same while the collector marks" \
        env MU_GC_CONCURRENT=1 build-tsan/tests/text/text_runner --compiled-only --light tests/text/*_threads.uir
    program "build-tsan: a real mud with real clients" sh tests/daemon/system_test.sh "$PWD/build-tsan"
    program "build-tsan: the same about limits, ends and statistics" sh tests/daemon/surface_test.sh "$PWD/build-tsan"
    program "build-tsan: the same about profiles" sh tests/daemon/profile_test.sh "$PWD/build-tsan"
    cat "$work"/tsan.* 2>/dev/null | sed -n '/^WARNING/,/^SUMMARY/p' >"$work/all_races"
    { head -n 40 "$work/all_races"; grep '^SUMMARY' "$work/all_races" | sort | uniq -c; } >"$work/races"
    [ ! -s "$work/races" ]
    verdict $? "build-tsan: ThreadSanitizer has nothing to say" "$work/races"
fi

if command -v clang-14 >/dev/null; then
    CC=clang-14 build build-clang all -Dtests=true
else
    echo "skipped: clang-14 is not installed, so there is no build with it"
fi
finish
