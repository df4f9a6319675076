"""The id of a question in the reply to it.

An id counts by its name and place, never by its shape: a lone UUID may be that of a trace, a parent
question or a login. What else the reply holds is kept for a person to read.
"""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urljoin, urlsplit

from connecty_frames._base.immutable import Immutable
from connecty_frames._base.text import snippet
from connecty_frames.http.models import SUCCESS
from connecty_frames.http.redaction import shown_headers
from connecty_frames.options import id_key, is_question_id, is_uuid
from connecty_frames.protocol import folded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connecty_frames.http.models import Attempt
    from connecty_frames.http.redaction import Redaction

#: The reply of the API document.
match_documented: Final = re.compile(
    rb'\s*\{\s*"question_id"\s*:\s*"([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})"\s*\}\s*'
).fullmatch
#: An id at the top of a reply, perhaps cut: no other object comes before it.
_search_part: Final = re.compile(
    rb'\A\s*\{[^{}\[\]]*?"question_id"\s*:\s*(?:"([^"\\]{1,200})"|([0-9]{1,200})\s*[,}])'
).search
#: Names at the top of a reply whose object may hold the id.
_HOLDERS: Final = frozenset({"data", "result", "question"})
#: The names of the id at the top or in a holder, in lower case without underscores; the first one found
#: decides. Each with its statuses, and the fields that rule it out. The path of ``Location`` counts beside
#: either.
_RULES: Final[tuple[tuple[str, frozenset[int], frozenset[str]], ...]] = (
    # A refusal may name the running question; after other failures this one may be it.
    ("questionid", frozenset({*range(200, 400), 408, *range(500, 600)}), frozenset()),
    ("id", frozenset(SUCCESS), frozenset({"error", "errors"})),
)
_LOCATED: Final = range(200, 400)
#: Statuses with a Location for the new question; under others it may name any page.
_NAMES_RESULT: Final = (201, 202, 303)
_search_token: Final = re.compile(rb"(?:access|id|refresh|bearer)[_-]?token|\bjwt\b", re.IGNORECASE).search
#: How much of a reply is kept: characters, and ids.
_MOST_KEPT: Final = 2_000
_MOST_IDS: Final = 20


class _Object(list[tuple[str, Any]]):
    """A JSON object as its pairs, since a name may be repeated."""


class Reply(Immutable):
    """The ids in the reply to a question, each with its place in the reply."""

    hidden = frozenset({"named", "others"})

    status: int
    named: list[tuple[str, Any]]  # by a name of the question's id; a value may be no id
    others: dict[str, str]  # UUIDs under other names

    @property
    def problem(self) -> str:
        """Why there is no id; empty if there is one."""
        if not self.named:
            return "without a question_id"
        if not all(is_question_id(value) for _, value in self.named):
            return "with a question_id that is not valid"
        return "" if len({id_key(value) for _, value in self.named}) == 1 else "with two different ids"

    @property
    def question_id(self) -> str | None:
        """The id of the question, or None if there is a problem."""
        return None if self.problem else self.named[0][1]


def read_reply(attempt: Attempt, url: str, dw_id: int) -> Reply:
    """Find the ids in the received part of the reply to a question sent to ``url``."""
    body, status = attempt.received.getvalue(), attempt.status or 0
    try:
        # Numbers as their texts: an id is sent back as it was received.
        places = list(_places(json.loads(body, object_pairs_hook=_Object, parse_int=str)))
    except (ValueError, RecursionError):
        part = _search_part(body) if body.count(b'"question_id"') == 1 else None
        cut = (part[1] or part[2]).decode(errors="replace") if part else None
        places = [("question_id", "questionid", cut)]
    named: list[tuple[str, Any]] = []
    for wanted, statuses, spoilt_by in _RULES:
        found = [(place, value) for place, name, value in places if name == wanted]
        if found and status in statuses and not any(name in spoilt_by and value for _, name, value in places):
            named = [(place, value) for place, value in found if value is not None]
            break
    located = _id_in_location(attempt, url, dw_id)
    named += [] if located is None else [("Location", located)]
    others = ((place, value) for place, _, value in places if is_uuid(value))
    return Reply(status, named[:_MOST_IDS], dict(islice(others, _MOST_IDS)))


def _places(reply: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield each value at the top and one level below, with its place and its name for the rules."""
    prefix, top = ("[0].", reply[0]) if _is_list_of_one(reply) else ("", reply)
    fields = top if isinstance(top, _Object) else ()
    of_call = "id" if any(name == "jsonrpc" for name, _ in fields) else None
    for name, value in fields:
        yield prefix + name, "" if name == of_call else folded(name), value
        inner = value[0] if _is_list_of_one(value) else value
        for below, held in inner if isinstance(inner, _Object) else ():
            yield f"{prefix}{name}.{below}", folded(below) if folded(name) in _HOLDERS else "", held


def _is_list_of_one(value: Any) -> bool:
    return type(value) is list and len(value) == 1


def _id_in_location(attempt: Attempt, url: str, dw_id: int) -> str | None:
    """Return the id in the path of a question of this workspace, on the same host."""
    if attempt.status not in _LOCATED:
        return None
    try:
        target = urlsplit(urljoin(url, attempt.headers.get("Location", "")))
        is_same_host = target.hostname == urlsplit(url).hostname
    except ValueError:
        return None
    found = re.search(rf"/dw/{dw_id}/questions/([^/]+?)(?:/results)?/?\Z", target.path)
    if found is None or not is_same_host:
        return None
    question_id = unquote(found[1])
    is_certain = attempt.status in _NAMES_RESULT or is_uuid(question_id) or question_id.isdecimal()
    return question_id if is_certain and is_question_id(question_id) else None


def shown_reply(attempt: Attempt, reply: Reply, redact: Redaction) -> dict[str, Any]:
    """Describe a reply, without secrets, for the details of an error."""
    headers = shown_headers(attempt.headers, redact)
    body = attempt.received.getvalue()
    # A token may come with any status, and is not known here.
    shown = "" if _search_token(body) else snippet(redact(body), _MOST_KEPT)
    ids = {
        snippet(redact(place)): snippet(redact.data(str(value)), 200)
        for place, value in [*reply.others.items(), *reply.named]
    }
    return {"status": attempt.status, "headers": headers, "reply": shown, "ids": ids}
