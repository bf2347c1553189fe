"""Types of the kernels' language and the checker, which gives every expression its type and every name its variable."""

from dataclasses import dataclass
from typing import Any, Optional

from kernel_syntax import COMPARISONS, KernelError


@dataclass(frozen=True)
class Int:
    bits: int
    is_signed: bool

    def __str__(self):
        return ("i" if self.is_signed else "u") + str(self.bits)


@dataclass(frozen=True)
class Scalar:
    name: str  # f64, bool, null

    def __str__(self):
        return self.name


@dataclass(frozen=True)
class Record:
    name: str

    def __str__(self):
        return self.name


@dataclass(frozen=True)
class Array:
    element: Any
    is_checked: bool

    def __str__(self):
        return ("checked_" if self.is_checked else "array_") + str(self.element)


INTS = {("i" if signed else "u") + str(bits): Int(bits, signed) for bits in (8, 16, 32, 64) for signed in (True, False)}
I64 = INTS["i64"]
F64, BOOL, NULL = Scalar("f64"), Scalar("bool"), Scalar("null")


@dataclass(eq=False)
class Variable:
    name: str  # unique in its function
    type: Any


@dataclass
class Signature:
    params: list
    result: Optional[Any]


class Checker:
    """Of one file together with what it shares with the others."""

    def __init__(self, path, structs, functions):
        self.path = path
        self.structs = {}
        self.names = structs
        for name, fields in structs.items():
            self.structs[name] = {field: self.resolve(kind, 0) for field, kind in fields.items()}
        self.signatures = {f.name: Signature([self.resolve(kind, f.line) for _, kind in f.params],
                                             self.resolve(f.result, f.line) if f.result else None) for f in functions}

    def fail(self, line, message):
        raise KernelError(f"{self.path}:{line}: {message}")

    def resolve(self, parsed, line):
        if isinstance(parsed, tuple):
            return Array(self.resolve(parsed[0], line), parsed[1])
        if parsed in INTS:
            return INTS[parsed]
        if parsed in ("f64", "bool"):
            return F64 if parsed == "f64" else BOOL
        if parsed in self.names:
            return Record(parsed)
        return self.fail(line, f"no type {parsed}")

    # ---- functions and statements

    def function(self, function):
        self.signature = self.signatures[function.name]
        self.scopes = [{}]
        self.taken = set()
        function.variables = [self.declare(name, kind, function.line)
                              for (name, _), kind in zip(function.params, self.signature.params)]
        self.body(function.body)

    def declare(self, name, kind, line):
        if any(name in scope for scope in self.scopes):
            self.fail(line, f"there is a variable {name} already")
        unique, number = name, 1
        while unique in self.taken:
            number += 1
            unique = f"{name}{number}"
        self.taken.add(unique)
        variable = Variable(unique, kind)
        self.scopes[-1][name] = variable
        return variable

    def body(self, statements):
        self.scopes.append({})
        for statement in statements:
            getattr(self, "check_" + statement.kind)(statement)
        self.scopes.pop()

    def check_c_only(self, node):
        self.body([node.body])

    def check_scope(self, node):
        self.body(node.body)

    def check_if(self, node):
        self.expression(node.condition, BOOL)
        self.body(node.then)
        self.body(node.otherwise)

    def check_while(self, node):
        self.expression(node.condition, BOOL)
        self.body(node.body)

    def check_guard(self, node):
        self.expression(node.condition, BOOL)

    def check_break(self, node):
        pass

    def check_var(self, node):
        wanted = self.resolve(node.declared, node.line) if node.declared else None
        kind = self.expression(node.value, wanted)
        node.parts["variable"] = self.declare(node.name, kind, node.line)

    def check_assign(self, node):
        if node.place.kind not in ("name", "index", "field"):
            self.fail(node.line, "nothing can be assigned to this")
        self.expression(node.value, self.expression(node.place))

    def check_return(self, node):
        if (node.value is None) != (self.signature.result is None):
            self.fail(node.line, "a result too many or too few")
        if node.value is not None:
            self.expression(node.value, self.signature.result)

    def check_call_statement(self, node):
        if node.call.kind != "call":
            self.fail(node.line, "a statement wanted")
        self.expression(node.call)

    # ---- expressions

    def expression(self, node, wanted=None):
        """Sets and returns the type; a literal is of the wanted one."""
        node.type = getattr(self, "type_" + node.kind)(node, wanted)
        if wanted is not None and node.type != wanted:
            self.fail(node.line, f"{wanted} wanted, not {node.type}")
        return node.type

    def type_int(self, _node, wanted):
        return wanted if isinstance(wanted, Int) else I64

    def type_float(self, _node, _wanted):
        return F64

    def type_bool(self, _node, _wanted):
        return BOOL

    def type_null(self, node, wanted):
        if not isinstance(wanted, (Record, Array)):
            self.fail(node.line, "null of what?")
        return wanted

    def type_name(self, node, _wanted):
        for scope in reversed(self.scopes):
            if node.name in scope:
                node.parts["variable"] = scope[node.name]
                return scope[node.name].type
        return self.fail(node.line, f"no variable {node.name}")

    def type_index(self, node, _wanted):
        array = self.expression(node.array)
        if not isinstance(array, Array):
            self.fail(node.line, f"{array} is no array")
        self.expression(node.index, I64)
        return array.element

    def type_field(self, node, _wanted):
        record = self.expression(node.record)
        if not isinstance(record, Record) or node.field not in self.structs[record.name]:
            self.fail(node.line, f"{record} has no field {node.field}")
        return self.structs[record.name][node.field]

    def type_new(self, node, _wanted):
        return self.resolve(node.struct, node.line)

    def type_new_array(self, node, _wanted):
        self.expression(node.length, I64)
        return self.resolve((node.element, node.is_checked), node.line)

    def type_cast(self, node, _wanted):
        source = self.expression(node.value)
        target = self.resolve(node.target, node.line)
        numbers = isinstance(source, Int) or source == F64
        if not (numbers and (isinstance(target, Int) or target == F64) or source == BOOL and isinstance(target, Int)):
            self.fail(node.line, f"{source} cannot be made {target}")
        return target

    def type_unary(self, node, wanted):
        if node.op == "!":
            return self.expression(node.value, BOOL)
        kind = self.expression(node.value, wanted)
        if not isinstance(kind, Int) and (kind != F64 or node.op == "~"):
            self.fail(node.line, f"{node.op} of {kind}")
        return kind

    def type_binary(self, node, wanted):
        if node.op in ("&&", "||"):
            self.expression(node.left, BOOL)
            return self.expression(node.right, BOOL)
        is_comparison = node.op in COMPARISONS
        first, second = node.left, node.right
        if first.kind in ("int", "null"):
            first, second = second, first
        kind = self.expression(first, None if is_comparison else wanted)
        self.expression(second, kind)
        if isinstance(kind, (Record, Array)) and node.op not in ("==", "!="):
            self.fail(node.line, f"{node.op} of references")
        if kind == BOOL or kind == F64 and node.op in ("%", "&", "|", "^", "<<", ">>"):
            self.fail(node.line, f"{node.op} of {kind}")
        return BOOL if is_comparison else kind

    def type_call(self, node, _wanted):
        builtin = {"len": (None, I64), "bits": (F64, I64), "from_bits": (I64, F64), "free": (None, None)}.get(node.name)
        if builtin:
            if len(node.arguments) != 1:
                self.fail(node.line, f"{node.name} has one argument")
            kind = self.expression(node.arguments[0], builtin[0])
            if node.name == "len" and not (isinstance(kind, Array) and kind.is_checked):
                self.fail(node.line, f"{kind} does not know its length")
            return builtin[1]
        signature = self.signatures.get(node.name)
        if not signature or len(signature.params) != len(node.arguments):
            self.fail(node.line, f"no function {node.name} of {len(node.arguments)} arguments")
        for argument, kind in zip(node.arguments, signature.params):
            self.expression(argument, kind)
        return signature.result
