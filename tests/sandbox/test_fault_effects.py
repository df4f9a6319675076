"""Faults at the endpoints: their effect, and what the client sees of it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
import requests

from connecty_frames.sandbox import Fault, Sandbox
from tests.servers.timing import until

QUESTION = "SELECT 7 AS n"


@pytest.fixture
def api(connect: Any) -> Iterator[Any]:
    with Sandbox(answers={QUESTION: [{"n": 7}]}) as box:  # for a query it would start a process
        yield connect(box)


def post(api: Any, question: str = QUESTION) -> requests.Response:
    return api.session.post(api.url("/v1/dw/13/questions"), json={"question": question}, timeout=5)


@pytest.mark.parametrize("fault", [{"status": 503}, {"reset": True}, {"close": True}])
@pytest.mark.parametrize(("when", "accepted"), [("before", 0), ("after", 1)])
def test_a_question_before_and_after_it_is_accepted(
    api: Any, fault: dict[str, Any], when: Any, accepted: int
) -> None:
    """The client sees the same in both cases; the request log shows whether the question was accepted."""
    api.sandbox.faults.add(Fault("ask", when=when, **fault))
    with suppress(requests.ConnectionError):
        assert post(api).status_code == 503
    assert api.sandbox.request_log.submissions() == ({QUESTION: 1} if accepted else {})
    seen = api.sandbox.request_log.requests[-1]
    assert (seen.method, seen.question, seen.status) == ("POST", QUESTION, fault.get("status"))
    assert seen.fault.startswith("ask:")


@pytest.mark.slow
def test_a_lost_reply_leaves_the_question_running(api: Any) -> None:
    """The question is accepted, answered, and its results can be fetched by id."""
    api.sandbox.faults.add(Fault("ask", lost=True))
    url, options = api.url("/v1/dw/13/questions"), {"json": {"question": QUESTION}, "timeout": 60}
    with ThreadPoolExecutor(1) as pool:
        lost = pool.submit(requests.post, url, headers=dict(api.session.headers), **options)
        until(lambda: api.sandbox.request_log.questions)
        (asked,) = api.sandbox.request_log.questions
        while (body := api.results(asked.question_id).json())["state"] != "COMPLETED":
            pass
        assert body["results"]["dataframe"] == [["n"], [7]]
        assert not lost.done()
        api.sandbox.close()
        with pytest.raises(requests.ConnectionError):
            lost.result()


def test_a_state_that_is_not_in_the_document(api: Any) -> None:
    """It is reported for any real state, and not without a token."""
    api.sandbox.faults.add(Fault("results", state="ARCHIVED", times=2))
    question_id = api.ask(QUESTION)
    assert api.results(question_id).json() == {"state": "ARCHIVED"}
    path = f"/v1/dw/13/questions/{question_id}/results"
    assert requests.get(api.url(path), timeout=5).status_code == 401
    assert api.results(question_id).json()["state"] != "ARCHIVED"


def test_tokens_expire_all_at_once(api: Any) -> None:
    """Requests are rejected until there is a new token, which may expire at once; no question is accepted."""
    api.sandbox.faults.add(Fault("ask", expired=True, times=1))

    rejected = post(api)
    assert (rejected.status_code, rejected.json()["message"]) == (
        401,
        "The token has expired, or is not one of this server's.",
    )
    assert api.sandbox.request_log.submissions() == {}
    assert post(api).status_code == 401
    api.login()
    assert post(api).status_code == 200

    api.sandbox.faults.add(Fault("token", expired=True))
    api.login()
    assert post(api).status_code == 401


def test_faults_add_no_secret_to_the_request_log(api: Any) -> None:
    """The log has neither the token nor the client secret."""
    api.sandbox.faults.add(Fault("token", latency=0.0), Fault("ask", latency=0.0))
    api.login()
    post(api)
    written = repr(api.sandbox.request_log)
    assert api.sandbox.connection["client_secret"] not in written
    assert api.session.headers["Authorization"].removeprefix("Bearer ") not in written
