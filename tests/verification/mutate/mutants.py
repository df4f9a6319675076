"""The changes that can be made to a file, by its syntax tree.

Not changed are annotations, type aliases, docstrings, decorators, the keywords of classes, ``__all__`` and
``__slots__``, what only type checkers see, the ``strict`` of ``zip``, which asserts what holds, and wording:
strings in a ``raise``, the text in f-strings, and strings with a space. Nor is what asks for the operating
system, or runs on Windows alone: nothing on another system could see it.

A statement with the comment ``# pragma: no mutate`` only saves time or memory: no fast test can see a change
of it. The comment says what it saves.
"""

from __future__ import annotations

import ast
import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType

_COMPARISONS: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.BitXor: ast.BitAnd,
}
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_WITH_HEADER: Final = ast.stmt | ast.ExceptHandler | ast.match_case
_MARK: Final = "# pragma: no mutate"


@dataclass(frozen=True)
class Mutant:
    """A change of one statement.

    Parameters
    ----------
    number
        Its place among the mutants of its file.
    line
        Where the statement begins.
    function
        The qualified name of the function or class around it; empty at the level of the module.
    lines
        Spans of lines. The first in which a test executes a line decides which tests can kill it.
    at_import
        Whether it is executed when the module is imported.
    names
        What it sets then: constants of a module, else the class that has it.
    before, after
        The header of the statement, as ``ast.unparse`` writes it.
    is_marked
        Whether a comment says that no test can see it.
    """

    number: int
    line: int
    function: str
    lines: tuple[range, range]
    at_import: bool
    names: tuple[str, ...]
    before: str
    after: str
    is_marked: bool


@dataclass(frozen=True)
class _Place:
    """A node, where its parent holds it, and what is around it."""

    node: ast.AST
    parent: ast.AST
    field: str
    index: int | None
    statement: ast.AST
    name: str
    at_import: bool
    in_raise: bool

    def put(self, node: ast.AST) -> None:
        """Put another node there."""
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


def mutants_of(source: str) -> Iterator[Mutant]:
    """Return all mutants of a file."""
    whole = range(1, source.count("\n") + 2)
    marked = {number for number, line in enumerate(source.split("\n"), 1) if _MARK in line}
    for number, (place, changed) in enumerate(_all_changes(ast.parse(source))):
        before = _header(place.statement)
        place.put(changed)
        after = _header(changed if place.statement is place.node else place.statement)
        place.put(place.node)
        if not place.at_import:
            lines = (_lines(place.node), _lines(place.statement))
        elif isinstance(place.statement, _Function):  # the default of an argument
            body = place.statement.body
            lines = (range(body[0].lineno, (body[-1].end_lineno or 0) + 1), whole)
        else:
            lines = (whole, whole)
        names = _names_set(place) if place.at_import else ()
        own = _lines(place.statement)
        is_marked = not marked.isdisjoint(own)
        yield Mutant(number, own[0], place.name, lines, place.at_import, names, before, after, is_marked)


def compile_mutant(source: str, number: int, path: str) -> CodeType:
    """Compile a file with one of its mutants."""
    tree = ast.parse(source)
    place, changed = next(change for at, change in enumerate(_all_changes(tree)) if at == number)
    place.put(changed)
    return compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)


def _all_changes(tree: ast.Module) -> Iterator[tuple[_Place, ast.AST]]:
    for place in list(_places(tree, tree, "", at_import=True, in_raise=False)):
        for changed in _changes(place):
            yield place, ast.copy_location(changed, place.node)


def _places(
    parent: ast.AST, statement: ast.AST, name: str, *, at_import: bool, in_raise: bool
) -> Iterator[_Place]:
    for field, value in ast.iter_fields(parent):
        inside = at_import and not (field == "body" and isinstance(parent, _Function | ast.Lambda))
        for index, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(node, ast.AST) or _is_left_out(node, parent, field):
                continue
            if _is_of_system(node) or (
                field == "body" and _is_of_system(getattr(parent, "test", None), ast.Eq)
            ):
                continue
            header = node if isinstance(node, _WITH_HEADER) else statement
            raised = in_raise or isinstance(node, ast.Raise)
            named = isinstance(node, _Function | ast.ClassDef)
            inner = f"{name}.{node.name}".lstrip(".") if named else name  # type: ignore[attr-defined]
            yield _Place(node, parent, field, index, header, inner, inside, raised)
            yield from _places(node, header, inner, at_import=inside, in_raise=raised)


def _is_left_out(node: ast.AST, parent: ast.AST, field: str) -> bool:
    match node:
        case ast.Expr(ast.Constant(str())) | ast.Import() | ast.ImportFrom():
            return True
        case ast.If(ast.Name("TYPE_CHECKING")) | ast.AnnAssign(annotation=ast.Name("TypeAlias")):
            return True
        case ast.Assign([ast.Name("__all__" | "__slots__")]):
            return True
        case ast.Assign(value=ast.Call(ast.Name("TypeVar" | "ParamSpec" | "NewType"))):
            return True
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return any(isinstance(each, ast.Name) and each.id == "overload" for each in node.decorator_list)
    match parent:
        case ast.ClassDef():
            return field in {"keywords", "bases", "decorator_list"}
        case ast.Call(ast.Name("cast")):
            return field == "args" and parent.args[0] is node
        case ast.Call(ast.Name("zip")):
            return field == "keywords"
        case ast.JoinedStr():
            return isinstance(node, ast.Constant)
    return field in {"annotation", "returns", "decorator_list", "format_spec"}


def _is_of_system(node: object, operator: type[ast.cmpop] = ast.cmpop) -> bool:
    match node:
        case ast.Compare(ast.Attribute(ast.Name(module), name), [compared]):
            return (module, name) in {("os", "name"), ("sys", "platform")} and isinstance(compared, operator)
        case ast.Call(ast.Name("hasattr"), [ast.Name("os" | "signal"), _]):
            return operator is ast.cmpop
    return False


def _changes(place: _Place) -> Iterator[ast.AST]:
    if place.field in {"test", "ifs", "guard"} and not isinstance(place.node, ast.Constant):
        yield from (ast.Constant(value) for value in _conditions(place.parent))
    match place.node:
        case ast.Constant(value):
            yield from _other_constants(value, is_wording=place.in_raise)
        case ast.expr() as expression:
            yield from _other_expressions(expression)
        case node if _can_be_deleted(node, place.parent):
            yield ast.Pass()
    match place.node:
        case ast.AugAssign(target, operator, operand):
            yield ast.AugAssign(target, _ARITHMETIC[type(operator)](), operand)
        case ast.Break():
            yield ast.Continue()
        case ast.Continue():
            yield ast.Break()
        case ast.ExceptHandler(type=ast.expr() as caught) as handler:
            types = caught.elts if isinstance(caught, ast.Tuple) else [caught]
            for at in range(len(types)):
                others = ast.Tuple([*types[:at], *types[at + 1 :]], ast.Load())
                yield ast.ExceptHandler(others, handler.name, handler.body)


def _conditions(parent: ast.AST) -> tuple[bool, ...]:
    match parent:
        case ast.If() | ast.IfExp() | ast.match_case():
            return (True, False)
        case ast.While():  # with True it would hang, mostly
            return (False,)
        case ast.comprehension():
            return (True,)
    return ()


def _other_expressions(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.Compare(left, operators, operands):
            for at, operator in enumerate(operators):
                for other in _COMPARISONS[type(operator)]:
                    yield ast.Compare(left, [*operators[:at], other(), *operators[at + 1 :]], operands)
        case ast.BoolOp(operator, operands):
            yield ast.BoolOp(ast.And() if isinstance(operator, ast.Or) else ast.Or(), operands)
        case ast.UnaryOp(ast.Not() | ast.USub(), operand):
            yield operand
        case ast.BinOp(left, operator, right):
            yield ast.BinOp(left, _ARITHMETIC[type(operator)](), right)


def _can_be_deleted(node: ast.AST, parent: ast.AST) -> bool:
    match node:
        case ast.Return(None | ast.Constant(None)):  # at the end of a function it changes nothing
            return not isinstance(parent, _Function) or node is not parent.body[-1]
        case ast.Return() | ast.Raise() | ast.Delete() | ast.AugAssign():
            return True
        case ast.Expr(ast.Call() | ast.Await()) | ast.Assign([ast.Attribute() | ast.Subscript()]):
            return True
    return False


def _other_constants(value: object, *, is_wording: bool) -> Iterator[ast.Constant]:
    match value:
        case bool():
            yield ast.Constant(not value)
        case int() | float() if value + 1 != value:  # it is the same for a large float
            yield ast.Constant(value + 1)
        case str() if not is_wording and " " not in value:
            yield ast.Constant("XX")
        case bytes():
            yield ast.Constant(b"XX")


def _names_set(place: _Place) -> tuple[str, ...]:
    match place.statement:
        case ast.Assign() | ast.AnnAssign() if place.name:
            return (place.name.rpartition(".")[2],)
        case ast.Assign(targets):
            return tuple(each.id for each in targets if isinstance(each, ast.Name))
        case ast.AnnAssign(ast.Name(name)):
            return (name,)
    return ()


def _header(statement: ast.AST) -> str:
    """Return a statement on one line, without its blocks."""
    copied = copy.copy(statement)
    for field in ("orelse", "decorator_list"):
        if isinstance(getattr(copied, field, None), list):
            setattr(copied, field, [])
    if isinstance(getattr(copied, "body", None), list):
        copied.body = [ast.Expr(ast.Constant(...))]  # type: ignore[attr-defined]
    text = ast.unparse(ast.fix_missing_locations(copied))
    return " ".join(text.removesuffix("...").split())


def _lines(node: Any) -> range:
    """Return the lines of a node, without its blocks."""
    first = node.pattern if isinstance(node, ast.match_case) else node
    body = getattr(node, "body", None)
    last = body[0].lineno - 1 if isinstance(body, list) else node.end_lineno
    return range(first.lineno, max(first.lineno, last) + 1)
