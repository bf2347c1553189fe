"""Compares our muapi.h with the reference implementation's, by the parser that it makes language bindings with.

usage: compare_muapi.py CHECKOUT MUAPI.H

Members of MuVM and MuCtx must be the same, in the same order, with the same types and remarks; so must all types that it has, and
the numbers of all constants. Every difference is a line; the exit status is 0 when there is none.
"""

import os
import sys

sys.dont_write_bytecode = True
checkout, ours_path = sys.argv[1:]
sys.path.insert(0, os.path.join(checkout, "migrate_scripts"))
import muapiparser  # noqa: E402, from the checkout


def parsed(path):
    with open(path, encoding="utf-8") as file:
        return muapiparser.parse_muapi(file.read())


def numbers(api):
    return {row["name"]: int(row["value"], 16) for enum in api["enums"] for row in enum["defs"]}


theirs, ours = parsed(os.path.join(checkout, "cbinding", "muapi.h")), parsed(ours_path)
differences = []
for their, our in zip(theirs["structs"], ours["structs"]):
    if len(their["methods"]) != len(our["methods"]):
        differences.append(f"{their['name']} has {len(their['methods'])} members, ours {len(our['methods'])}")
    differences += [f"{their['name']}: {a} is not {b}" for a, b in zip(their["methods"], our["methods"]) if a != b]
for name, base in theirs["typedefs"].items():
    if ours["typedefs"].get(name) != base:
        differences.append(f"type {name}: {base} is not {ours['typedefs'].get(name)}")
mine = numbers(ours)
differences += [f"{name}: {number} is not {mine.get(name)}" for name, number in numbers(theirs).items()
                if mine.get(name) != number]
print("\n".join(differences + [f"muapi.h: {len(numbers(theirs))} constants, {len(theirs['typedefs'])} types, "
                               f"{sum(len(s['methods']) for s in theirs['structs'])} functions, "
                               f"{len(differences)} differences"]))
sys.exit(1 if differences else 0)
