"""The language of the kernels: tokens, the tree, and the parser.

    file      := { struct | function }
    struct    := "struct" NAME "{" NAME ":" type { "," NAME ":" type } "}"
    function  := [ "c_only" ] "fn" NAME "(" params ")" [ "->" type ] block
               | "kernel" NAME "(" NAME ")" "bench" INT "test" INT block        i64 to i64, called from outside
    type      := bool | i8 … i64 | u8 … u64 | f64 | STRUCT (a reference) | "[" type "]" | "[" "checked" type "]"
    statement := "var" NAME [ ":" type ] "=" expr ";" | place ( "=" | "+=" | … ) expr ";" | call ";"
               | "if" expr block [ "else" ( if | block ) ] | "while" expr block | "for" NAME "in" expr ".." expr block
               | "break" ";" | "return" [ expr ] ";" | "guard" expr ";" | "c_only" statement
    expr      := literals, names, calls, a[i], s.f, "len" "(" a ")", "new" STRUCT, "new" "[" [ "checked" ] type ";" n "]",
                 x "as" type, unary - ~ !, the binary operators of C with Rust's precedences

What is `c_only` is in the C alone: it frees what in Mu is the collector's. A `[checked T]` knows its length; an index
beyond it throws in Mu and aborts in C. `guard` says what compiled code relies on: a trap with all that lives, or an abort.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Optional

TOKEN = re.compile(r"""(?P<blank>\s+|//[^\n]*)|(?P<float>\d+\.\d+(?:e-?\d+)?)|(?P<int>0x[0-9a-f]+|\d+)|(?P<char>'[^'\\]'|'\\n')
                       |(?P<name>[A-Za-z_]\w*)|(?P<sign>->|\.\.|&&|\|\||<<=|>>=|<<|>>|[-+*/%&|^=!<>]=|[-+*/%&|^~!<>=(){}\[\],;:.])""", re.X)
LEVELS = [["||"], ["&&"], ["==", "!=", "<", "<=", ">", ">="], ["|"], ["^"], ["&"], ["<<", ">>"], ["+", "-"], ["*", "/", "%"]]
COMPARISONS = LEVELS[2]
ASSIGNMENTS = ["=", "+=", "-=", "*=", "&=", "|=", "^=", "<<=", ">>="]


class KernelError(Exception):
    """The source is wrong."""


@dataclass
class Node:
    """One node of the tree: `kind` says which parts there are; the checker sets `type`."""
    kind: str
    line: int
    parts: dict = field(default_factory=dict)
    type: Optional[Any] = None

    def __getattr__(self, name):
        try:
            return self.__dict__["parts"][name]
        except KeyError:
            raise AttributeError(name) from None


@dataclass
class Function:
    name: str
    line: int
    params: list  # (name, type) as parsed
    result: Optional[Any]
    body: list
    is_c_only: bool = False
    sizes: Optional[tuple] = None  # of a kernel: to measure, to test


class Parser:
    def __init__(self, path, text):
        self.path = path
        self.tokens = []
        at = 0
        while at < len(text):
            match = TOKEN.match(text, at)
            line = text.count("\n", 0, at) + 1
            if not match:
                raise KernelError(f"{path}:{line}: what is {text[at:at + 10]!r}?")
            if match.lastgroup != "blank":
                self.tokens.append((match.lastgroup, match.group(), line))
            at = match.end()
        self.tokens.append(("end", "the end", text.count("\n") + 1))
        self.at = 0

    # ---- tokens

    @property
    def word(self):
        return self.tokens[self.at][1]

    @property
    def line(self):
        return self.tokens[self.at][2]

    def fail(self, message):
        raise KernelError(f"{self.path}:{self.line}: {message}")

    def accept(self, *words):
        if self.word in words:
            self.at += 1
            return self.tokens[self.at - 1][1]
        return None

    def expect(self, word):
        if not self.accept(word):
            self.fail(f"{word} wanted, not {self.word}")

    def take(self, group):
        kind, word, _ = self.tokens[self.at]
        if kind != group:
            self.fail(f"{group} wanted, not {word}")
        self.at += 1
        return word

    def listed(self, item, end):
        items = []
        while not self.accept(end):
            items.append(item())
            if self.word != end:
                self.expect(",")
        return items

    def node(self, kind, **parts):
        return Node(kind, self.line, parts)

    # ---- definitions

    def file(self):
        structs, functions = {}, []
        while self.tokens[self.at][0] != "end":
            if self.accept("struct"):
                name = self.take("name")
                self.expect("{")
                structs[name] = dict(self.listed(self.typed_name, "}"))
            else:
                functions.append(self.function())
        return structs, functions

    def function(self):
        is_c_only = bool(self.accept("c_only"))
        line = self.line
        if self.accept("kernel"):
            name = self.take("name")
            self.expect("(")
            params = [(self.take("name"), "i64")]
            self.expect(")")
            self.expect("bench")
            bench = int(self.take("int"))
            self.expect("test")
            sizes = (bench, int(self.take("int")))
            return Function(name, line, params, "i64", self.block(), False, sizes)
        self.expect("fn")
        name = self.take("name")
        self.expect("(")
        params = self.listed(self.typed_name, ")")
        result = self.type() if self.accept("->") else None
        return Function(name, line, params, result, self.block(), is_c_only)

    def typed_name(self):
        name = self.take("name")
        self.expect(":")
        return name, self.type()

    def type(self):
        """A name, or (element, is_checked) of an array."""
        if self.accept("["):
            is_checked = bool(self.accept("checked"))
            element = self.type()
            self.expect("]")
            return element, is_checked
        return self.take("name")

    # ---- statements

    def block(self):
        self.expect("{")
        body = []
        while not self.accept("}"):
            body.append(self.statement())
        return body

    def statement(self):
        if self.accept("c_only"):
            return self.node("c_only", body=self.statement())
        if self.accept("if"):
            return self.if_statement()
        if self.accept("while"):
            return self.node("while", condition=self.expression(), body=self.block())
        if self.accept("for"):
            return self.for_statement()
        statement = self.simple_statement()
        self.expect(";")
        return statement

    def if_statement(self):
        node = self.node("if", condition=self.expression(), then=self.block(), otherwise=[])
        if self.accept("else"):
            node.parts["otherwise"] = [self.if_statement()] if self.accept("if") else self.block()
        return node

    def for_statement(self):
        """for i in a .. b { … }: var i = a; while i < b { …; i += 1; }"""
        name = self.take("name")
        self.expect("in")
        start = self.expression()
        self.expect("..")
        end = self.expression()
        variable = lambda: self.node("name", name=name)
        step = self.node("binary", op="+", left=variable(), right=self.node("int", value=1))
        body = self.block() + [self.node("assign", place=variable(), value=step)]
        below = self.node("binary", op="<", left=variable(), right=end)
        return self.node("scope", body=[self.node("var", name=name, declared="i64", value=start),
                                        self.node("while", condition=below, body=body)])

    def simple_statement(self):
        if self.accept("var"):
            name = self.take("name")
            declared = self.type() if self.accept(":") else None
            self.expect("=")
            return self.node("var", name=name, declared=declared, value=self.expression())
        if self.accept("break"):
            return self.node("break")
        if self.accept("return"):
            return self.node("return", value=None if self.word == ";" else self.expression())
        if self.accept("guard"):
            return self.node("guard", condition=self.expression())
        place = self.expression()
        sign = self.accept(*ASSIGNMENTS)
        if not sign:
            return self.node("call_statement", call=place)
        value = self.expression()
        if sign != "=":
            value = self.node("binary", op=sign[:-1], left=place, right=value)
        return self.node("assign", place=place, value=value)

    # ---- expressions

    def expression(self, level=0):
        if level == len(LEVELS):
            return self.cast()
        left = self.expression(level + 1)
        while True:
            sign = self.accept(*LEVELS[level])
            if not sign:
                return left
            left = self.node("binary", op=sign, left=left, right=self.expression(level + 1))

    def cast(self):
        value = self.unary()
        while self.accept("as"):
            value = self.node("cast", value=value, target=self.type())
        return value

    def unary(self):
        sign = self.accept("-", "~", "!")
        if sign:
            return self.node("unary", op=sign, value=self.unary())
        value = self.primary()
        while True:
            if self.accept("["):
                value = self.node("index", array=value, index=self.expression())
                self.expect("]")
            elif self.accept("."):
                value = self.node("field", record=value, field=self.take("name"))
            else:
                return value

    def primary(self):
        kind, word, _ = self.tokens[self.at]
        self.at += 1
        if kind == "int":
            return self.node("int", value=int(word, 0))
        if kind == "char":
            return self.node("int", value=10 if word == r"'\n'" else ord(word[1]))
        if kind == "float":
            return self.node("float", value=word)
        if word in ("true", "false"):
            return self.node("bool", value=word == "true")
        if word == "null":
            return self.node("null")
        if word == "(":
            value = self.expression()
            self.expect(")")
            return value
        if word == "new":
            return self.allocation()
        if kind != "name":
            self.at -= 1
            self.fail(f"an expression wanted, not {word}")
        if self.accept("("):
            return self.node("call", name=word, arguments=self.listed(self.expression, ")"))
        return self.node("name", name=word)

    def allocation(self):
        if not self.accept("["):
            return self.node("new", struct=self.take("name"))
        is_checked = bool(self.accept("checked"))
        element = self.type()
        self.expect(";")
        length = self.expression()
        self.expect("]")
        return self.node("new_array", element=element, is_checked=is_checked, length=length)
