"""Keeps the tables of types, instructions and client operations in substrate/README.md true.

usage: check_coverage.py SOURCE-ROOT [--write]

Every type, instruction and common instruction has a row with a text test that uses it, or, when it is not compiled, with
the test of its refusal; every operation of a client's context and, once its room is there, every function of the IR builder
has one with a test in C. A row that is missing, empty or wrong is a fault. --write writes the tables anew.
"""

import os
import re
import sys

BEGIN = "<!-- coverage: written by tests/layout/check_coverage.py --write -->\n"
END = "<!-- end of coverage -->\n"
CLIENT_BEGIN = "<!-- client operations: written by tests/layout/check_coverage.py --write -->\n"
CLIENT_END = "<!-- end of client operations -->\n"
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
    for name in re.findall(r'^MU_COMMINST(?:_OWN)?\(\w+, *0x\w+, *"(@[\w.]+)"\)', comminsts, re.M):
        yield "common instruction", name, re.escape(name) + r"(?![\w.])"


def c_tests(root, folder):
    path = os.path.join(root, folder)
    names = sorted(name for name in os.listdir(path) if name.endswith(".c")) if os.path.isdir(path) else []
    return {f"{folder}/{name}": read(root, f"{folder}/{name}") for name in names}


def client_subjects(root):
    """(kind, name, pattern of a use, tests that may have it) of every operation of a client."""
    contexts = {path: text for path, text in c_tests(root, "tests/substrate/vm").items() if "test_context_" in path}
    ops = read(root, "substrate/api/mu_context_ops.def")
    for row, name in re.findall(r'^MU_CONTEXT\((\w+), *0x\w+, *"(\w+)"', ops, re.M):
        use = rf"\bCTX_{row}\b|\bDO\(&?f, {row}\b|\bREFUSED\(&?f, [^;]*\b{row}\b"
        yield "client operation", name, use, contexts
    if os.path.exists(os.path.join(root, "substrate/irbuilder/meson.build")):
        builders = c_tests(root, "tests/substrate/irbuilder")
        ops = read(root, "substrate/irbuilder/api/mu_irbuilder_ops.def")
        for row, name in re.findall(r'^MU_IRBUILDER\((\w+), *0x\w+, *"(\w+)"', ops, re.M):
            yield "IR builder", name, rf"\bMU_IRBUILDER_{row}\b", builders


def client_row(kind, name, pattern, tests):
    uses = {path: len(re.findall(pattern, text)) for path, text in tests.items()}
    best = max(uses, key=lambda path: (uses[path], path), default="")
    shown = f"[{best.removeprefix('tests/substrate/')}](../{best}) " if best and uses[best] else ""
    return f"| {kind} | `{name}` | {shown}|"


def client_faults(root):
    """Prints what is wrong with the table of client operations; how many rows and faults."""
    table = read(root, README).split(CLIENT_BEGIN)[1].split(CLIENT_END)[0]
    rows = dict(re.findall(r"^\| [\w ]+ \| `([^`]+)` \| (?:\[[^]]*\]\(\.\./([^)]*)\) )?\|$", table, re.M))
    faults = 0
    for _, name, pattern, tests in client_subjects(root):
        fault = "" if name in rows else "has no row in " + README
        if not fault and not rows[name]:
            fault = "no test uses it"
        elif not fault and not re.search(pattern, tests.get(rows[name], "")):
            fault = rows[name] + " does not use it"
        if fault:
            faults += 1
            print(f"{name}: {fault}")
    return len(rows), faults


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


def replace_table(root, begin, end, rows):
    before, rest = read(root, README).split(begin)
    after = rest.split(end)[1]
    with open(os.path.join(root, README), "w", encoding="utf-8") as file:
        file.write(before + begin + "\n".join(rows) + "\n" + end + after)


def write(root, texts):
    rows = ["| | name | test |", "| --- | --- | --- |"]
    rows += [row(kind, name, test_of(root, texts, pattern)) for kind, name, pattern in subjects(root)]
    replace_table(root, BEGIN, END, rows)
    rows = ["| | name | test |", "| --- | --- | --- |"]
    rows += [client_row(*subject) for subject in client_subjects(root)]
    replace_table(root, CLIENT_BEGIN, CLIENT_END, rows)


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
    client_rows, more = client_faults(root)
    faults += more
    print(f"coverage: {len(rows) + client_rows} rows, {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
