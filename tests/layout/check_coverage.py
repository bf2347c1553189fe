"""Keeps the table of types and instructions in substrate/README.md true.

usage: check_coverage.py SOURCE-ROOT [--write]

Every type, instruction and common instruction has a row with a text test that uses it, or, when it is not compiled, with
the test of its refusal. A row that is missing, empty or wrong is a fault. --write writes the table anew.
"""

import os
import re
import sys

BEGIN = "<!-- coverage: written by tests/layout/check_coverage.py --write -->\n"
END = "<!-- end of coverage -->\n"
README = "substrate/README.md"
REFUSED = "tests/substrate/verify/reject/uncompiled.uir"

# Types by the pattern of their definitions.
TYPES = [
    ("int", r"= *int *<"), ("float", r"= *float\b"), ("double", r"= *double\b"), ("vector", r"= *vector *<"),
    ("ref", r"= *ref *<"), ("iref", r"= *iref *<"), ("weakref", r"= *weakref *<"), ("struct", r"= *struct *<"),
    ("array", r"= *array *<"), ("hybrid", r"= *hybrid *<"), ("void", r"= *void\b"), ("funcref", r"= *funcref *<"),
    ("threadref", r"= *threadref\b"), ("stackref", r"= *stackref\b"), ("framecursorref", r"= *framecursorref\b"),
    ("irnoderef", r"= *irnoderef\b"), ("tagref64", r"= *tagref64\b"), ("uptr", r"= *uptr *<"), ("ufuncptr", r"= *ufuncptr *<"),
]


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def without_comments(text):
    return re.sub(r"//.*", "", text)


def text_tests(root):
    folder = os.path.join(root, "tests/text")
    names = sorted(name for name in os.listdir(folder) if name.endswith(".uir"))
    parts = sorted("parts/" + name for name in os.listdir(os.path.join(folder, "parts")) if name.endswith(".uir"))
    texts = {"tests/text/" + name: without_comments(read(root, "tests/text/" + name)) for name in names + parts}
    del texts["tests/text/refused.uir"]
    return texts


def subjects(root):
    """(kind, name, pattern of a use) of everything that must have a row."""
    for name, pattern in TYPES:
        yield "type", name, pattern
    ops = read(root, "substrate/ir/api/mu_ops.def")
    for word, shape in re.findall(r'^MU_OP\(\w+, *"(\w+)", *(\w+)', ops, re.M):
        if shape != "COMMINST":
            yield "instruction", word, rf"\b{word}\b"
    comminsts = read(root, "substrate/ir/api/mu_comminsts.def")
    for name in re.findall(r'^MU_COMMINST\(\w+, *0x\w+, *"(@[\w.]+)"\)', comminsts, re.M):
        yield "common instruction", name, re.escape(name) + r"(?![\w.])"


def test_of(root, texts, pattern):
    """The text test that uses it most, else that of its refusal, else nothing."""
    uses = {path: len(re.findall(pattern, text)) for path, text in texts.items()}
    best = max(uses, key=lambda path: (uses[path], path))
    if uses[best] > 0:
        return best
    return REFUSED if re.search(pattern, read(root, REFUSED)) else ""


def row(kind, name, path):
    shown = "text/" + path.removeprefix("tests/text/") if path != REFUSED else "refused by name"
    return f"| {kind} | `{name}` | [{shown}](../{path}) |" if path else f"| {kind} | `{name}` | |"


def write(root, texts):
    rows = ["| | name | test |", "| --- | --- | --- |"]
    rows += [row(kind, name, test_of(root, texts, pattern)) for kind, name, pattern in subjects(root)]
    text = read(root, README)
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    with open(os.path.join(root, README), "w", encoding="utf-8") as file:
        file.write(before + BEGIN + "\n".join(rows) + "\n" + END + after)


def fault_of(root, texts, rows, name, pattern):
    """What is wrong with the row of this name; empty: nothing."""
    if name not in rows:
        return "has no row in " + README
    path = rows[name]
    if not path:
        return "no test uses it, and none shows its refusal"
    if path == REFUSED and any(re.search(pattern, text) for text in texts.values()):
        return "is said to be refused, but a text test uses it"
    text = texts.get(path) or (read(root, REFUSED) if path == REFUSED else "")
    return "" if re.search(pattern, text) else path + " does not use it"


def main():
    root = sys.argv[1]
    texts = text_tests(root)
    if sys.argv[2:] == ["--write"]:
        write(root, texts)
    table = read(root, README).split(BEGIN)[1].split(END)[0]
    rows = dict(re.findall(r"^\| [\w ]+ \| `([^`]+)` \| (?:\[[^]]*\]\(\.\./([^)]*)\) )?\|$", table, re.M))
    faults = 0
    for _, name, pattern in subjects(root):
        fault = fault_of(root, texts, rows, name, pattern)
        if fault:
            faults += 1
            print(f"{name}: {fault}")
    print(f"coverage: {len(rows)} rows, {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
