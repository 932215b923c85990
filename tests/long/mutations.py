"""Small faults for a source file, one at a time: each is a mutant, and a good test suite fails on it.

What is left as it is, because no test should depend on it: docstrings, annotations, imports, what `raise` and `expect` say and
f-strings (texts for people), ``__repr__``, decorators, the names of a layer's working arrays, ``strict`` of `zip`, which only
checks, the line that a warning names, and −1 in `reshape`, for which NumPy takes any negative number.
"""

import ast
import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType

COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
}
PAIRS = [("min", "max"), ("minimum", "maximum"), ("any", "all"), ("zeros", "ones"), ("zeros_like", "ones_like"), ("floor", "ceil")]
FUNCTIONS = {a: b for pair in PAIRS for a, b in (pair, pair[::-1])}
TOKEN = re.compile(r"\d[\w.]*(?:-\d+)?|\w+|[-+*/<>=!&|%^]+|.", re.DOTALL)
TELLS = re.compile("expect|as_array$|as_number$|warn_if_dark$|reported_as$")  # functions whose strings are parts of a message
WORKING_ARRAYS = ("array", "_buffer")  # methods whose first argument is the name of a working array: any name will do


@dataclass(frozen=True)
class Mutant:
    """One fault.

    Attributes
    ----------
    line : int
        Where it is.
    where : str
        The function or class, "" at the top level.
    change : str
        The statement with the fault shown as ⟦before → after⟧, at most one line.
    code : CodeType
        The module with the fault.
    place : tuple
        Line and column where the text with the fault begins and ends, as the parser counts them.
    text : str
        What stands there in the module with the fault.
    """

    line: int
    where: str
    change: str
    code: CodeType
    place: tuple[int, int, int, int]
    text: str

    @property
    def key(self) -> str:
        """What names the mutant as long as its statement is not changed."""
        return f"{self.where}: {self.change}"

    def planted(self, source: str) -> str:
        """Return the module's source with the fault; all other characters stay, and parentheses come only where they must."""
        lines = source.encode().splitlines(keepends=True)  # the parser counts columns in bytes
        top, left, bottom, right = self.place
        before = b"".join(lines[: top - 1]) + lines[top - 1][:left]
        after = lines[bottom - 1][right:] + b"".join(lines[bottom:])
        changed = (before + self.text.encode() + after).decode()
        end = left + len(self.text.encode())
        spans = [_span(node) for node in ast.walk(ast.parse(changed)) if isinstance(node, ast.expr | ast.stmt)]
        if (top, left, top, end) in spans or "\n" in self.text:
            return changed
        return (before + f"({self.text})".encode() + after).decode()


def mutants(source: str, name: str) -> Iterator[Mutant]:
    """Yield all mutants of a module, in the order of its lines."""
    tree = ast.parse(source)
    seen: set[str] = set()
    for place in _places(tree, "", None):
        before = _shown(place.statement)
        for node in place.alternatives():
            place.put(node)
            code = compile(ast.fix_missing_locations(tree), name, "exec")
            after = _shown(node if isinstance(node, ast.stmt) else place.statement)
            place.put(place.node)
            key = change = _difference(before, after)
            count = 1
            while f"{place.where}: {key}" in seen:  # a statement that stands twice in one function
                count += 1
                key = f"{change} ({count})"
            seen.add(f"{place.where}: {key}")
            if before != after:
                yield Mutant(place.node.lineno, place.where, key, code, _span(place.node), ast.unparse(node))


def _span(node: ast.AST) -> tuple[int, int, int, int]:
    """Return where a node begins and ends: line, column, line, column."""
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset


@dataclass
class _Place:
    """A node, the field of its parent that holds it, and the statement and the function around it."""

    node: ast.AST
    parent: ast.AST
    field: str
    index: int | None
    statement: ast.stmt | None
    where: str

    def put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node

    def alternatives(self) -> Iterator[ast.AST]:
        if isinstance(self.node, ast.stmt):
            yield from _statements(self.node)
        else:
            yield from _expressions(self.node, self.parent)
            is_condition = self.field == "test" or (self.field == "ifs" and isinstance(self.parent, ast.comprehension))
            if is_condition and not isinstance(self.node, ast.Compare):  # whose operators are reversed elsewhere
                yield ast.UnaryOp(ast.Not(), self.node)


def _places(parent: ast.AST, where: str, statement: ast.stmt | None) -> Iterator[_Place]:
    for field, value in ast.iter_fields(parent):
        if field in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for index, node in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(node, ast.AST) or _left_alone(node, parent, field, index):
                continue
            around = node if isinstance(node, ast.stmt) else statement
            yield _Place(node, parent, field, index if isinstance(value, list) else None, around, where)
            is_named = isinstance(node, ast.FunctionDef | ast.ClassDef)
            if not isinstance(node, ast.Raise):
                yield from _places(node, f"{where}.{node.name}".lstrip(".") if is_named else where, around)


def _left_alone(node: ast.AST, parent: ast.AST, field: str, index: int) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.JoinedStr() | ast.FunctionDef(name="__repr__") | ast.expr_context():
            return True
        case ast.Expr(value=ast.Constant()):  # a docstring
            return True
        case ast.keyword(arg="strict" | "stacklevel"):
            return True
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=1)):
            return isinstance(parent, ast.Call) and isinstance(parent.func, ast.Attribute) and parent.func.attr == "reshape"
        case ast.Raise(exc=ast.Name(id="NotImplementedError")):
            return True
        case ast.Assign(value=ast.Subscript(value=ast.Name(id="tuple") | ast.Attribute(value=ast.Name(id="npt")))):
            return True  # a name for a type
        case ast.Constant(value=str()):
            in_text = isinstance(parent, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "text" for t in parent.targets)
            of_array = isinstance(parent, ast.Call) and field == "args" and index == 0
            of_array = of_array and isinstance(parent.func, ast.Attribute) and parent.func.attr in WORKING_ARRAYS
            of_message = isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name) and TELLS.match(parent.func.id)
            return bool(in_text or of_array or of_message)
    return False


def _statements(node: ast.stmt) -> Iterator[ast.AST]:
    """Yield what may stand in place of a statement; where taking it away would only leave a name undefined, it stays."""
    match node:
        case ast.Expr() | ast.Raise():
            yield ast.Pass()
        case ast.AugAssign(target=target, op=op, value=value):
            yield ast.Pass()
            yield ast.Assign([target], value)
            if type(op) in OPERATORS:
                yield ast.AugAssign(target, OPERATORS[type(op)](), value)
        case ast.Assign(targets=targets, value=value) if any(_outlives(target, value) for target in targets):
            yield ast.Pass()
        case ast.Return(value=ast.expr()):
            yield ast.Return(None)
        case ast.Break():
            yield ast.Continue()
        case ast.Continue():
            yield ast.Break()


def _outlives(target: ast.expr, value: ast.expr) -> bool:
    """Return whether an assignment changes something that existed before it."""
    parts = target.elts if isinstance(target, ast.Tuple) else [target]
    read = {name.id for name in ast.walk(value) if isinstance(name, ast.Name)}
    return any(
        isinstance(part, ast.Attribute | ast.Subscript) or (isinstance(part, ast.Name) and part.id in read) for part in parts
    )


def _expressions(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            for i, op in enumerate(ops):
                for other in COMPARISONS[type(op)]:
                    yield ast.Compare(left, [*ops[:i], other(), *ops[i + 1 :]], comparators)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            yield ast.BinOp(left, OPERATORS[type(op)](), right)
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
            for i in range(len(values)):  # without one of the conditions
                rest = values[:i] + values[i + 1 :]
                yield rest[0] if len(rest) == 1 else ast.BoolOp(op, rest)
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert(), operand=operand):
            yield operand
        case ast.Constant(value=value):
            yield from _constants(value)
        case ast.Slice(lower=lower, upper=upper, step=step):
            yield from (ast.Slice(*bounds) for bounds in [(None, upper, step), (lower, None, step), (lower, upper, None)])
        case ast.Call(func=func, args=args, keywords=keywords):
            for i in range(len(keywords)):
                if not _left_alone(keywords[i], node, "keywords", i):
                    yield ast.Call(func, args, keywords[:i] + keywords[i + 1 :])
            if isinstance(func, ast.Name) and func.id in FUNCTIONS:
                yield ast.Call(ast.Name(FUNCTIONS[func.id], ast.Load()), args, keywords)
            if isinstance(func, ast.Attribute) and func.attr in FUNCTIONS:
                yield ast.Call(ast.Attribute(func.value, FUNCTIONS[func.attr], ast.Load()), args, keywords)


def _constants(value: object) -> Iterator[ast.AST]:
    match value:
        case bool():
            yield ast.Constant(not value)
        case int():
            yield ast.Constant(value + 1)
            yield ast.Constant(value - 1)
        case float():
            yield ast.Constant(value + 1)
        case str():
            yield ast.Constant("mutant " + value)
        case bytes():
            yield ast.Constant(b"mutant " + value)


def _shown(statement: ast.stmt) -> str:
    """Return a statement as one line of source, without the statements inside it."""
    statement = copy.copy(statement)
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        statement.decorator_list = []
    for field in ("body", "orelse", "finalbody", "handlers"):
        if isinstance(getattr(statement, field, None), list):
            setattr(statement, field, [])
    return " ".join(ast.unparse(statement).split())


def _difference(before: str, after: str, context: int = 48) -> str:
    """Return a line with the change in it shown as ⟦before → after⟧, and `context` characters on both sides."""
    if after == "pass":
        return f"⟦{before} → pass⟧"
    old, new = TOKEN.findall(before), TOKEN.findall(after)
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    left, right = "".join(old[:start]), "".join(old[len(old) - end :])
    change = f"⟦{''.join(old[start : len(old) - end])} → {''.join(new[start : len(new) - end])}⟧"
    return (
        ("…" + left[-context:] if len(left) > context else left)
        + change
        + (right[:context] + "…" if len(right) > context else right)
    )
