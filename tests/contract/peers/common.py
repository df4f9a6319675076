"""What the peers in Python share: a log of all requests, and replies that are written in a line.

A reply is a template of its body, or of its status, headers and body: ``503 Retry-After=0 | busy``. In it
``"$id"`` is a value as JSON, and ``$id`` within other text is its text. Status 000 closes the connection. Two
headers are instructions: ``delay`` waits for seconds, and ``starts`` says whether a question was started.
"""

import json
import re
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

#: The forms of ids that teams choose.
ID_FORMS: dict[str, Callable[[uuid.UUID], Any]] = {
    "uuid": str,
    "hex": lambda u: u.hex,
    "upper": lambda u: str(u).upper(),
    "int": lambda u: u.int % 90_000 + 10_000,
    "digits": lambda u: str(u.int % 90_000 + 10_000),
    "snowflake": lambda u: u.int % 10**18 + 10**18,
    "prefixed": lambda u: f"qst_{u.hex[:24]}",
    "urn": lambda u: f"urn:uuid:{u}",
    "braces": lambda u: f"{{{u}}}",
    "ulid": lambda u: f"01J{u.hex[:23].upper()}",
    "colon": lambda u: f"13:{u.int % 10_000}",
    "slash": lambda u: f"dw/13/questions/{u.hex[:8]}",
    "zero": lambda _: str(uuid.UUID(int=0)),
    "base64": lambda u: f"{u.hex[:20]}+a==",
}


@dataclass
class Reply:
    """A reply, before a server gives it the form of its own."""

    status: int
    body: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Variation:
    """One variation of a server: its switches, and what happened to its question."""

    name: str
    switches: dict[str, Any]
    requests: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    started: int = 0
    asked: int = 0
    polls: int = 0
    uses: int = 0

    def __post_init__(self) -> None:
        form = ID_FORMS[self.switches.get("id", "uuid")]
        self.values = {
            "id": form(uuid.uuid4()),
            "id2": form(uuid.uuid4()),
            "trace": str(uuid.uuid4()),
            "path": f"/{self.name}",
            "dw": 13,
            "sql": "SELECT question, amount FROM orders",
            "summary": "Three orders.",
        }

    def ask(self, question: str, usual: str) -> Reply:
        self.values["q"] = question
        replies = self.switches.get("accept", usual)
        replies = [replies] if isinstance(replies, str) else replies
        reply = self.reply(replies[min(self.asked, len(replies) - 1)])
        self.asked += 1
        self.started += int(reply.headers.get("starts", reply.status < 300))
        return reply

    def poll(self, usual: list[str]) -> Reply | None:
        """Return the reply to a poll, or None for that which the server makes of a table."""
        steps = self.switches.get("steps", usual)
        self.polls += 1
        if self.polls <= len(steps):
            return self.reply(steps[self.polls - 1])
        return self.reply(self.switches["done"]) if "done" in self.switches else None

    def read_table(self, max_rows: int) -> list[list[Any]]:
        """Set the values of the table, and return it."""
        table: list[list[Any]] = json.loads(
            fill(
                self.switches.get("table", '[["question","amount"],["$q",1],["$q",2],["$q",3]]'), self.values
            )
        )
        names, rows = (table[0], table[1:]) if table else ([], [])
        columns = {name: [row[at] for row in rows] for at, name in enumerate(names)}
        self.values |= {"names": names, "columns": columns, "n": len(rows)}
        table, rows = table[: max_rows + 1], rows[:max_rows]
        records = [dict(zip(names, row, strict=False)) for row in rows]
        self.values |= {"table": table, "rows": rows, "records": records}
        return table

    def reply(self, text: str, status: int = 200) -> Reply:
        headers = {}
        if re.match(r"\d{3}\b", text):
            head, _, text = text.partition(" | ")
            first, *pairs = fill(head, self.values).split()
            status = int(first)
            headers = dict(pair.split("=", 1) for pair in pairs)
        return Reply(status, fill(text, self.values), headers)

    def note(self, method: str, path: str, body: bytes, reply: Reply) -> None:
        """Log a request, and which ids its reply tells."""
        sent = {"method": method, "path": path, "body": body.decode(), "status": reply.status}
        self.requests.append(sent)
        told = f"{reply.body} {reply.headers}" if reply.status else ""
        for name in ("id", "id2"):
            found = str(self.values[name])
            if found in told and found not in self.ids:
                self.ids.append(found)


def fill(template: str, values: dict[str, Any]) -> str:
    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name not in values:
            return match[0]
        return json.dumps(values[name]) if match[1] else str(values[name])

    return re.sub(r'"\$(\w+)"|\$(\w+)', value, template)


def read_variations() -> dict[str, Variation]:
    """Read the switches of all variations from standard input."""
    return {name: Variation(name, switches) for name, switches in json.loads(sys.stdin.readline()).items()}


def tell_port(port: int) -> None:
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()


def log_of(variations: dict[str, Variation]) -> str:
    return json.dumps(
        {v.name: {"requests": v.requests, "ids": v.ids, "started": v.started} for v in variations.values()}
    )
