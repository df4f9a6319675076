"""What ``cast`` and ``Pin.rerun`` hold and refuse of the types of three databases."""

from collections import Counter

import pytest

pytest.importorskip("adbc_driver_postgresql.dbapi")
pytest.importorskip("adbc_driver_sqlite.dbapi")

from tests.verification.cast.rounded import run as run_rounded
from tests.verification.cast.run import LOST, SOURCES, run

#: How many columns of answers each source has that are held, refused and wrong.
EXPECTED = {
    "DuckDB, cast": (404, 25, 0),
    "DuckDB, rerun": (404, 25, 0),
    "PostgreSQL by ADBC, cast": (33, 3, 0),
    "PostgreSQL by ADBC, rerun": (33, 3, 0),
    "polars and ADBC of PostgreSQL, cast": (32, 2, 2),
    "psycopg by JSON text, cast": (36, 0, 0),
    "SQLite by ADBC, cast": (12, 0, 0),
    "SQLite by ADBC, rerun": (12, 0, 0),
    "polars and sqlite3, cast": (12, 0, 0),
}
#: What is refused on DuckDB, by any cut of its rows.
REFUSED = {
    *("39 digits", "76 digits", "77 digits", "times with offset", "bytes"),
    *("averages as decimals", "37 digits after the point"),
    *("intervals with months", "lists of not a number"),
}


@pytest.mark.slow
def test_rounded_numbers() -> None:
    """Of numbers that were rounded to floats first, none is changed; those of few digits are held."""
    counted, wrong = run_rounded(2_000, seed=50)
    assert wrong == []
    assert {name.split(" as ")[0] for name, outcome in counted if outcome == "held"} == {
        "double",
        "float",
        "halffloat",
    }
    assert sum(count for (_, outcome), count in counted.items() if outcome == "held") > 500


def test_each_source_is_expected() -> None:
    """None is left out."""
    assert EXPECTED.keys() == SOURCES.keys()


@pytest.mark.slow
@pytest.mark.external
@pytest.mark.parametrize("source", EXPECTED)
def test_types(source: str) -> None:
    """No value is wrong but what a client had lost, and no more is refused."""
    try:
        found = run(source)
    except FileNotFoundError as error:
        pytest.skip(str(error))
    assert {each.name for each in found if each.outcome == "wrong"} <= LOST
    if source.startswith("DuckDB"):
        assert {each.name for each in found if each.outcome == "refused"} == REFUSED
    counted = Counter(each.outcome for each in found)
    assert tuple(counted[each] for each in ("held", "refused", "wrong")) == EXPECTED[source]
