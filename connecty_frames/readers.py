"""``read_connecty``, a reader like ``pandas.read_sql``; it can be installed in pandas and polars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from connecty_frames.api import ask_df, shared_client
from connecty_frames.errors import ConfigError
from connecty_frames.options import AskOptions, AskOptionsDict, shows_options
from connecty_frames.text import quoted, value_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    import polars as pl

    from connecty_frames.client import Client

__all__ = ["install_readers", "read_connecty"]


@shows_options("schema")
def read_connecty(
    question: str,
    con: Client | None = None,
    *,
    dtype: object = None,
    index_col: str | Sequence[str] | None = None,
    **options: Unpack[AskOptionsDict],
) -> pd.DataFrame:
    """Ask a question, with parameters like those of ``pandas.read_sql``.

    Parameters
    ----------
    question
        In plain language; ignored if ``question_id`` is given.
    con
        The client to use; None uses a shared one, made from the settings.
    dtype
        Column types, as for ``schema`` of :func:`ask_df`.
    index_col
        The column or columns to use as the index.
    dw_id
        The data workspace to ask; None uses the configured one.
    dtype_backend
        The dtypes of pandas columns: ``"numpy_nullable"`` (null and NaN are different), ``"pyarrow"``, or
        ``"numpy"`` (plain numpy, with a warning about what it cannot hold).
    max_rows
        The maximum number of rows to fetch, 0 or more; None fetches all.
    tz
        The time zone of timestamps with an offset, as an IANA name. The instants themselves do not change,
        and columns without an offset are not affected.
    infer_temporal
        Whether text becomes dates and timestamps where there are no statistics about the column, and every
        value is a full date, or a timestamp with hours and minutes.
    decimals
        The type of numbers with a fraction whose digits float64 does not give back: ``"exact"`` is decimal,
        ``"float"`` the nearest float64, and ``"auto"`` the nearest float64 where they were computed (more
        than 9 digits after the point, not in quotes), otherwise decimal.
    strict
        Whether a doubt about a type or a value is an error instead of a warning.
    on_truncation
        What to do when rows were cut: ``"warn"``, ``"raise"`` or ``"ignore"``.
    timeout
        Seconds for the whole call; None uses the configured timeout.
    progress
        True or False shows or hides the progress line, a callable receives each step, None shows it if
        standard error is a terminal.
    question_id
        The id of a question asked before: its answer is fetched, and nothing is asked (or paid) again.

    Returns
    -------
    pandas.DataFrame
        As for :func:`ask_df`.

    Raises
    ------
    ConfigError
        If ``index_col`` is not a name or list of names, or both ``dtype`` and ``schema`` are given; nothing
        was sent. If the answer has no such column; ``question_id`` of the error fetches the answer again.
    ConnectyError
        As for :func:`ask_df`.

    Examples
    --------
    >>> import connecty_frames as cf
    >>> df = cf.read_connecty("list the top 5 countries with the most orders", index_col="country")
    >>> int(df.loc["Poland", "orders"])
    31768
    """
    if dtype is not None and options.get("schema") is not None:
        raise ConfigError("dtype and schema are the same option: give one of them.", setting="dtype")
    names = _index_names(index_col)
    given = options if dtype is None else {**options, "schema": dtype}
    ask_options = AskOptions.from_kwargs(given, engine="pandas")
    answer = shared_client(con).answer(question, ask_options)
    frame: pd.DataFrame = answer.to_frame(ask_options)
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise ConfigError(
            f"index_col: the answer has no column {missing[0]!r}; there are {quoted(list(frame.columns))}. "
            f"question_id={answer.question_id!r} fetches it again.",
            setting="index_col",
            question_id=answer.question_id,
        )
    return frame.set_index(names) if names else frame


def install_readers() -> None:
    """Install ``read_connecty`` as a reader of pandas and polars.

    Afterwards ``pd.read_connecty`` is :func:`read_connecty`, and ``pl.read_connecty(question, con=None,
    **options)`` returns a polars frame. This imports both libraries; without this call nothing is added to
    these modules, and calling it again changes nothing. Type checkers do not see the attributes:
    ``cf.read_connecty`` and ``cf.ask_df`` are the typed functions.
    """
    import pandas as pd
    import polars as pl

    for library, reader in ((pd, read_connecty), (pl, _read_polars)):
        library.read_connecty = reader  # type: ignore[attr-defined]


@shows_options()
def _read_polars(question: str, con: Client | None = None, **options: Unpack[AskOptionsDict]) -> pl.DataFrame:
    """Ask a question and return the answer as a polars frame.

    Parameters
    ----------
    question
        In plain language; ignored if ``question_id`` is given.
    con
        The client to use; None uses a shared one, made from the settings.
    **options
        See :class:`AskOptions`. There is no ``index_col`` and no ``dtype``.

    Returns
    -------
    polars.DataFrame
        As for ``ask_df(..., engine="polars")``.

    Raises
    ------
    ConnectyError
        As for :func:`ask_df`.
    """
    return ask_df(question, engine="polars", client=con, **options)


_read_polars.__name__ = _read_polars.__qualname__ = "read_connecty"


def _index_names(index_col: object) -> list[str]:
    """Return the names of the index columns, checked before a question is paid for."""
    names = [index_col] if isinstance(index_col, str) else index_col
    if names is None:
        return []
    if isinstance(names, list | tuple) and names and all(isinstance(name, str) for name in names):
        return list(names)
    raise ConfigError(
        f"index_col={value_text(index_col)}: expected the name of a column, or a list of names.",
        setting="index_col",
    )
