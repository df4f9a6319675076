"""``connecty doctor --ask``: one question, and what its responses show of the service."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from connecty_frames.sandbox import Sandbox
from tests.servers.scripted import QUESTION_ID, Script, serve
from tests.servers.timing import until

TOP_COUNTRIES: Final = "list the top 5 countries with the most orders"
SECRET: Final = "canary-of-a-secret"
ROW: Final = re.compile(r"(held|not held|not seen) +([a-z-]+) +(.*)")
HELD_BY_THE_SANDBOX: Final = ["states", "json", "fields", "table", "numbers", "sections", "count"]
Run = tuple[int, dict[str, tuple[str, str]], str]


@pytest.fixture
def contact(shell: Any, settings: dict[str, object]) -> Callable[..., Run]:
    """Return a function that runs the command; it returns exit code, assumptions by name, standard error."""

    def run(*arguments: str, question: str = "how many?", **changed: object) -> Run:
        known = {**settings, "client_id": "canary-of-an-id", "client_secret": SECRET, **changed}
        code, out, err = shell.text(shell.run("doctor", "--ask", question, *arguments, **known))
        for canary in (SECRET, "canary-token", "Traceback"):
            assert canary not in out + err
        rows = [ROW.match(line) for line in out.splitlines()]
        return code, {row[2]: (row[1], row[3].rstrip()) for row in rows if row}, err

    return run


PARTS: Final = "dataframe,statistics,sqlquery,summary"


def saved(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    assert SECRET not in text
    assert "canary-token" not in text
    return json.loads(text)


def bodies(server: Script) -> list[bytes]:
    return [request.body for request in server.requests if request.body and b"question" in request.body]


def test_the_sandbox(contact: Any, sandbox: Sandbox) -> None:
    """All that one question shows holds; it is asked once, and its answer is not paid for again."""
    asked = sandbox.request_log.submissions().get(TOP_COUNTRIES, 0)
    code, found, err = contact(question=TOP_COUNTRIES, **sandbox.connection)
    assert code == 0
    assert [name for name, (outcome, _) in found.items() if outcome == "held"] == HELD_BY_THE_SANDBOX
    assert {outcome for outcome, _ in found.values()} == {"held", "not seen"}
    assert err.startswith("Question ")
    assert sandbox.request_log.submissions()[TOP_COUNTRIES] == asked + 1


def test_what_did_not_hold(contact: Any, server: Script) -> None:
    """Exit code 13, and neither a value nor the name of a column on standard output."""
    answer = {
        "state": "COMPLETED",
        "took_ms": 12,
        "results": {
            "dataframe": [["Geheim", "wann"], ["4711.50", "2025-11-04"]],
            "dataframe_stats": {"Geheim": {"numerical": {"min": 1}}, "wann": {"string": {}}},
        },
    }
    server.on("results", Script.answer(200, answer))

    code, found, _ = contact()

    assert code == 13
    assert {name: evidence for name, (outcome, evidence) in found.items() if outcome == "not held"} == {
        "fields": "others: took_ms; no response_summary and no sql_query",
        "table": "1 row of string; 1 StatisticsWarning",
        "numbers": "in quotes in column 1; up to 6 digits, 2 after the point; read as string",
        "times": "as 1111-11-11; not read as such: column 2",
        "sections": "numerical (1), string (1); unknown: numerical",
        "count": "no count that is a whole number",
    }
    assert "Geheim" not in str(found)
    assert "4711" not in str(found)
    assert len(bodies(server)) == 1


def test_what_came_is_saved(contact: Any, server: Script, tmp_path: Path) -> None:
    """Of each request; as received, or without texts and digits; an existing file is replaced."""
    path = tmp_path / "answer.json"
    path.write_bytes(b"before")
    body = b'{"state":  "COMPLETED", "results": {"dataframe": [["n"], ["Ada"], ["25.5"]]}}'
    server.on("results", Script.answer(200, raw=body))

    contact("--save", str(path))
    received = saved(path)
    contact("--save", str(path), "--anonymize")

    assert [(each["method"], each["path"], each["status"]) for each in received["exchanges"]] == [
        ("POST", "/v1/auth/token", 200),
        ("POST", "/v1/dw/13/questions", 202),
        ("GET", f"/v1/dw/13/questions/{QUESTION_ID}/results?include={PARTS}&max_rows=1000", 200),
    ]
    token, reply, answer = (each["body"] for each in received["exchanges"])
    assert token["access_token"] == "x" * len("canary-token-1")
    assert (reply, answer) == ({"question_id": QUESTION_ID}, json.loads(body))
    masked = saved(path)["exchanges"]
    assert masked[1]["body"] == {"question_id": QUESTION_ID}
    assert masked[2]["body"] == {"state": "COMPLETED", "results": {"dataframe": [["1"], ["xxx"], ["11.1"]]}}
    assert masked[2]["headers"] == {"Content-Type": "application/json", "Content-Length": f"{len(body)}"}
    assert list(tmp_path.iterdir()) == [path]


def test_a_secret_in_escapes_is_not_saved(contact: Any, server: Script, tmp_path: Path) -> None:
    """Nor one that is cut; the key of a question in doubt is there for support."""
    path = tmp_path / "contact.json"
    escaped = "".join(f"\\u{ord(each):04x}" for each in SECRET)
    server.on("ask", Script.answer(200, raw=f'{{"said {escaped}": ["{escaped}"]}}'.encode()))
    code, _, err = contact("--save", str(path))
    assert code == 9
    assert saved(path)["exchanges"][1]["body"] == {"said ***": ["***"]}
    assert f"X-Request-Id {saved(path)['x_request_id']}" in err


@pytest.mark.usefixtures("_waits_cost_no_time")
@pytest.mark.parametrize(
    ("step", "code", "says", "last"),
    [
        (
            Script.answer(200, raw=b"<p>Log in, Ada", Content_Type="text/html"),
            6,
            "ResponseError: ",
            "xxxxxx xxx xxx",
        ),
        (
            Script.answer(200, raw=b'{"state": "COMPLETED", "results": {"dataframe": [["a"], [1, 2]]}}'),
            6,
            "ResponseError: ",
            {"state": "COMPLETED", "results": {"dataframe": [["1"], [1, 1]]}},
        ),
        (
            Script.answer(200, raw=b'{"state": "FAILED", "error": "Ada"}'),
            7,
            "QuestionFailed: ",
            {"state": "FAILED", "error": "xxx"},
        ),
        (
            Script.answer(200, raw=b'{"state": "WAITING", "results": {}}'),
            8,
            "QuestionTimeout: ",
            {"state": "WAITING", "results": {}},
        ),
        (Script.answer(200, raw=b'{"state": "PENDING"}'), 8, "QuestionTimeout: ", {"state": "PENDING"}),
        (Script.answer(500, {"detail": SECRET}), 5, "ServerError: ", {"detail": "x" * len(SECRET)}),
    ],
)
def test_no_answer(
    contact: Any, server: Script, tmp_path: Path, step: Any, code: int, says: str, last: Any
) -> None:
    """The exit code is that of the error; what came is saved, and judged if it ends the question."""
    path = tmp_path / "answer.json"
    server.on("results", step)
    found, assumptions, err = contact("--save", str(path), "--anonymize")
    assert (found, says in err) == (code, True)
    assert bool(assumptions) == (last not in ({"state": "PENDING"}, {"detail": "x" * len(SECRET)}))
    assert saved(path)["exchanges"][-1]["body"] == last
    assert saved(path)["error"] == says.removesuffix(": ")
    assert len(bodies(server)) == 1
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("step", "code", "says"),
    [
        (Script.reset, 9, "SubmissionUncertain: "),
        (Script.answer(200, raw=b"nonsense"), 9, "SubmissionUncertain: "),
        (Script.answer(422, {"detail": "no"}), 5, "APIError: "),
    ],
)
def test_a_question_that_is_not_accepted(
    contact: Any, server: Script, step: Any, code: int, says: str
) -> None:
    """It is not asked again, even if it may have been started; no answer came that could be judged."""
    server.on("ask", step)
    assert contact()[:2] == (code, {})
    assert says in contact()[2]
    assert len(bodies(server)) == 2


def test_no_server(contact: Any, tmp_path: Path) -> None:
    """Nothing is asked after a check that failed, and no file is written."""
    with serve() as script:
        closed = script.address
    code, found, err = contact("--save", str(tmp_path / "answer.json"), base_url=closed)
    assert (code, found, err) == (4, {}, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--ask", " "], "ConfigError: --ask is blank; expected a question in plain language.\n"),
        (["--save", "a.json"], "ConfigError: --dw-id and --save need --ask, and --anonymize needs "),
        (["--dw-id", "1"], "ConfigError: --dw-id and --save need --ask, and --anonymize needs "),
        (["--ask", "a", "--anonymize"], "ConfigError: --dw-id and --save need --ask, and --anonym"),
        (["--ask", "a", "--save", "/nope/a.json"], "FileNotFoundError: "),
        (["--ask", "a", "--save", "-"], "ConfigError: --save needs a file name; - is only for --output."),
        (["--ask", "a", "--save", "s3://a/b"], "ConfigError: save: expected a local path"),
        (["--ask", "a", "--dw-id", "-1"], "ConfigError: dw_id="),
        (["--ask", "a", "--dw-id", "x"], "Invalid value for '--dw-id'"),
        (["--ask"], "Option '--ask' requires an argument"),
    ],
)
def test_wrong_options(
    shell: Any, server: Script, settings: dict[str, object], arguments: list[str], says: str
) -> None:
    """Nothing is sent."""
    code, out, err = shell.text(shell.run("doctor", *arguments, **settings))
    assert (code, out) == (1 if "Error: [Errno" in err else 2, "")
    assert says in err
    assert server.requests == []


@pytest.mark.parametrize(
    ("endpoint", "step", "code"),
    [
        ("health", Script.answer(200, raw=b"<p>Log in", Content_Type="text/html"), 6),
        ("health", Script.answer(503), 5),
        ("token", Script.answer(200, raw=b"nonsense"), 3),
        ("token", Script.answer(401, {"detail": SECRET}), 3),
    ],
)
def test_a_check_that_fails(contact: Any, server: Script, endpoint: str, step: Any, code: int) -> None:
    """Nothing is asked, so nothing is paid for; the exit code is that of the check."""
    server.on(endpoint, step)
    assert contact() == (code, {}, "")
    assert bodies(server) == []


@pytest.mark.slow
def test_ctrl_c(shell: Any, start: Any, tmp_path: Path) -> None:
    """Exit code 130, with the line that fetches the answer; what came is saved, and no other file is left."""
    with Sandbox(latency=60) as slow:
        running = start(
            *("doctor", "--ask", TOP_COUNTRIES, "--save", str(tmp_path / "answer.json")), **slow.connection
        )
        until(lambda: slow.request_log.counts()["GET /v1/dw/{dw_id}/questions/{question_id}/results"])
        code, out, err = running.interrupt()

    assert code == 130
    assert "not seen" not in out
    assert "may still be running; to fetch its answer without asking again: connecty ask" in (
        shell.after_acceptance(err)
    )
    assert saved(tmp_path / "answer.json")["exchanges"][1]["status"] == 200
    assert [path.name for path in tmp_path.iterdir()] == ["answer.json"]


@pytest.mark.parametrize(
    ("missing", "says"), [("client_id", ""), ("client_secret", ""), ("dw_id", "ConfigError: No dw_id.")]
)
def test_a_missing_setting(contact: Any, server: Script, missing: str, says: str) -> None:
    """Exit code 2, and nothing is asked; the checks say which of the credentials is missing."""
    code, found, err = contact(**{missing: ""})
    assert (code, found, err[: len("ConfigError: No dw_id.")]) == (2, {}, says)
    assert bodies(server) == []


def test_a_question_from_standard_input(shell: Any, server: Script, settings: dict[str, object]) -> None:
    """As for ``connecty ask``, so that a hyphen is not paid for."""
    done = shell.run("doctor", "--ask", "-", stdin="how many?\n", **settings)
    assert done.returncode == 13
    assert [json.loads(body) for body in bodies(server)] == [{"question": "how many?"}]


def test_it_says_that_it_costs(shell: Any) -> None:
    """The help, of the option that asks; and what a masked file still tells."""
    printed = " ".join(shell.run("doctor", "--help").stdout.decode().replace("│", " ").split())
    assert "which costs money" in printed
    assert (
        "The structure, the service's own names, true, false, null, row counts and text lengths stay."
        in printed
    )


def test_the_question_is_recorded(
    shell: Any, contact: Any, tmp_path: Path, settings: dict[str, object]
) -> None:
    """As each question that is paid for."""
    history = str(tmp_path / "history.sqlite3")
    contact(history=history)
    listed = shell.run("history", "--format", "csv", **{**settings, "history": history}).stdout.decode()
    assert QUESTION_ID in listed


def test_a_server_that_repeats_secrets(
    shell: Any, server: Script, settings: dict[str, object], tmp_path: Path
) -> None:
    """Also as names that are shown otherwise, none is printed, or left in a masked file."""
    secret, token = "canarysecret", "canarytoken"
    server.on("token", Script.answer(200, {"access_token": token, "expires_at": secret}))
    table = {"dataframe": [["a"], ["b"]], "dataframe_stats": {"a": {"string": {token: 1, secret: 1}}}}
    answer = {"state": "COMPLETED", secret: 1, "results": {token: secret, **table}}
    server.on("results", Script.answer(200, answer, Retry_After=token))
    path = tmp_path / "answer.json"

    done = shell.run(
        *("doctor", "--ask", "a", "--save", str(path), "--anonymize"), **{**settings, "client_secret": secret}
    )

    assert done.returncode == 13
    assert b"not held  fields       others: " in done.stdout
    assert b"canary" not in done.stdout + done.stderr
    assert "canary" not in path.read_text(encoding="utf-8")
