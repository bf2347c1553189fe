"""Writes what muapi_table.txt is made into. The table's own comment says how to read it.

usage: muapi_write.py header|calls|calls_header|counted TABLE OUTPUT

  header        muapi.h: types, constants, MuVM and MuCtx, with the table's comments
  calls_header  muapi_calls.h: numbers of the rows of operations, prototypes of what is written by hand
  calls         muapi_calls.c: the rows, a function for each operation, MuVM and MuCtx filled in
  counted       for tests: a MuVM and MuCtx whose functions count how often each was called
"""

import re
import sys
import textwrap

INTEGERS = {"int", "uint64_t", "MuID", "MuBool", "MuArraySize", "MuWPID"}
# How a C value becomes the 64 bits of an operand, and how the bits of an answer become a C value.
TO_BITS = {
    "float": "muclient_mu_bits_from_float({})",
    "double": "muclient_mu_bits_from_double({})",
    "MuCPtr": "(uint64_t)(uintptr_t){}",
    "MuCFP": "(uint64_t)(uintptr_t){}",
}
FROM_BITS = {
    "float": "muclient_mu_float_from_bits({})",
    "double": "muclient_mu_double_from_bits({})",
    "MuCPtr": "(MuCPtr)(uintptr_t){}",
    "MuCFP": "(MuCFP)(uintptr_t){}",
}


class Parameter:
    def __init__(self, text):
        match = re.fullmatch(r"(\w+) (\*?)(\w+)(?:\[(\w+)\])?([?!]?)", text.strip())
        self.type, star, self.name, self.count, mark = match.groups()
        self.is_output = mark == "!"
        self.is_optional = mark == "?"
        self.is_pointer = bool(star or self.count)

    def declaration(self):
        return f"{self.type} {'*' if self.is_pointer else ''}{self.name}"

    def pragma(self):
        if self.count:
            return f"{self.name}:array:{self.count}"
        return f"{self.name}:optional" if self.is_optional else f"{self.name}:out" if self.is_output else None


class Function:
    def __init__(self, owner, line):
        match = re.fullmatch(r"(-|0x\w+)([+!]?)(?:=(\w+))? +(\w+(?: \*)?) *(\w+)\((.*)\)", line)
        if not match:
            sys.exit(f"muapi_table.txt: not a function: {line}")
        self.owner = owner
        number, self.mark, shared, self.result, self.name, parameters = match.groups()
        self.number = None if number == "-" else int(number, 16)
        self.operation = shared or self.name
        self.parameters = [Parameter(text) for text in re.findall(r"[^,]+", parameters)]
        self.self = ("MuVM *mvm" if owner == "MuVM" else "MuCtx *ctx")

    def is_by_hand(self):
        return self.number is None or self.mark == "!"

    def arguments(self):
        return ", ".join([self.self] + [parameter.declaration() for parameter in self.parameters])

    def prototype(self, name):
        gap = "" if self.result.endswith("*") else " "
        return f"{self.result}{gap}{name}({self.arguments()})"


class Table:
    def __init__(self, path):
        self.flags = {}        # type: [(name, number)]
        self.comminsts = []    # (number, "@name")
        self.handles = set()   # types whose values are handles
        self.functions = []
        self.others = []       # operations without a function: (number, name, operands, result)
        self.items = []        # what the header is made of, in order: (kind, data)
        kind, code = None, None
        with open(path, encoding="utf-8") as file:
            lines = file.read().split("\n")
        for line in lines:
            word = line.split(" ", 1)[0]
            if code is not None:
                if line == "end":
                    self.items.append(("code", "\n".join(code)))
                    code = None
                else:
                    code.append(line)
            elif line.startswith("#"):
                pass
            elif word == ">":
                self.items.append(("comment", line[2:]))
            elif word == "code":
                code = []
            elif word == "type":
                self.add_type(line)
            elif word == "operations":
                kind = [word]
            elif word in ("flags", "comminsts", "struct"):
                kind = line.split()
                self.items.append((word, kind[-1]))
                if word == "flags":
                    self.flags[kind[1]] = []
            elif line:
                self.add_row(kind, line)
            else:
                self.items.append(("blank", None))

    def add_type(self, line):
        _, name, base, *words = line.split(None, 3)
        if name == "MuValue" or base in self.handles:
            self.handles.add(name)
        self.items.append(("type", (name, base.replace("*", " *"), words[0] if words else "")))

    def add_row(self, kind, line):
        if kind[0] == "flags":
            name, number = line.split()
            self.flags[kind[1]].append((name, number))
        elif kind[0] == "comminsts":
            number, name = line.split()
            self.comminsts.append((int(number, 16), name))
        elif kind[0] == "operations":
            number, *rest = line.split()
            self.others.append((int(number, 16), *rest))
        else:
            function = Function(kind[1], line)
            self.functions.append(function)
            self.items.append(("function", function))

    def of(self, owner):
        return [function for function in self.functions if function.owner == owner]

    def letter(self, kind):
        """The letter of the operand table for a value of this type."""
        return "h" if kind in self.handles else "i"

    def operands(self, function):
        if function.operation == "handle_from_int":
            return "iii"
        is_builder = function.number >= 0x300
        text = ""
        for parameter in function.parameters:
            letter = self.letter(parameter.type)
            if parameter.is_output or any(p.count == parameter.name for p in function.parameters):
                continue
            if parameter.type == "MuName":
                letter = "s"
            elif is_builder and letter == "h":
                letter = "n"
            text += letter.upper() if parameter.count else "o" if parameter.is_optional else letter
        return text

    def result(self, function):
        outputs = [parameter for parameter in function.parameters if parameter.is_output]
        if function.result == "void":
            return "H" if outputs else "-"
        if function.result == "MuName":
            return "s"
        if function.result not in self.handles:
            return "i"
        return "b" if outputs else "n" if function.number >= 0x300 else "h"

    def operations(self):
        """One function of each operation, by number."""
        seen = {}
        for function in self.of("MuCtx"):
            if function.number is not None:
                seen.setdefault(function.number, function)
        return [seen[number] for number in sorted(seen)]

    def rows(self):
        """(number, name, operands, result) of all operations, by number."""
        rows = [(f.number, f.operation, self.operands(f), self.result(f)) for f in self.operations()]
        return sorted(rows + self.others)


# ---------------------------------------------------------------------------------------- muapi.h

def wrapped(text, indent):
    """Lines of a declaration, broken only between parameters, as parsers of muapi.h expect."""
    lines = [""]
    for part in re.findall(r"[^,]+(?:, |$)", text):
        if len(lines[-1]) + len(part.rstrip()) > 100:
            lines[-1] = lines[-1].rstrip()
            lines.append(indent)
        lines[-1] += part
    return "\n".join(lines)


def comment(lines, indent):
    """A block of C comment; a line of the table that begins with more spaces, or is empty, stays as it is."""
    out, paragraph = [], []

    def flush():
        if paragraph:
            out.extend(textwrap.wrap(" ".join(paragraph), 96 - len(indent), break_on_hyphens=False))
            paragraph.clear()

    for line in lines:
        if line.startswith(" ") or not line:
            flush()
            out.append(line)
        else:
            paragraph.append(line)
    flush()
    text = "\n".join((f"{indent} * " + line).rstrip() for line in out)
    return f"{indent}/*{text[len(indent) + 2:]} */"


def member(function):
    gap = "" if function.result.endswith("*") else " "
    text = wrapped(f"    {function.result}{gap}(*{function.name})({function.arguments()});", " " * 8)
    pragmas = [parameter.pragma() for parameter in function.parameters]
    pragma = ";".join(filter(None, pragmas))
    return text + (f" /// MUAPIPARSER {pragma}" if pragma else "")


def header(table):
    out, notes, is_open = [], [], False
    for kind, data in table.items + [("blank", None)]:
        if kind == "comment":
            notes.append(data)
            continue
        if is_open and kind not in ("function",):
            out.append("};")
            is_open = False
        if notes:
            out.append(comment(notes, "    " if kind == "function" else ""))
            notes = []
        if kind == "code":
            out.append(data)
        elif kind == "blank" and out and out[-1] != "":
            out.append("")
        elif kind == "type":
            name, base, words = data
            line = f"typedef {base}{'' if base.endswith('*') else ' '}{name};"
            out.append(f"{line:<48}/* {words} */" if words else line)
        elif kind == "flags":
            if not any(line.startswith(f"typedef") and f" {data};" in line for line in out):
                out.append(f"typedef MuFlag {data};")
            out += [f"#define {name:<23} (({data}){number})" for name, number in table.flags[data]]
        elif kind == "comminsts":
            out.append("typedef MuFlag MuCommInst;")
            rows = table.comminsts + [(f.number, f"@uvm.irbuilder.{f.name}") for f in table.operations()
                                      if f.number >= 0x300]
            for number, name in rows:
                macro = "MU_CI_" + name[1:].replace(".", "_").upper()
                out.append(f"#define {macro:<44} ((MuCommInst)0x{number:03x}) /// MUAPIPARSER muname:{name}")
        elif kind == "struct":
            out.append(f"struct {data} {{\n    void *header; /* the implementation's */")
            is_open = True
        elif kind == "function":
            out.append(member(data))
    return "\n".join(out).rstrip() + "\n"


# ------------------------------------------------------------------------------------ muapi_calls

def calls_header(table):
    out = ["#pragma once", "/* Written by muapi_write.py from muapi_table.txt. */", '#include "muapi_face.h"', "",
           "enum {"]
    out += [f"    MUCLIENT_MU_{name.upper()}," for _, name, _, _ in table.rows()]
    out += ["    MUCLIENT_MU_ROWS", "};", "extern const muclient_mu_row muclient_mu_rows[MUCLIENT_MU_ROWS];",
            "extern const struct MuVM muclient_mu_vm_face;", "extern const struct MuCtx muclient_mu_context_face;", ""]
    for function in table.functions:
        if function.is_by_hand():
            out.append(function.prototype(by_hand(function)) + ";")
    return "\n".join(out) + "\n"


def by_hand(function):
    return f"muclient_mu_{'vm_' if function.owner == 'MuVM' else ''}{function.name}"


def operand(table, function, parameter):
    if any(other.count == parameter.name for other in function.parameters):
        return None
    if parameter.count:
        kind = "handles" if parameter.type in table.handles else "numbers" if parameter.type == "uint64_t" else "flags"
        return f"muclient_mu_put_{kind}(&call, {parameter.name}, {parameter.count});"
    if parameter.type in table.handles:
        kind = "handle_or_none" if parameter.is_optional else "handle"
        return f"muclient_mu_put_{kind}(&call, {parameter.name});"
    if parameter.type == "MuName":
        return f"muclient_mu_put_text(&call, {parameter.name});"
    if parameter.type not in INTEGERS and parameter.type not in table.flags and parameter.type not in TO_BITS \
            and parameter.type != "MuCommInst":
        sys.exit(f"muapi_table.txt: {function.name}: no way to send a {parameter.type}")
    return f"muclient_mu_put(&call, {TO_BITS.get(parameter.type, '(uint64_t){}').format(parameter.name)});"


def body(table, function):
    first = f"    muclient_mu_call call = muclient_mu_begin(ctx, MUCLIENT_MU_{function.operation.upper()});"
    if function.operation == "handle_from_int":
        high = "num < 0 ? UINT64_MAX : 0" if function.parameters[0].type.startswith("int") else "0"
        return [f"    return muclient_mu_int_make(ctx, (uint64_t)num, {high}, len);"]
    if function.operation == "handle_to_int":
        is_signed = "true" if function.result.startswith("int") else "false"
        return [f"    return ({function.result})muclient_mu_int_get(ctx, opnd, {is_signed});"]
    lines = [first] + ["    " + line for line in (operand(table, function, p) for p in function.parameters) if line]
    result = table.result(function)
    if result == "i":
        bits = FROM_BITS.get(function.result, f"({function.result}){{}}").format("muclient_mu_ask(&call)")
        return lines + [f"    return {bits};"]
    end = "muclient_mu_end_now" if function.mark == "+" else "muclient_mu_end"
    return lines + [f"    {'' if result == '-' else 'return '}{'(void)' if result == '-' else ''}{end}(&call);"]


def calls(table):
    out = ["/* Written by muapi_write.py from muapi_table.txt. */", '#include "muapi_calls.h"', "",
           "const muclient_mu_row muclient_mu_rows[MUCLIENT_MU_ROWS] = {"]
    for number, name, operands, result in table.rows():
        out.append(f"    {{0x{number:x}, \"{name}\", \"{operands}\", '{result}'}},")
    out += ["};", ""]
    for function in table.functions:
        if not function.is_by_hand():
            out += ["static " + function.prototype("call_" + function.name), "{"] + body(table, function) + ["}", ""]
    for owner, name in (("MuVM", "muclient_mu_vm_face"), ("MuCtx", "muclient_mu_context_face")):
        out.append(f"const struct {owner} {name} = {{")
        for function in table.of(owner):
            value = by_hand(function) if function.is_by_hand() else "call_" + function.name
            out.append(f"    .{function.name} = {value},")
        out += ["};", ""]
    return "\n".join(out)


# ------------------------------------------------------------------------------------- for tests

def counted(table):
    out = ["/* Written by muapi_write.py from muapi_table.txt. */", '#include "muapi_counted.h"', "",
           "static struct MuVM plain_vm;", "static struct MuCtx plain_ctx;", "",
           f"muapi_count muapi_counts[] = {{"]
    for function in table.functions:
        out.append(f"    {{\"{function.owner}.{function.name}\", 0}},")
    out += ["};", "const unsigned muapi_count_number = sizeof muapi_counts / sizeof muapi_counts[0];", ""]
    for index, function in enumerate(table.functions):
        receiver = "mvm" if function.owner == "MuVM" else "ctx"
        names = ", ".join([receiver] + [parameter.name for parameter in function.parameters])
        plain = f"plain_{'vm' if function.owner == 'MuVM' else 'ctx'}.{function.name}({names});"
        out += ["static " + function.prototype(f"counted_{function.owner}_{function.name}"), "{",
                f"    muapi_counts[{index}].calls++;",
                "    " + ("" if function.result == "void" else "return ") + plain, "}", ""]
    for owner, short in (("MuVM", "vm"), ("MuCtx", "ctx")):
        first = table.of(owner)[0].name
        out += [f"void muapi_count_{short}({owner} *{short})", "{",
                f"    if ({short}->{first} == counted_{owner}_{first}) {{", "        return;", "    }",
                f"    plain_{short} = *{short};"]
        out += [f"    {short}->{f.name} = counted_{owner}_{f.name};" for f in table.of(owner)]
        out += ["}", ""]
    return "\n".join(out)


def main():
    what, path, output = sys.argv[1:]
    writers = {"header": header, "calls": calls, "calls_header": calls_header, "counted": counted}
    text = writers[what](Table(path))
    with open(output, "w", encoding="utf-8") as file:
        file.write(text)


main()
