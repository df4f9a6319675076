"""Warnings about an answer, and the error of a question without one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from connecty_frames import errors
from connecty_frames._base.text import counted, fields_text, snippet, with_excerpt
from connecty_frames.decode.exact_json import LONE_SURROGATE, MOST_WARNINGS
from connecty_frames.protocol import State

if TYPE_CHECKING:
    from connecty_frames.answer_metadata import AnswerMetadata
    from connecty_frames.decode.decoder import Decoded
    from connecty_frames.decode.envelope import Envelope
    from connecty_frames.errors import ConnectyWarning
    from connecty_frames.options import AskOptions

_USUAL_LIMITS: Final = frozenset({1_000, 5_000, 10_000, 50_000, 100_000})  # the usual row limits of servers


def issue_warnings(envelope: Envelope, found: Iterable[ConnectyWarning]) -> None:
    """Warn of changes in a response and findings in its rows, at most 10 times in each category."""
    warnings = list(found)
    if envelope.escaped_fields:
        places = " and ".join(envelope.escaped_fields)
        text = f"Found {LONE_SURROGATE}, in {places}: it is written as its escape."
        warnings.insert(0, errors.TypeFidelityWarning(text))
    if envelope.excess:
        outcome = "are not kept in the metadata" if envelope.statistics else "were not read"
        warnings.insert(0, errors.StatisticsWarning(f"The statistics {envelope.excess}, so they {outcome}."))
    found_of: defaultdict[type[ConnectyWarning], list[ConnectyWarning]] = defaultdict(list)
    for warning in warnings:
        found_of[type(warning)].append(warning)
        if len(found_of[type(warning)]) <= MOST_WARNINGS:
            errors.warn(warning)
    for category, same in found_of.items():
        if others := same[MOST_WARNINGS:]:
            columns = dict.fromkeys(repr(snippet(each.column)) for each in others if each.column is not None)
            named = f" Columns: {snippet(', '.join(columns), 3_000)}." if columns else ""
            errors.warn(
                category(
                    f"Not shown: {counted(len(others), 'more warning')} of this category.{named} "
                    "The answer's schema and statistics show the details."
                )
            )


def warn_of_difference(_kind: str, difference: str) -> None:
    """Warn of a difference between a saved response and the API document."""
    errors.warn(errors.ProtocolWarning(difference))


def silent_cut(decoded: Decoded, fetched: int | None) -> list[tuple[str, str]]:
    """Return a difference if a server without counts may have cut the rows at a limit of its own."""
    if fetched is None or decoded.rows not in _USUAL_LIMITS or decoded.rows >= fetched:
        return []
    rows = f"{decoded.rows:,} rows came of {fetched:,} requested"
    return [("a silent limit", f"{rows}, without a count: the server may have cut there.")]


def check_envelope(envelope: Envelope, options: AskOptions) -> None:
    """Raise ResponseError if a completed response has no results, or is not certain enough for ``strict``."""
    if envelope.unnamed is not None:
        names = snippet(", ".join(envelope.unnamed), 300) or "no other fields"
        raise errors.ResponseError(
            "The question is completed, but its response has none of the results of the API document; it has "
            f"{names}. Fetch it later, or report the names to the developers."
        )
    doubt = envelope.doubt or (
        "its statistics could not be fetched" if "statistics" in envelope.missing else ""
    )
    if doubt and options.strict:
        raise errors.ResponseError(
            f"The answer is in doubt: {doubt}. (This is an error because of strict=True.)"
        )


def report_truncation(metadata: AnswerMetadata, options: AskOptions, fetched: int | None) -> None:
    """Warn or raise, as the caller chose, if rows of a table were cut or may have been."""
    rows = counted(metadata.rows, "row")
    if metadata.truncated:
        total = metadata.total_rows
        cut = f"{rows} received, but the server counts or announces more"
        if total is not None:
            cut = f"{metadata.rows:,} of {counted(total, 'row')} received"
    elif metadata.truncated is None and fetched is not None:
        asked = f"though {fetched:,} {'was' if fetched == 1 else 'were'}"
        if metadata.rows == fetched:
            asked = "as many as were"
        cut = f"{rows} received, {asked} requested, and the statistics do not tell whether there are more"
    else:
        return
    remedy, shell_remedy = "max_rows=None fetches all", "--max-rows all fetches all"
    if options.max_rows is None and fetched is not None:
        remedy = shell_remedy = "the server sent no more: ask for fewer rows"
    elif fetched is not None and options.max_rows is not None and options.max_rows > fetched:
        remedy = shell_remedy = f"the server takes max_rows up to {fetched:,}: ask for fewer rows"
    if options.on_truncation == "raise":
        raise errors.TruncatedError(
            f"{cut};",
            hint=f"{remedy}.",
            shell_hint=f"{shell_remedy}.",
            rows=metadata.rows,
            total_rows=metadata.total_rows,
            question_id=metadata.question_id,
        )
    if options.on_truncation == "warn":
        errors.warn(
            errors.TruncationWarning(
                f"{cut};",
                hint=f"{remedy}, and on_truncation='ignore' hides this warning.",
                shell_hint=f"{shell_remedy}, and --on-truncation ignore hides this warning.",
            )
        )


def unfinished_error(envelope: Envelope, known: AnswerMetadata) -> errors.QuestionError:
    """Return the error of a question without an answer, with everything the server sent about it."""
    texts = {"response_summary": envelope.response_summary, "sql_query": envelope.sql_query}
    details = {**envelope.details, **{name: text for name, text in texts.items() if text}}
    listed = fields_text(details, envelope.more_details)
    subject = "The question" if known.question is None else f"The question {snippet(known.question)!r}"
    if envelope.state == State.FAILED:
        error: type[errors.QuestionError] = errors.QuestionFailed
        outcome, advice = "failed.", "Rephrase the question, or ask again if the server failed."
        without = " The server does not say why."
    else:
        error = errors.QuestionError
        outcome, advice = f"is not finished (state {snippet(envelope.state)}).", "Fetch it later."
        without = ""
    said = " The server says:" if listed else without
    return error(
        with_excerpt(f"{subject} {outcome}{said}", listed, advice),
        question_id=known.question_id,
        question=known.question,
        dw_id=known.dw_id,
        state=envelope.state,
        asked_at=known.asked_at,
        details=details,
    )
