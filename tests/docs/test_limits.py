"""The numbers on the pages about limits, and the fields of the metadata on the page about security."""

import inspect
import re
from collections.abc import Callable
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import connecty_frames as cf
from connecty_frames.cli.first_contact import ASSUMPTIONS
from connecty_frames.settings.values import Settings
from tests.cases import cases

DOCS: Final = Path(__file__).parents[2] / "docs"


def lines() -> list[str]:
    """Return the lines of the page for users and of that for developers."""
    pages = ("limits.md", "design/requests.md")
    return [line for page in pages for line in (DOCS / page).read_text(encoding="utf-8").splitlines()]


def constant(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(import_module(f"connecty_frames.{module}"), name)


def default_of(function: Callable[..., Any], name: str) -> Any:
    return inspect.signature(function).parameters[name].default


@cases(
    ("row", "expected"),
    [
        (
            "| `max_rows` | 0 or more, below 10^18; `None` fetches all | 1000 |",
            {"options._MAX_ROWS_LIMIT": 10**18, "protocol.DEFAULT_MAX_ROWS": 1000},
        ),
        ("| `timeout` of a call | up to 30 days | 300 s |", {"options.MAX_TIMEOUT": 30 * 86_400}),
        (
            "| `max_body_bytes`, a response with results after decompression | as set | 2 GiB |",
            {"settings.values.LARGEST_BODY": 2_147_483_648},
        ),
        (
            "| any other response, after decompression | 1 MiB | |",
            {"http.transport._MAX_SMALL_BODY": 1_048_576},
        ),
        (
            "| values in the statistics | 2,000,000, in the metadata 100,000 | |",
            {"decode.exact_json.MOST_VALUES": 2_000_000, "decode.exact_json.MOST_KEPT": 100_000},
        ),
        (
            "| what is kept of a failure for its message | 64 KB, 1,000 fields | |",
            {"decode.envelope._MOST_KEPT": 65_536, "decode.envelope._MOST_DETAILS": 1000},
        ),
        (
            "| `keep_answers_max_bytes`, all kept answers, compressed | as set | 1 GiB |",
            {"settings.values.KEPT_BYTES": 1_073_741_824},
        ),
        ("| `dw_id` | 0 or more, below 10^100 | |", {"options.DW_ID_LIMIT": 10**100}),
        (
            "| a question from `--file` or standard input | 10,000,000 bytes | |",
            {"cli.arguments._MAX_BYTES": 10_000_000},
        ),
        (
            "| the profile file, the file of a pin | 1 MiB | |",
            {"settings.sources._MAX_BYTES": 1_048_576, "pins.folder._MAX_BYTES": 1_048_576},
        ),
        ("| nesting of values | 100 levels | |", {"decode.exact_json.MAX_DEPTH": 100}),
        (
            "| pause between polls | a tenth of the time elapsed, from 0.1 to 5 s | |",
            {"asking.polling._SHARE": 0.1, "asking.polling._MIN_PAUSE": 0.1, "asking.polling._MAX_PAUSE": 5},
        ),
        (
            "| attempts to connect | 3, within 10 s | |",
            {"http.transport.CONNECT_ATTEMPTS": 3, "http.transport._CONNECT_SECONDS": 10},
        ),
        (
            "| retries that all calls of a client share | 10 at the start, then 1 per second | |",
            {"http.transport._MAX_RETRIES": 10},
        ),
        (
            "| a fetch without a byte | tried again after 60 s, later after 120 s and so on | |",
            {"http.transport.IDLE_TIMEOUT": 60},
        ),
        ("| 404 for a question just accepted | polled on for 30 s | |", {"asking.polling._SETTLING": 30}),
        (
            "| use of a token | until 30 s, or a tenth of its lifetime, before its end | |",
            {"asking.auth._MARGIN": 30, "asking.auth._MARGIN_SHARE": 0.1},
        ),
        (
            "| use of a token whose end is missing, or more than 24 h away | 60 s | |",
            {"asking.auth._UNKNOWN_LIFETIME": 60, "asking.auth._MAX_LIFETIME": 86_400},
        ),
        (
            "| plot | 5,000 rows; 40 bars, 60 in order, 75 coloured; 10 colours; 6 measures, 4 panels | |",
            {
                "display.charts._MAX_ROWS": 5_000,
                "display.charts._MAX_SERIES": 6,
                "display.charts._MAX_PANELS": 4,
                "display.shapes._BARS": 40,
                "display.shapes._BARS_IN_ORDER": 60,
                "display.shapes._COLOURED_BARS": 75,
                "display.shapes.COLOURS": 10,
            },
        ),
        (
            "| fields and items of a list or struct, at all depths | 1,000, otherwise JSON text | |",
            {"decode.types.build.MOST_FIELDS": 1_000},
        ),
        ("| name of a question in a batch, of a pin | 100 bytes | |", {"files._NAME_BYTES": 100}),
        (
            "| a history that another process has locked | skipped, with `max_age` an error, after 1 s | |",
            {"store.database._TIMEOUT": 1},
        ),
        (
            "| a workbook for Excel | 1,048,575 rows, 16,384 columns, 32,767 characters in a cell | |",
            {
                "export._MAX_ROWS": 1_048_576,  # with the row of the names
                "export._MAX_COLUMNS": 16_384,
                "export._MAX_TEXT": 32_767,
            },
        ),
    ],
)
def test_a_documented_number_is_that_of_the_code(row: str, expected: dict[str, float]) -> None:
    """The row is on the page, and each constant behind it has the value that it states."""
    assert row in lines()
    assert {path: constant(path) for path in expected} == expected


@cases(
    ("row", "default", "expected"),
    [
        ("| `timeout` of a call | up to 30 days | 300 s |", Settings().timeout, 300),
        (
            "| questions at once in `ask_many` | `max_workers` | 8 |",
            default_of(cf.ask_many, "max_workers"),
            8,
        ),
        (
            "| questions at once in `ask_batch` | `max_workers` | 16 |",
            default_of(cf.ask_batch, "max_workers"),
            16,
        ),
        ("| rows of `cf.history()` | `limit` | 1000 |", default_of(cf.history, "limit"), 1000),
    ],
)
def test_a_documented_default_is_that_of_the_code(row: str, default: object, expected: int) -> None:
    """Of a setting, and of a parameter."""
    assert row in lines()
    assert default == expected


def test_the_page_about_security_has_every_field_of_the_metadata() -> None:
    """A new field of ``AnswerMetadata`` travels with frames, so readers must know what it may reveal."""
    page = (DOCS / "security.md").read_text(encoding="utf-8")
    _, _, section = page.partition("## Metadata that travels with a frame")
    table, _, _ = section.partition("No field has credentials.")
    assert [each.name for each in fields(cf.AnswerMetadata) if f"`{each.name}`" not in table] == []


def test_each_assumption_has_the_name_that_the_command_prints() -> None:
    """Those that ``connecty doctor --ask`` judges, in its order."""
    page = (DOCS / "limits.md").read_text(encoding="utf-8")
    _, _, section = page.partition("## Assumptions about the service")
    assert re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE) == list(ASSUMPTIONS)
