"""Kernels as Mu IR, as a simple front end writes it: every operation one instruction, every statement blocks of its own, and
every variable that lives is an argument of every block it lives in. Arrays are hybrid<@i64 @T>, the length in front; variables
hold references to objects, and each access derives its own iref."""

from kernel_blocks import Bundle, Flow
from kernel_syntax import KernelError
from kernel_types import BOOL, F64, I64, Int, Record, Variable

INT_OPS = {"+": "ADD", "-": "SUB", "*": "MUL", "&": "AND", "|": "OR", "^": "XOR", "<<": "SHL"}
BY_SIGN = {"/": ("UDIV", "SDIV"), "%": ("UREM", "SREM"), ">>": ("LSHR", "ASHR"),
           "<": ("ULT", "SLT"), "<=": ("ULE", "SLE"), ">": ("UGT", "SGT"), ">=": ("UGE", "SGE")}
EQUALITY = {"==": "EQ", "!=": "NE"}
FP_OPS = {"+": "FADD", "-": "FSUB", "*": "FMUL", "/": "FDIV", "==": "FOEQ", "!=": "FUNE",
          "<": "FOLT", "<=": "FOLE", ">": "FOGT", ">=": "FOGE"}


class UirWriter(Flow):
    def __init__(self):
        self.bundle = Bundle()

    def text(self):
        return "\n".join(self.bundle.lines) + "\n"

    # ---- types

    def type(self, kind):
        """The name of the type of a variable."""
        if isinstance(kind, Int):
            return self.bundle.number(kind)
        if kind == F64:
            return self.bundle.define("@f64", ".typedef %s = double")
        if kind == BOOL:
            return self.bundle.define("@i1", ".typedef %s = int<1>")
        return "@ref." + self.object(kind)[1:]

    def object(self, kind):
        """The name of the type of what a reference refers to."""
        name = "@" + (self.unit.names[kind.name].replace("_", ".", 1) if isinstance(kind, Record) else self.array_name(kind))
        if name not in self.bundle.known:
            self.bundle.known.add(name)
            self.bundle.lines.append(f".typedef @ref.{name[1:]} = ref<{name}>")
            if isinstance(kind, Record):
                shape = "struct<" + " ".join(self.type(part) for part in self.fields(kind).values()) + ">"
            else:
                shape = f"hybrid<{self.type(I64)} {self.type(kind.element)}>"
            self.bundle.lines.append(f".typedef {name} = {shape}")
        return name

    def array_name(self, kind):
        return "array." + self.type(kind.element)[1:]

    def fields(self, kind):
        return self.unit.checker.structs[kind.name]

    # ---- functions

    def write_unit(self, unit):
        self.unit = unit
        for function in unit.own_functions:
            if not function.is_c_only:
                self.write_function(function)

    def function_name(self, name):
        return "@" + self.unit.names[name].replace("_", ".", 1)

    def signature(self, name):
        signature = self.unit.checker.signatures[name]
        params = " ".join(self.type(kind) for kind in signature.params)
        result = self.type(signature.result) if signature.result else ""
        return self.bundle.define("@sig." + self.function_name(name)[1:], f".funcsig %s = ({params}) -> ({result})")

    def write_function(self, function):
        self.begin(function.variables)
        self.body(function.body)
        if self.here:
            if self.unit.checker.signatures[function.name].result:
                raise KernelError(f"{function.name}: control reaches the end")
            self.finish("RET ()")
        lines = self.printed()
        self.bundle.lines += ["", f".funcdef {self.function_name(function.name)} VERSION %v1 <{self.signature(function.name)}> {{",
                              *lines, "}"]

    # ---- statements

    def body(self, statements):
        for node in statements:
            if self.here:  # what follows a return or a break is never reached
                getattr(self, "write_" + node.kind)(node)

    def write_c_only(self, _node):
        pass

    def write_scope(self, node):
        self.body(node.body)

    def write_if(self, node):
        then, otherwise, join = self.block("then"), self.block("else"), self.block("join")
        self.condition(node.condition, then, otherwise)
        for block, body in ((then, node.then), (otherwise, node.otherwise)):
            self.here = block
            self.body(body)
            if self.here:
                self.jump(join)
        self.here = join if any(join in block.targets for block in self.blocks) else None

    def write_while(self, node):
        head, body, end = self.block("head"), self.block("body"), self.block("end")
        self.jump(head, go_on=head)
        self.condition(node.condition, body, end)
        self.loops.append(end)
        self.here = body
        self.body(node.body)
        if self.here:
            self.jump(head)
        self.loops.pop()
        self.here = end

    def write_break(self, _node):
        self.jump(self.loops[-1])

    def write_guard(self, node):
        holds, fails = self.block("holds"), self.block("fails")
        self.condition(node.condition, holds, fails)
        fails.lives_like = holds
        self.here = fails
        self.here.lines.append("TRAP <> KEEPALIVE ($LIVE)")
        self.throw()
        self.here = holds

    def throw(self):
        null = self.bundle.define("@null.void", ".typedef @void = void .typedef @ref.void = ref<@void> .const %s <@ref.void> = NULL")
        self.finish("THROW " + null)

    def write_var(self, node):
        operand = self.value(node.value)
        self.enter(node.variable)
        self.write(node.variable, operand)

    def write_assign(self, node):
        place = node.place
        if place.kind == "name":
            self.write(place.variable, self.value(node.value))
        elif place.kind == "field":
            record, value = self.values([place.record, node.value])
            self.store(self.field_place(place, record), place.type, value)
        else:
            array, index, value = self.values([place.array, place.index, node.value])
            if place.array.type.is_checked:
                array, index, value = self.check_index(place.array.type, [array, index, value], [I64, place.type])
            self.store(self.element_place(place.array.type, array, index), place.type, value)

    def store(self, place, kind, value):
        self.here.lines.append(f"STORE <{self.type(kind)}> {place} {value}")

    def write_return(self, node):
        self.finish("RET " + (self.value(node.value) if node.value is not None else "()"))

    def write_call_statement(self, node):
        self.value(node.call)

    # ---- expressions: the operand with the value, in the block that is then `here`

    def operation(self, text):
        name = "%" + self.numbered("_")
        self.here.lines.append(f"{name} = {text}")
        return name

    def value(self, node):
        return getattr(self, "value_" + node.kind)(node)

    def splits(self, node):
        """Does the expression end the block it begins in?"""
        if node.kind == "index" and node.array.type.is_checked or node.kind == "binary" and node.op in ("&&", "||"):
            return True
        parts = [part for part in node.parts.values() if hasattr(part, "kind")] + node.parts.get("arguments", [])
        return any(self.splits(part) for part in parts)

    def hold(self, operand, kind):
        """A variable for a value between blocks, unless it is global anyway."""
        if operand.startswith("@"):
            return operand
        variable = Variable(self.numbered("held"), kind)
        self.enter(variable)
        self.write(variable, operand)
        return variable

    def unhold(self, held):
        return held if isinstance(held, str) else self.read(held)

    def values(self, nodes):
        held = []
        for at, node in enumerate(nodes):
            operand = self.value(node)
            held.append(self.hold(operand, node.type) if any(map(self.splits, nodes[at + 1:])) else operand)
        return [self.unhold(operand) for operand in held]

    def value_int(self, node):
        return self.bundle.constant(self.type(node.type), node.value)

    def value_float(self, node):
        return self.bundle.constant(self.type(F64), node.parts["value"])

    def value_bool(self, node):
        return self.bundle.constant(self.type(BOOL), int(node.value))

    def value_null(self, node):
        return self.bundle.define("@null" + self.type(node.type)[4:], f".const %s <{self.type(node.type)}> = NULL")

    def value_name(self, node):
        return self.read(node.variable)

    def element_place(self, array, reference, index):
        whole = self.operation(f"GETIREF <{self.object(array)}> {reference}")
        first = self.operation(f"GETVARPARTIREF <{self.object(array)}> {whole}")
        return self.operation(f"SHIFTIREF <{self.type(array.element)} {self.type(I64)}> {first} {index}")

    def length_place(self, array, reference):
        whole = self.operation(f"GETIREF <{self.object(array)}> {reference}")
        return self.operation(f"GETFIELDIREF <{self.object(array)} 0> {whole}")

    def check_index(self, array, operands, kinds):
        """operands: the reference, the index, and what else is used afterwards."""
        reference, index = operands[:2]
        held = [self.hold(operand, kind) for operand, kind in zip(operands, [array] + kinds)]
        length = self.operation(f"LOAD <{self.type(I64)}> {self.length_place(array, reference)}")
        is_inside = self.operation(f"ULT <{self.type(I64)}> {index} {length}")
        inside, outside = self.block("inside"), self.block("outside")
        self.finish(f"BRANCH2 {is_inside} {{}} {{}}", inside, outside, go_on=outside)
        self.throw()
        self.here = inside
        return [self.unhold(operand) for operand in held]

    def value_index(self, node):
        array = node.array.type
        reference, index = self.values([node.array, node.index])
        if array.is_checked:
            reference, index = self.check_index(array, [reference, index], [I64])
        place = self.element_place(array, reference, index)
        return self.operation(f"LOAD <{self.type(node.type)}> {place}")

    def field_place(self, node, reference):
        record = node.record.type
        number = list(self.fields(record)).index(node.field)
        whole = self.operation(f"GETIREF <{self.object(record)}> {reference}")
        return self.operation(f"GETFIELDIREF <{self.object(record)} {number}> {whole}")

    def value_field(self, node):
        place = self.field_place(node, self.value(node.record))
        return self.operation(f"LOAD <{self.type(node.type)}> {place}")

    def value_new(self, node):
        return self.operation(f"NEW <{self.object(node.type)}>")

    def value_new_array(self, node):
        length = self.value(node.length)
        made = self.operation(f"NEWHYBRID <{self.object(node.type)} {self.type(I64)}> {length}")
        self.store(self.length_place(node.type, made), I64, length)
        return made

    def value_cast(self, node):
        source, target = node.value.type, node.type
        operand = self.value(node.value)
        if source == F64 and target == F64:
            return operand
        if source == F64 or target == F64:
            whole = source if target == F64 else target
            word = ("S" if whole.is_signed else "U") + "ITOFP" if target == F64 else "FPTO" + ("S" if whole.is_signed else "U") + "I"
            return self.operation(f"{word} <{self.type(source)} {self.type(target)}> {operand}")
        source_bits = 1 if source == BOOL else source.bits
        if source_bits == target.bits:
            return operand
        is_signed = source != BOOL and source.is_signed
        word = "TRUNC" if source_bits > target.bits else "SEXT" if is_signed else "ZEXT"
        return self.operation(f"{word} <{self.type(source)} {self.type(target)}> {operand}")

    def value_unary(self, node):
        kind, name = node.type, self.type(node.type)
        operand = self.value(node.value)
        if node.op == "!":
            return self.operation(f"XOR <{name}> {operand} {self.bundle.constant(name, 1)}")
        if node.op == "~":
            return self.operation(f"XOR <{name}> {operand} {self.bundle.constant(name, -1)}")
        if kind == F64:
            return self.operation(f"FSUB <{name}> {self.bundle.constant(name, '-0.0')} {operand}")
        return self.operation(f"SUB <{name}> {self.bundle.constant(name, 0)} {operand}")

    def value_binary(self, node):
        if node.op in ("&&", "||"):
            return self.value_of_condition(node)
        kind = node.left.type
        left, right = self.values([node.left, node.right])
        if kind == F64:
            word = FP_OPS[node.op]
        elif node.op in BY_SIGN:
            word = BY_SIGN[node.op][kind.is_signed]
        else:
            word = EQUALITY.get(node.op) or INT_OPS[node.op]
        return self.operation(f"{word} <{self.type(kind)}> {left} {right}")

    def value_of_condition(self, node):
        result = Variable(self.numbered("held"), BOOL)
        self.enter(result)
        yes, no, join = self.block("then"), self.block("else"), self.block("join")
        self.condition(node, yes, no)
        for block, truth in ((yes, 1), (no, 0)):
            self.here = block
            self.write(result, self.bundle.constant(self.type(BOOL), truth))
            self.jump(join)
        self.here = join
        return self.read(result)

    def condition(self, node, yes, no):
        """Goes on in one of two blocks."""
        if node.kind == "unary" and node.op == "!":
            self.condition(node.value, no, yes)
        elif node.kind == "binary" and node.op in ("&&", "||"):
            middle = self.block("and" if node.op == "&&" else "or")
            self.condition(node.left, *((middle, no) if node.op == "&&" else (yes, middle)))
            self.here = middle
            self.condition(node.right, yes, no)
        else:
            self.finish(f"BRANCH2 {self.value(node)} {{}} {{}}", yes, no)

    def value_call(self, node):
        if node.name == "len":
            array = node.arguments[0].type
            place = self.length_place(array, self.value(node.arguments[0]))
            return self.operation(f"LOAD <{self.type(I64)}> {place}")
        if node.name in ("bits", "from_bits"):
            source, target = (F64, I64) if node.name == "bits" else (I64, F64)
            return self.operation(f"BITCAST <{self.type(source)} {self.type(target)}> {self.value(node.arguments[0])}")
        operands = " ".join(self.values(node.arguments))
        call = f"CALL <{self.signature(node.name)}> {self.function_name(node.name)} ({operands})"
        if node.type is None:
            self.here.lines.append(call)
            return ""
        return self.operation(call)
