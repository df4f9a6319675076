"""``read_connecty``, a reader like ``pandas.read_sql``; it can be installed in pandas and polars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Unpack

from connecty_frames._base.text import quoted, value_text
from connecty_frames.answer_metadata import naming_question
from connecty_frames.api import ask_df, shared_client
from connecty_frames.errors import ConfigError, wrong_value
from connecty_frames.options import AskOptions, AskOptionsDict, shows_options

if TYPE_CHECKING:
    from connecty_frames.client import Client
    from connecty_frames.frames.accessor import PandasFrame, PolarsFrame


@shows_options(without=("schema",))
def read_connecty(
    question: str,
    con: Client | None = None,
    *,
    dtype: Any = None,
    index_col: str | Sequence[str] | None = None,
    **options: Unpack[AskOptionsDict],
) -> PandasFrame:
    """Ask a question, with parameters like those of ``pandas.read_sql``.

    Parameters
    ----------
    question : str
        In plain language.
    con : Client or None, default None
        The client to use; None uses a shared one, made from the settings.
    dtype : dict, schema, model or None, default None
        Column types, as for ``schema`` of :func:`ask_df`.
    index_col : str, sequence of str or None, default None
        The column or columns to use as the index.
    **options
        Options of :func:`ask_df`; ``dtype`` is its ``schema``.

    Returns
    -------
    pandas.DataFrame
        As for :func:`ask_df`.

    Raises
    ------
    ConfigError
        If ``index_col`` is not a name or list of names, or both ``dtype`` and ``schema`` are given; nothing
        was sent. Also if the answer has no such column; ``cf.fetch(error.question_id)`` fetches it again.
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
    names = [index_col] if isinstance(index_col, str) else index_col
    is_names = isinstance(names, list | tuple) and names and all(isinstance(name, str) for name in names)
    if names is not None and not is_names:  # checked before the question is paid for
        raise wrong_value("index_col", index_col, "the name of a column, or a list of names")
    given = options if dtype is None else {**options, "schema": dtype}
    ask_options = replace(AskOptions.from_kwargs(given), engine="pandas")
    answer = shared_client(con).call(question, ask_options).answer()
    frame: PandasFrame = answer.to_frame(ask_options)
    with naming_question(answer.metadata):
        return _indexed(frame, list(names)) if names else frame


def _indexed(frame: PandasFrame, names: list[str]) -> PandasFrame:
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise ConfigError(
            f"index_col: the answer has no column {value_text(missing[0])}; the columns are "
            f"{quoted(list(frame.columns))}.",
            setting="index_col",
        )
    return frame.set_index(names)


def install_readers() -> None:
    """Add ``read_connecty`` to pandas and polars.

    Afterwards ``pd.read_connecty`` is :func:`read_connecty`, and ``pl.read_connecty(question, con=None,
    **options)`` returns a polars frame. This imports both libraries. Type checkers do not see the attributes:
    ``cf.read_connecty`` and ``cf.ask_df`` are the typed functions.
    """
    import pandas as pd
    import polars as pl

    for library, reader in ((pd, read_connecty), (pl, _read_polars)):
        library.read_connecty = reader  # type: ignore[attr-defined]


@shows_options()
def _read_polars(question: str, con: Client | None = None, **options: Unpack[AskOptionsDict]) -> PolarsFrame:
    """Ask a question as pandas' ``read_connecty`` does, without ``dtype`` and ``index_col``."""
    return ask_df(question, engine="polars", client=con, **options)


_read_polars.__name__ = _read_polars.__qualname__ = "read_connecty"
