"""Messages on standard error: hints are worded for the command line."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, TypeAlias

import pytest

import connecty_frames as cf

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from connecty_frames.sandbox import Sandbox

ShellMessage: TypeAlias = "Callable[[Exception], str]"


@pytest.fixture(scope="module")
def shell_message() -> ShellMessage:
    """Return the function, imported while warnings about the oldest supported typer are off."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from connecty_frames.cli.messages import shell_message

    return shell_message


def test_missing_credentials(shell_message: ShellMessage) -> None:
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


def test_a_missing_workspace(shell_message: ShellMessage) -> None:
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


def test_truncation(golden: Path, shell_message: ShellMessage) -> None:
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


def test_an_answer_that_is_too_large(sandbox: Sandbox, shell_message: ShellMessage) -> None:
    """max_body_bytes is no option there."""
    settings = {**sandbox.connection, "max_body_bytes": 5_000}
    with cf.Client(**settings) as client, pytest.raises(cf.ResponseTooLarge) as raised:
        client.ask("list all orders")

    assert str(raised.value).endswith(
        " Ask for fewer rows (max_rows=), or raise the limit: max_body_bytes=, or CONNECTY_MAX_BODY_BYTES."
    )
    assert shell_message(raised.value).endswith(
        " Ask for fewer rows (--max-rows), or set CONNECTY_MAX_BODY_BYTES."
    )


def test_a_certificate_that_is_not_trusted(sandbox: Sandbox, shell_message: ShellMessage) -> None:
    """Nor is ca_bundle."""
    address = sandbox.connection["base_url"].replace("http:", "https:")  # where no TLS is spoken
    settings = {**sandbox.connection, "base_url": address, "timeout": 0.5}
    with cf.Client(**settings) as client, pytest.raises(cf.ConnectionFailed) as raised:
        client.ask("how many?")

    assert str(raised.value).endswith(
        " give its CA bundle as ca_bundle= or in CONNECTY_CA_BUNDLE; REQUESTS_CA_BUNDLE is read too."
    )
    assert shell_message(raised.value).endswith(
        " give its CA bundle in CONNECTY_CA_BUNDLE; REQUESTS_CA_BUNDLE is read too."
    )


def test_a_message_without_a_hint_is_as_it_is(shell_message: ShellMessage) -> None:
    """Also one of Python's own errors."""
    assert shell_message(cf.ConfigError("max_rows=-1")) == "max_rows=-1"
    assert shell_message(OSError("no space")) == "no space"
