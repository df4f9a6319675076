"""The names of columns: replacements of duplicate, empty and unusable ones, and a match with statistics."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import chain, count
from typing import TYPE_CHECKING, Any

from connecty_frames._base.text import snippet
from connecty_frames.decode import exact_json
from connecty_frames.errors import ColumnNameWarning, ResponseError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence


def column_names(
    header: list[Any], checkpoint: Callable[[], None] = lambda: None
) -> tuple[list[str], list[str | None], list[ColumnNameWarning]]:
    """Return unique names, the server's names, and warnings; of equal names, the first keeps it."""
    are_names = set(map(type, header)) == {str} and "" not in header and len(set(header)) == len(header)
    if are_names and "".join(header).isprintable():  # common case: a NUL and a lone surrogate are not
        return header, list(header), []
    texts = [_name_text(position, name) for position, name in enumerate(header)]
    taken = {text for text in texts if text}
    numbers: defaultdict[str, count[int]] = defaultdict(lambda: count(1))
    names: list[str] = []
    used: set[str] = set()
    warnings: list[ColumnNameWarning] = []
    for position, (given, text) in enumerate(exact_json.checked(zip(header, texts, strict=True), checkpoint)):
        wanted = "" if exact_json.NUL in text else text
        if wanted and wanted not in used:
            name = wanted
        else:
            name = _free_name(wanted, position, taken, numbers)
            taken.add(name)
        if name != given or type(given) is not str:
            reason = "is not a valid name"
            if exact_json.NUL in text:
                reason = "holds a NUL character"
            elif wanted in used:
                reason = "is taken"
            what = snippet(exact_json.dump(given))
            message = f"Column {position} is called {snippet(name)!r}, because {what} {reason}."
            warnings.append(ColumnNameWarning(message, column=name))
        names.append(name)
        used.add(name)
    server_names = [None if name is None else text for name, text in zip(header, texts, strict=True)]
    return names, server_names, warnings


def _free_name(wanted: str, position: int, taken: set[str], numbers: defaultdict[str, count[int]]) -> str:
    """Return a free name: with a number, or by position if none is wanted."""
    # Numbers only grow: many columns of one name are not searched from the start again.
    base = wanted or f"column_{position}"
    candidates = chain((base,), (f"{base}_{number}" for number in numbers[base]))
    return next(candidate for candidate in candidates if candidate not in taken)


def _name_text(position: int, name: object) -> str:
    """Return a name as text: empty for null, the exact JSON text of a number or a truth value."""
    if isinstance(name, list | dict):
        raise ResponseError(
            f"The header of dataframe holds {exact_json.preview(name)} at position {position}, which is not "
            "a column name; is the header row missing?"
        )
    text = "" if name is None else name if isinstance(name, str) else exact_json.dump(name)
    if not exact_json.is_encodable(text):
        raise ResponseError(
            f"The column name at position {position} holds {exact_json.LONE_SURROGATE}: {snippet(text)}"
        )
    return str(text)


def match_names(names: Sequence[str | None], entries: Collection[str]) -> tuple[list[str | None], list[str]]:
    """Match the columns with the entries of the statistics.

    A column's entry has the same name, or one that differs only in case where no other column or entry does.
    Columns of one name have none, since it could be that of either.

    Returns the entry of each column, and the entries that belong to no column; those of a name that several
    columns share are not among them.
    """
    times = Counter(names)
    found = [name if times[name] == 1 and name in entries else None for name in names]
    if len(entries) == len(names) - found.count(None):  # all of them are matched: the common case
        return found, []
    folded_times = Counter(name.casefold() for name in names if name is not None)
    by_folded_name = defaultdict(list)
    for entry in entries:
        by_folded_name[entry.casefold()].append(entry)
    for position, name in enumerate(names):
        alike = by_folded_name[name.casefold()] if name is not None else []
        if len(alike) == 1 == folded_times[alike[0].casefold()]:
            found[position] = alike[0]
    shared = {name.casefold() for name, count in times.items() if name is not None and count > 1}
    matched = set(found)
    absent = [entry for entry in entries if entry not in matched and entry.casefold() not in shared]
    return found, absent
