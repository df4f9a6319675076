"""Messages on standard error: hints are worded for the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import connecty_frames as cf
from connecty_frames.cli.messages import shell_message

if TYPE_CHECKING:
    from pathlib import Path


def test_missing_credentials() -> None:
    """The command line has neither arguments of Client nor configure()."""
    with pytest.raises(cf.ConfigError) as raised:
        cf.Client()

    assert str(raised.value).startswith(
        "No client_id (environment: CONNECTY_CLIENT_ID) and client_secret (environment: "
        "CONNECTY_CLIENT_SECRET). Set it as an argument of Client, by connecty_frames.configure(), in the "
        "environment, or in a profile"
    )
    assert shell_message(raised.value).startswith(
        "No client_id (environment: CONNECTY_CLIENT_ID) and client_secret (environment: "
        "CONNECTY_CLIENT_SECRET). Set it in the environment, or in a profile"
    )


def test_a_missing_workspace() -> None:
    """It is an option there."""
    with cf.Client("a", client_secret="bbbb") as client, pytest.raises(cf.ConfigError) as raised:
        client.ask("how many?")

    assert str(raised.value) == (
        "No dw_id. Give the data workspace to ask as dw_id=, as an argument of Client, by configure(), or in "
        "the environment as CONNECTY_DW_ID. ConnectyAI shows it in Manager > Data Environments > Data "
        "Workspaces > Workspace ID."
    )
    assert shell_message(raised.value) == (
        "No dw_id. Give the data workspace to ask as --dw-id, in a profile, or in the environment as "
        "CONNECTY_DW_ID. ConnectyAI shows it in Manager > Data Environments > Data Workspaces > Workspace ID."
    )


def test_truncation(golden: Path) -> None:
    """As a warning and as an error."""
    with pytest.warns(cf.TruncationWarning) as warned:
        cf.Answer.from_json(golden / "login_timestamps.json")
    with pytest.raises(cf.TruncatedError) as raised:
        cf.Answer.from_json(golden / "login_timestamps.json", on_truncation="raise")

    warning = warned[0].message
    assert isinstance(warning, cf.TruncationWarning)
    assert shell_message(warning) == (
        "3 of 100 rows came; --max-rows all fetches all, --on-truncation ignore is silent."
    )
    assert shell_message(raised.value) == "3 of 100 rows came; --max-rows all fetches all."


def test_a_message_without_a_hint_is_as_it_is() -> None:
    """Also one of Python's own errors."""
    assert shell_message(cf.ConfigError("max_rows=-1")) == "max_rows=-1"
    assert shell_message(OSError("no space")) == "no space"
