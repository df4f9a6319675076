"""Addresses, paths and parameters, as the API document writes them."""

from __future__ import annotations

from connecty_frames import protocol


def test_addresses() -> None:
    """One for each region, without the final slash, so that no path begins with two."""
    assert protocol.REGIONS == {
        "eu1": "https://api.eu1.connecty-ai.com",
        "us1": "https://api.us1.connecty-ai.com",
    }


def test_paths() -> None:
    """The four endpoints."""
    assert protocol.HEALTH == "/v1/health"
    assert protocol.TOKEN == "/v1/auth/token"
    assert protocol.QUESTIONS.format(dw_id=13) == "/v1/dw/13/questions"
    assert (
        protocol.RESULTS.format(dw_id=13, question_id="729cb7a4-4b06-449e-a3c9-df40f5e570b8")
        == "/v1/dw/13/questions/729cb7a4-4b06-449e-a3c9-df40f5e570b8/results"
    )


def test_parameters() -> None:
    """The four components in the document's order, and the two defaults."""
    assert protocol.COMPONENTS == ("dataframe", "statistics", "sqlquery", "summary")
    assert protocol.DEFAULT_INCLUDE == ("dataframe",)
    assert protocol.DEFAULT_MAX_ROWS == 1000
