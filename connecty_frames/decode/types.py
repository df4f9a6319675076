"""THE table: what the evidence says about a column -> its Arrow type.

Types are decided here and nowhere else. The first rule of :data:`RULES` whose section is the one the
statistics have and whose kinds cover all values decides; where a value does not fit in what is due, the
whole column stays exact text, and the decision says which value and why. A value is never changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from connecty_frames.decode import numbers, temporal, tokens
from connecty_frames.decode.evidence import NUMBERS, Evidence, Kind, Misfit
from connecty_frames.decode.temporal import Form
from connecty_frames.decode.tokens import ConstantText, RepeatedKeys
from connecty_frames.escape import snippet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from connecty_frames.options import AskOptions

__all__ = ["RULES", "Decision", "Rule", "decide"]


@dataclass(frozen=True, slots=True)
class Decision:
    """A column's type, why in words, and what stood against a better one.

    Parameters
    ----------
    as_json
        Whether the column holds arrays and objects as the JSON they were.
    """

    type: pa.DataType
    evidence: str
    problem: Misfit | None = None
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table.

    Parameters
    ----------
    section
        The section of the statistics it is for, None where none tells the type.
    kinds
        The JSON kinds it covers; null is always covered.
    gives
        The Arrow types it gives, in words, for the documentation.
    decide
        How the type is found; raises Misfit where the column must stay text.
    """

    section: str | None
    kinds: frozenset[Kind]
    gives: str
    decide: Callable[[Evidence, AskOptions], Decision]


def decide(evidence: Evidence, options: AskOptions) -> Decision:
    """Decide a column's type from all that is known of it."""
    rule = next(
        rule for rule in RULES if rule.section in (None, evidence.section) and evidence.kinds <= rule.kinds
    )
    try:
        decision = rule.decide(evidence, options)
    except UnicodeEncodeError:
        return _kept(_half_pair(evidence))
    except Misfit as misfit:
        where = None if misfit.row is None else evidence.row_of(misfit.row)
        return _kept(Misfit(where, misfit.value, misfit.reason))
    if evidence.section is not None and rule.section is None and decision.problem is None:
        row, value = next((row, value) for row, value in enumerate(evidence.values) if value is not None)
        reason = f"is among {_listed(evidence.kinds)}, though the statistics are {evidence.section}"
        return Decision(
            decision.type, decision.evidence, Misfit(row, tokens.dump(value), reason), decision.as_json
        )
    return decision


def _kept(problem: Misfit) -> Decision:
    where = "the statistics' min or max" if problem.row is None else f"row {problem.row}"
    shown = f"{snippet(problem.value, 60)!r} ({where}) {problem.reason}"
    return Decision(pa.string(), f"exact text, since {shown}", problem)


def _half_pair(evidence: Evidence) -> Misfit:
    """Find what no text can hold; in a value, no column can either, and building it is an error."""
    cells = [*enumerate(evidence.values), *((None, bound) for bound in evidence.bounds)]
    texts = ((row, value if isinstance(value, str) else tokens.dump(value)) for row, value in cells)
    row, text = next((row, text) for row, text in texts if not tokens.encodes(text))
    return Misfit(row, text, "holds half of a surrogate pair, which is no text")


def _text(evidence: Evidence, _: AskOptions) -> Decision:
    return Decision(
        pa.string(), "string statistics", as_json=bool(evidence.kinds & {Kind.ARRAY, Kind.OBJECT})
    )


def _temporal(evidence: Evidence, options: AskOptions) -> Decision:
    if not evidence.scalars:
        return Decision(pa.timestamp("us", options.tz), "temporal statistics without a value")
    form = temporal.form_of(evidence.scalars)
    found = temporal.arrow_type(form, evidence.scalars, options.tz)
    return Decision(found, f"temporal statistics; {_counted(evidence)} are {_described(form, evidence)}")


def _described(form: Form, evidence: Evidence) -> str:
    offsets = temporal.offsets(evidence.scalars) if form is Form.AWARE else []
    return f"{form.value} {', '.join(offsets)}".rstrip()


def _numeric(evidence: Evidence, options: AskOptions) -> Decision:
    if not evidence.scalars:
        return Decision(pa.float64(), "numeric statistics without a value")
    found, words = numbers.arrow_type(evidence.scalars, strict=options.strict)
    return Decision(found, f"numeric statistics; {words}", _bare(evidence))


def _numbers(evidence: Evidence, options: AskOptions) -> Decision:
    texts = [value for value in evidence.values if value is not None]
    found, words = numbers.arrow_type(texts, strict=options.strict)
    return Decision(found, words, _bare(evidence))


def _bare(evidence: Evidence) -> Misfit | None:
    """Say that a bare NaN was met: it is read for what it means, but it is no JSON."""
    if Kind.CONSTANT not in evidence.kinds:
        return None
    row, value = next(
        (row, value) for row, value in enumerate(evidence.values) if isinstance(value, ConstantText)
    )
    return Misfit(row, value, "stands without quotes, which is no JSON; it was read as the float it means")


def _boolean(evidence: Evidence, _: AskOptions) -> Decision:
    for position, value in enumerate(value for value in evidence.values if value is not None):
        if value not in (True, False, "true", "false"):
            raise Misfit(position, str(value), "is neither true nor false")
    words = f"boolean statistics; {_counted(evidence)} are true or false"
    return Decision(pa.bool_(), words if evidence.kinds else "boolean statistics without a value")


def _booleans(evidence: Evidence, _: AskOptions) -> Decision:
    return Decision(pa.bool_(), f"{_counted(evidence)} are true or false")


def _nothing(evidence: Evidence, _: AskOptions) -> Decision:
    return Decision(
        pa.string(), "only nulls, and no statistics that tell a type" if evidence.values else "no rows"
    )


def _untold(evidence: Evidence, options: AskOptions) -> Decision:
    """Decide on text without statistics: it stays text unless every value is a full date or timestamp."""
    plain = Decision(pa.string(), f"{_counted(evidence)} are texts")
    if not options.infer_temporal:
        return plain
    texts = [value for value in evidence.values if value is not None]
    try:
        form = temporal.form_of(texts)
        if form not in (Form.DATE, Form.NAIVE, Form.AWARE):
            return plain
        found = temporal.arrow_type(form, texts, options.tz)
    except Misfit:
        return plain
    return Decision(found, f"{_counted(evidence)} are {_described(form, evidence)}; no statistics")


def _nested(evidence: Evidence, options: AskOptions) -> Decision:
    found = _type_inside([value for value in evidence.values if value is not None], options)
    kinds = _listed(evidence.kinds)
    if found is None:
        return Decision(
            pa.string(), f"{_counted(evidence)} are {kinds} that differ in shape: as JSON", as_json=True
        )
    return Decision(found, f"{_counted(evidence)} are {kinds} of one shape", _bare_inside(evidence))


def _type_inside(values: Sequence[Any], options: AskOptions) -> pa.DataType | None:
    """Give the one type of values inside cells, None where they have none."""
    kinds = Evidence("", list(values)).kinds
    present = [value for value in values if value is not None]
    found: pa.DataType | None = _INSIDE.get(kinds)
    if found is None and kinds <= NUMBERS:
        try:
            found, _ = numbers.arrow_type(present, strict=options.strict)
        except Misfit:
            return None
    elif kinds == {Kind.ARRAY}:
        item = _type_inside([item for value in present for item in value], options)
        found = None if item is None else pa.list_(item)
    elif kinds == {Kind.OBJECT}:
        found = _struct_inside(present, options)
    return found


#: What needs no look at the values. Only nulls are text, as they are outside of cells.
_INSIDE: Final[dict[frozenset[Kind], pa.DataType]] = {
    frozenset(): pa.string(),
    frozenset({Kind.BOOLEAN}): pa.bool_(),
    frozenset({Kind.TEXT}): pa.string(),
}


def _struct_inside(values: Sequence[dict[str, Any]], options: AskOptions) -> pa.DataType | None:
    keys = list(values[0])
    if not keys or any(isinstance(value, RepeatedKeys) or value.keys() != set(keys) for value in values):
        return None
    fields = []
    for key in keys:
        found = _type_inside([value[key] for value in values], options)
        if found is None:
            return None
        fields.append(pa.field(key, found))
    return pa.struct(fields)


def _bare_inside(evidence: Evidence) -> Misfit | None:
    for row, value in enumerate(evidence.values):
        if _has_constant(value):
            return Misfit(
                row, "NaN", "stands without quotes, which is no JSON; it was read as the float it means"
            )
    return None


def _has_constant(value: object) -> bool:
    if isinstance(value, list):
        return any(map(_has_constant, value))
    if isinstance(value, dict):
        return any(map(_has_constant, value.values()))
    return isinstance(value, ConstantText)


def _mixed(evidence: Evidence, _: AskOptions) -> Decision:
    first = type(next(value for value in evidence.values if value is not None))
    row, value = next(
        (row, value)
        for row, value in enumerate(evidence.values)
        if value is not None and type(value) is not first
    )
    reason = f"is not what others are: the column mixes {_listed(evidence.kinds)}"
    as_json = bool(evidence.kinds & {Kind.ARRAY, Kind.OBJECT})
    return Decision(
        pa.string(), f"mixed {_listed(evidence.kinds)}", Misfit(row, tokens.dump(value), reason), as_json
    )


def _counted(evidence: Evidence) -> str:
    count = sum(value is not None for value in evidence.values)
    nulls = len(evidence.values) - count
    bounds = (
        f" and the statistics' {'min and max' if count else 'min and max only'}" if evidence.bounds else ""
    )
    return f"{count:,} of {count:,} values{bounds}" + (f" ({nulls:,} null)" if nulls else "")


def _listed(kinds: frozenset[Kind]) -> str:
    return " and ".join(sorted(kind.value for kind in kinds))


_ALL: Final = frozenset(Kind)

RULES: Final[tuple[Rule, ...]] = (
    Rule("string", _ALL, "string", _text),
    Rule("temporal", frozenset({Kind.TEXT}), "date32, timestamp, time64 or duration", _temporal),
    Rule("numeric", NUMBERS | {Kind.TEXT}, "int64, uint64, decimal or float64", _numeric),
    Rule("boolean", frozenset({Kind.BOOLEAN, Kind.TEXT}), "bool", _boolean),
    Rule(None, frozenset(), "string", _nothing),
    Rule(None, frozenset({Kind.BOOLEAN}), "bool", _booleans),
    Rule(None, NUMBERS, "int64, uint64, decimal or float64", _numbers),
    Rule(None, frozenset({Kind.TEXT}), "string, date32 or timestamp", _untold),
    Rule(None, frozenset({Kind.ARRAY}), "list or string", _nested),
    Rule(None, frozenset({Kind.OBJECT}), "struct or string", _nested),
    Rule(None, _ALL, "string", _mixed),
)
