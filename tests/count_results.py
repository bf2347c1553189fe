"""Counts what a run of `meson test` found and shows what failed.

usage: count_results.py LABEL TESTLOG.json

A test that counts for itself (criterion's synthesis, or a line "N passed, N failed" or "# N checks, N failed") counts
with its own numbers, every other as one. Prints excerpts of failed tests' output, then the totals as a line
"counts PASSED FAILED SKIPPED".
"""

import json
import re
import sys

EXCERPT_LINES = 60
GOOD = ("OK", "EXPECTEDFAIL")


def own_counts(output):
    """(passed, failed) as the test itself says, or None."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", output)
    for pattern, passed_of in (
            (r"^(\d+) passed, (\d+) failed$", lambda first, failed: first),
            (r"^# (\d+) checks, (\d+) failed$", lambda first, failed: first - failed)):
        found = re.findall(pattern, text, flags=re.M)
        if found:
            first, failed = map(int, found[-1])
            return passed_of(first, failed), failed
    found = re.findall(r"Tested: (\d+) \| Passing: (\d+) \|", text)
    if found:
        tested, passing = map(int, found[-1])
        return passing, tested - passing
    return None


def excerpt(output):
    """The end of the output, and before it the lines further up that name a failure, with the line after each."""
    lines = output.strip().split("\n")
    end = max(0, len(lines) - EXCERPT_LINES)
    named = {i + step for i in range(end) if re.match(r"not ok|\[FAIL\]|\[----\]|.*\bERROR:", lines[i]) for step in (0, 1)}
    kept = sorted(named)[:EXCERPT_LINES]
    return [lines[i] for i in kept if i < end] + (["..."] if end else []) + lines[end:]


def main():
    label, path = sys.argv[1:]
    passed = failed = skipped = 0
    with open(path, encoding="utf-8", errors="replace") as log:
        for line in log:
            test = json.loads(line)
            output = test.get("stdout", "") + test.get("stderr", "")
            result = test["result"]
            if result == "SKIP":
                skipped += 1
                print(f"{label}: skipped: {test['name']}: {output.strip()[-200:]}")
                continue
            good, bad = own_counts(output) or (0, 0)
            if result in GOOD:
                good = max(good, 1)
            else:
                bad = max(bad, 1)
                print(f"\n{label}: {test['name']}: {result}\n  " + "\n  ".join(excerpt(output)) + "\n")
            passed += good
            failed += bad
    print(f"counts {passed} {failed} {skipped}")


main()
