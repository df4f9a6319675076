"""A results response without business data, whose spelling is left to be looked at.

Texts become ``x``, digits ``1``: 11 is a month, a day, an hour, a minute and an offset, so that a masked date
or number is still one. JSON is masked token by token, so that nothing has to be valid.
"""

from __future__ import annotations

import json
import re
from itertools import chain
from typing import Final

from connecty_frames.decode.statistics import section_named
from connecty_frames.protocol import QuestionResults, ResultsResponse

_DISTINCT: Final = ("distinct_count", "distinct_approx")
#: The fields of statistics that are read, by section; those of the last two are a guess.
FIELDS: Final = {
    "general": ("count", "nulls_count"),
    "temporal": (*_DISTINCT, "min", "max"),
    "string": (*_DISTINCT, "empty_string_count", "min_len", "mean_len", "max_len"),
    "numeric": (*_DISTINCT, "min", "max", "mean"),
    "boolean": ("true_count", "false_count"),
}
_MONTHS: Final = "January February March April May June July August September October November December"
_DAYS: Final = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
_SHORT: Final = frozenset(name[:3] for name in f"{_MONTHS} {_DAYS}".split())


def _either(names: str) -> str:
    """Return a pattern for names in full, or their first three letters."""
    return "|".join(f"{name[:3]}(?:{name[3:]})?" for name in names.split())


#: Words for nothing, infinity and truth: a question about a business says nothing by them.
NO_VALUE: Final = frozenset({"nan", "nat", "none", "null"})
_WORDS: Final = NO_VALUE | {"inf", "-inf", "infinity", "-infinity", "true", "false", "t", "f"}
#: What a date, a time or a number consists of.
_PARTS: Final = (
    r"\d|[-+/.:,% ]",
    r"(?<=\d)[Tt](?=\d)|(?<=[\d ])(?:[Zz](?=\Z|\[)|UTC|GMT|BC|[AaPp][Mm])|(?<=\d )days?",
    r"(?<=\d)[eE](?=[-+]?\d)",
    r"(?<=[\dZ])\[[\w/+-]*\]\Z",  # a zone
    _either(_MONTHS),
    _either(_DAYS),
    r"\A/Date\(|\)/\Z",  # of .NET
)
#: In characters; a longer text is no date, and patterns take the square of its length.
_LONGEST: Final = 200
#: A duration in ISO-8601.
_DURATION: Final = r"[-+]?P(?:\d+[YMWD])*(?:T(?:[\d.]+[HMS])+)?"
_is_shaped: Final = re.compile(rf"(?=\D*\d)(?:(?:{'|'.join(_PARTS)})*|{_DURATION})", re.ASCII).fullmatch
#: What is replaced in one: its digits, the letters of a zone, and names.
_TELLING: Final = re.compile(rf"\d|\w(?=[^\[]*\]\Z)|(?P<month>{_either(_MONTHS)})|{_either(_DAYS)}", re.ASCII)
#: A token of JSON, and the colon behind a key; what is none is a run of other characters.
_TOKEN: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?(?P<colon>\s*:)?|[\[\]{},:]|[^\s\[\]{},:"]+', re.DOTALL)
_is_literal: Final = re.compile(r"true|false|null|NaN|-?Infinity").fullmatch
_is_number: Final = re.compile(r"[-+]?[\d.]+(?:[eE][-+]?\d+)?", re.ASCII).fullmatch
_is_identifier: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}").fullmatch
#: Names that mean the same in every answer.
_KNOWN: Final = frozenset(
    (
        *ResultsResponse.__struct_fields__,
        *QuestionResults.__struct_fields__,
        *FIELDS,
        *chain(*FIELDS.values()),
    )
)
#: Numbers of rows and of characters, which the marks tell as well.
_COUNTS: Final = frozenset(name for name in _KNOWN if name.endswith(("count", "_len")))


def masked(text: str) -> str:
    """Return a mark of the length of a text; a date or a number keeps its shape."""
    if text.lower() in _WORDS:
        return text
    if len(text) > _LONGEST or not _is_shaped(text):
        return "x" * len(text)
    return _TELLING.sub(_mask, text)


def _mask(found: re.Match[str]) -> str:
    """Return the mark of a digit, a letter of a zone, a month or a day: 1111-11-11 is a Saturday."""
    word = found[0]
    if len(word) == 1:
        return "1" if word.isdigit() else "x"
    name = "November" if found["month"] else "Saturday"
    return name[:3] if word in _SHORT else name


def is_service_name(name: str) -> bool:
    """Whether a service may have such a name for a field or a section."""
    return bool(_is_identifier(name) or section_named(name))


def anonymized(body: bytes) -> bytes:
    """Mask texts, names of columns and digits of a response; its structure and the service's names stay."""
    text = body.decode(errors="replace")
    return _TOKEN.sub(_Masking(text).replace, text).encode()


class _Masking:
    """The place within a response, and the marks of names."""

    def __init__(self, text: str) -> None:
        #: Keys and, of arrays, positions.
        self._path: list[str | int] = []
        self._marks: dict[str, str] = {}
        #: A name that is also a text may be the business's.
        self._texts = {_text(found[0]) for found in _TOKEN.finditer(text) if not found["colon"]}

    def replace(self, found: re.Match[str]) -> str:
        """Return what stands for a token, and follow where it leads."""
        part, path = found[0], self._path
        match part:
            case "[" | "{":
                path.append(0 if part == "[" else "")
            case "]" | "}":
                del path[-1:]
            case ",":
                if path and isinstance(path[-1], int):
                    path[-1] += 1
            case _ if part[0] == '"':
                return self._replace_text(part, found["colon"] or "")
            case _ if _is_number(part):
                return part if self._is_count() else re.sub(r"\d", "1", part)
            case _ if part != ":" and not _is_literal(part):
                return "x" * len(part)
        return part

    def _replace_text(self, part: str, colon: str) -> str:
        text = _text(part.removesuffix(colon))
        if colon and self._path:
            self._path[-1] = text
        match self._path:
            case _ if colon:
                shown = text if self._is_of_service(text) else self._mark(text)
            case ["state"] if _is_identifier(text):
                shown = text
            case ["results", "dataframe", 0, int()]:
                shown = self._mark(text)
            case _:
                shown = text if self._is_count() and _is_number(text) else masked(text)
        return json.dumps(shown) + colon

    def _is_of_service(self, name: str) -> bool:
        """Whether a key is the service's: of the response, a section, or a field of a known section."""
        match self._path:
            case ["results", "dataframe_stats", _, _, *_] if name in _KNOWN:
                return True
            case [_] | ["results", _]:
                pass
            case ["results", "dataframe_stats", column, _] if column not in FIELDS:
                pass
            case ["results", "dataframe_stats", _, str(section), _] if section_named(section):
                pass
            case _:
                return False
        return name in _KNOWN or (is_service_name(name) and name not in self._texts)

    def _mark(self, name: str) -> str:
        """Return the mark of a name, which differs from those of other names."""
        return name and self._marks.setdefault(name, f"{len(self._marks) + 1}".ljust(len(name), "x"))

    def _is_count(self) -> bool:
        """Whether the statistics count rows or characters here."""
        match self._path:
            case ["results", "dataframe_stats", _, *_, str(name)]:
                return name in _COUNTS
        return False


def _text(part: str) -> str:
    """Return the text that a token of JSON stands for."""
    try:
        return str(json.loads(part, strict=False))
    except ValueError:
        return part.strip('"')
