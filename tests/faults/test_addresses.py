"""Values that must not be part of an address, and unsafe addresses, are rejected before anything is sent."""

from functools import partial
from typing import Any

import pytest

import connecty_frames as cf
from connecty_frames.client import Client
from tests.servers.scripted import QUESTION_ID


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("base_url", "http://api.test"),
        ("base_url", "http://192.0.2.1"),
        ("base_url", "http://127.0.0.1.evil.test"),
        ("base_url", "https://user:canary@api.test"),
        ("base_url", "https://user@api.test"),
        ("base_url", "https://api.test/?x"),
        ("base_url", "https://api.test/\r\nX: y"),
        ("base_url", "ftp://api.test"),
        ("client_secret", "canary\r\nX: y"),
        ("client_secret", "canary\x00"),
        ("client_id", "canary\x1b[2J"),
    ],
)
def test_a_setting_that_would_leak(server: Any, setting: str, value: str) -> None:
    """ConfigError from the constructor, which names the setting and does not repeat a possible secret."""
    settings: dict[str, Any] = {"client_id": "id", "client_secret": "s", "base_url": server.address}
    with pytest.raises(cf.ConfigError) as caught:
        cf.Client(**settings | {setting: value})
    assert caught.value.setting == setting
    assert "canary" not in str(caught.value)
    assert server.connections == 0


@pytest.mark.parametrize(
    "question_id", ["../x", "a?x", "a#b", ".", "", f"{QUESTION_ID}/../..", "a" * 201, None, True, b"x"]
)
def test_an_id_that_cannot_be_one(server: Any, client: Client, question_id: Any) -> None:
    """ConfigError for the setting question_id, from every entry point; nothing is sent."""
    for act in (client.question, partial(cf.fetch, client=client), partial(cf.fetch_df, client=client)):
        with pytest.raises(cf.ConfigError) as caught:
            act(question_id)
        assert caught.value.setting == "question_id"
    assert server.connections == 0


@pytest.mark.parametrize("dw_id", [-1, True, "13", "../x", 1.5, 10**100])
def test_a_workspace_that_is_not_a_number(server: Any, client: Client, dw_id: Any) -> None:
    """ConfigError for the setting dw_id, from a call and from the client; nothing is sent."""
    for act in (partial(client.submit, "how many?"), partial(cf.Client, "id", client_secret="s")):
        with pytest.raises(cf.ConfigError) as caught:
            act(dw_id=dw_id)
        assert caught.value.setting == "dw_id"
    assert server.connections == 0


def test_an_address_that_ends_in_the_version(server: Any) -> None:
    """It is removed from those of the regions; the error of another address names it."""
    settings: dict[str, Any] = {"client_secret": "s", "dw_id": 13, "timeout": 5}
    assert " at https://api.eu1.connecty-ai.com, " in repr(
        cf.Client("id", base_url="https://api.eu1.connecty-ai.com/v1/", **settings)
    )
    server.on("ask", server.answer(404))  # for all that is not a path of the API
    with (
        cf.Client("id", base_url=f"{server.address}/v1", **settings) as client,
        pytest.raises(cf.AuthError, match=r"base_url ends in /v1, and paths begin with /v1: remove it there"),
    ):
        client.ask("how many?")
