"""THE table: what the evidence says about a column -> its Arrow type.

Types are decided here and nowhere else. The first rule of :data:`RULES` whose section is the one the
statistics have and whose kinds cover all values decides; where a value does not fit in what is due, the
whole column stays exact text, and the decision says which value and why. A value is never changed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from connecty_frames.decode import exact_json, numbers, temporal
from connecty_frames.decode.column import Evidence, concat
from connecty_frames.decode.errors import CellError
from connecty_frames.decode.exact_json import NUL, NUMBERS, ConstantText, Kind, RepeatedKeys
from connecty_frames.decode.numbers import FloatValues
from connecty_frames.decode.temporal import TemporalValues
from connecty_frames.decode.temporal_format import TemporalFormat
from connecty_frames.text import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from connecty_frames.options import AskOptions

__all__ = ["RULES", "Decision", "Rule", "decide"]


@dataclass(frozen=True, slots=True)
class Decision:
    """A column's type, why in words, and what stood against a better one.

    Parameters
    ----------
    array
        The column itself, where deciding on it has read it already.
    """

    type: pa.DataType
    evidence: str
    problem: CellError | None = None
    array: pa.ChunkedArray | pa.Array | None = None


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
        How the type is found; raises CellError where the column must stay text.
    """

    section: str | None
    kinds: frozenset[Kind]
    gives: str
    decide: Callable[[Evidence, AskOptions], Decision]


def decide(evidence: Evidence, options: AskOptions) -> Decision:
    """Decide a column's type from all that is known of it."""
    rule = _rule(evidence.section, evidence.kinds)
    try:
        decision = rule.decide(evidence, options)
    except UnicodeEncodeError:
        return _kept(_half_pair(evidence))
    except CellError as misfit:
        where = None if misfit.row is None else evidence.row_of(misfit.row)
        return _kept(CellError(where, misfit.value, misfit.reason))
    if evidence.section is not None and rule.section is None and decision.problem is None:
        row, value = next((row, value) for row, value in enumerate(evidence.values) if value is not None)
        kinds = Evidence(evidence.name, list(evidence.values)).kinds  # of each cell, not of how it was read
        reason = f"is among {_listed(kinds)}, though the statistics are {evidence.section}"
        return replace(decision, problem=CellError(row, exact_json.dump(value), reason))
    return decision


@lru_cache
def _rule(section: str | None, kinds: frozenset[Kind]) -> Rule:
    return next(rule for rule in RULES if rule.section in (None, section) and kinds <= rule.kinds)


def _kept(problem: CellError) -> Decision:
    words = f"exact text, since {problem.shown!r} ({problem.place}) {problem.reason}"
    return Decision(pa.string(), words, problem)


def _half_pair(evidence: Evidence) -> CellError:
    """Find what no text can hold; in a value, no column can either, and building it is an error."""
    cells = enumerate(evidence.values)
    texts = ((row, value if isinstance(value, str) else exact_json.dump(value)) for row, value in cells)
    row, text = next((row, text) for row, text in texts if not exact_json.encodes(text))
    return CellError(row, text, "holds half of a surrogate pair, which is no text")


def _text(evidence: Evidence, _: AskOptions) -> Decision:
    return _as_text(evidence, "string statistics")


def _as_text(evidence: Evidence, words: str) -> Decision:
    """Decide on text; where all values are texts, they are the column as they stand."""
    return Decision(pa.string(), words, array=evidence.array if evidence.kinds == {Kind.TEXT} else None)


def _temporal(evidence: Evidence, options: AskOptions) -> Decision:
    if not (evidence.count or evidence.bounds):
        return Decision(pa.timestamp("us", options.tz), "temporal statistics without a value")
    return _moments(evidence, options, tuple(TemporalFormat), "temporal statistics; {}")


def _moments(
    evidence: Evidence, options: AskOptions, forms: Sequence[TemporalFormat], words: str
) -> Decision:
    """Read texts as the dates and times they are, of one of some forms."""
    found = _quick_moments(evidence, options)
    if found is None:
        found = temporal.read_exact(evidence.values, evidence.bounds, options.tz, forms)
    form, array = found.form, found.values
    offsets = listed(sorted(found.offsets))
    decision = Decision(
        array.type, words.format(f"{_counted(evidence)} are {form.value} {offsets}".rstrip()), array=array
    )
    beyond = temporal.shown_in(array, options.tz) if form is TemporalFormat.AWARE else None
    if beyond is None:
        return decision
    universal = array.cast(pa.timestamp(array.type.unit, "UTC"))
    reason = f"has no year that can be shown in {options.tz}, so the column is in UTC"
    return replace(
        decision,
        type=universal.type,
        array=universal,
        problem=CellError(beyond, evidence.values[beyond], reason),
    )


def _quick_moments(evidence: Evidence, options: AskOptions) -> TemporalValues | None:
    found = evidence.read if isinstance(evidence.read, TemporalValues) else None
    if found is None and evidence.array is not None:
        first = next((text.as_py() for text in evidence.array if text.is_valid), "")
        form = temporal.quick_form(first)
        found = None if form is None else _quickly(partial(temporal.read_fast, form=form), evidence.array)
    return None if found is None else temporal.bounded(found, evidence.bounds, options.tz)


def _quickly(read: Callable[[pa.Array], Any], texts: pa.ChunkedArray | pa.Array) -> Any:
    return concat(
        [read(chunk) for chunk in (texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts])]
    )


def _numeric(evidence: Evidence, options: AskOptions) -> Decision:
    if not (evidence.count or evidence.bounds):
        return Decision(pa.float64(), "numeric statistics without a value")
    return _amounts(evidence, evidence.bounds, options, "numeric statistics; {}")


def _numbers(evidence: Evidence, options: AskOptions) -> Decision:
    return _amounts(evidence, [], options, "{}")


def _amounts(evidence: Evidence, bounds: Sequence[str], options: AskOptions, words: str) -> Decision:
    """Read numbers as the type that holds them all."""
    quick = _quick_amounts(evidence, bounds)
    if quick is not None:
        return Decision(quick[0].type, words.format(quick[1]), array=quick[0])
    texts = [*(value for value in evidence.values if value is not None), *bounds]
    found, reason = numbers.arrow_type(texts, strict=options.strict)
    return Decision(found, words.format(reason), _bare(evidence))


def _quick_amounts(
    evidence: Evidence, bounds: Sequence[str]
) -> tuple[pa.ChunkedArray | pa.Array, str] | None:
    if not evidence.kinds or not evidence.kinds <= {Kind.WHOLE, Kind.FRACTION}:
        return None
    found = evidence.read if isinstance(evidence.read, FloatValues) else evidence.array
    if found is not None and not isinstance(found, FloatValues) and not pa.types.is_integer(found.type):
        found = _quickly(numbers.read_fast, found)
    return None if found is None else numbers.bounded(found, evidence.count, bounds)


def _bare(evidence: Evidence) -> CellError | None:
    """Say that a bare NaN was met: it is read for what it means, but it is no JSON."""
    if Kind.CONSTANT not in evidence.kinds:
        return None
    row, value = next(
        (row, value) for row, value in enumerate(evidence.values) if isinstance(value, ConstantText)
    )
    return CellError(row, value, _WITHOUT_QUOTES)


_WITHOUT_QUOTES: Final = "stands without quotes, which is no JSON; it was read as the float it means"


def _boolean(evidence: Evidence, options: AskOptions) -> Decision:
    if not evidence.kinds:
        return Decision(pa.bool_(), "boolean statistics without a value")
    found = _booleans(evidence, options)
    if evidence.kinds != {Kind.BOOLEAN}:
        for position, value in enumerate(value for value in evidence.values if value is not None):
            if value not in (True, False, "true", "false"):
                raise CellError(position, str(value), "is neither true nor false")
        found = replace(found, array=None)
    return replace(found, evidence=f"boolean statistics; {found.evidence}")


def _booleans(evidence: Evidence, _: AskOptions) -> Decision:
    return Decision(pa.bool_(), f"{_counted(evidence)} are true or false", array=evidence.array)


def _nothing(evidence: Evidence, _: AskOptions) -> Decision:
    return Decision(
        pa.string(), "only nulls, and no statistics that tell a type" if evidence.values else "no rows"
    )


def _untold(evidence: Evidence, options: AskOptions) -> Decision:
    """Decide on text without statistics: it stays text unless every value is a full date or timestamp."""
    if options.infer_temporal:
        try:
            return _moments(
                evidence,
                options,
                (TemporalFormat.DATE, TemporalFormat.NAIVE, TemporalFormat.AWARE),
                "{}; no statistics",
            )
        except CellError:
            pass
    return _as_text(evidence, f"{_counted(evidence)} are texts")


def _nested(evidence: Evidence, options: AskOptions) -> Decision:
    found = _type_inside([value for value in evidence.values if value is not None], options)
    kinds = _listed(evidence.kinds)
    if found is None:
        return Decision(pa.string(), f"{_counted(evidence)} are {kinds} that no type holds: as JSON")
    return Decision(found, f"{_counted(evidence)} are {kinds} of one shape", _bare_inside(evidence))


def _type_inside(values: Sequence[Any], options: AskOptions) -> pa.DataType | None:
    """Give the one type of values inside cells, None where they have none."""
    kinds = Evidence("", list(values)).kinds
    present = [value for value in values if value is not None]
    found: pa.DataType | None = _INSIDE.get(kinds)
    if found is None and kinds <= NUMBERS:
        try:
            found, _ = numbers.arrow_type(present, strict=options.strict)
        except CellError:
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
    if not keys or any(NUL in key for key in keys):
        return None
    if any(isinstance(value, RepeatedKeys) or value.keys() != set(keys) for value in values):
        return None
    fields = []
    for key in keys:
        found = _type_inside([value[key] for value in values], options)
        if found is None:
            return None
        fields.append(pa.field(key, found))
    return pa.struct(fields)


def _bare_inside(evidence: Evidence) -> CellError | None:
    for row, value in enumerate(evidence.values):
        if _has_constant(value):
            return CellError(row, "NaN", _WITHOUT_QUOTES)
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
    return Decision(
        pa.string(), f"mixed {_listed(evidence.kinds)}", CellError(row, exact_json.dump(value), reason)
    )


def _numbers_and_words(evidence: Evidence, options: AskOptions) -> Decision:
    """Decide on numbers among texts: NaN and infinity are numbers that JSON can only write as texts."""
    texts = {value for value in evidence.values if type(value) is str}
    return (_numbers if texts <= numbers.NOT_FINITE else _mixed)(evidence, options)


def _counted(evidence: Evidence) -> str:
    count, nulls = evidence.count, len(evidence.values) - evidence.count
    only = "" if count else " only"
    bounds = f" and the statistics' min and max{only}" if evidence.bounds else ""
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
    Rule(None, NUMBERS | {Kind.TEXT}, "float64, decimal or string", _numbers_and_words),
    Rule(None, _ALL, "string", _mixed),
)
