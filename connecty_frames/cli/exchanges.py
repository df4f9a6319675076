"""All requests and responses as a file, for finding the cause of an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from connecty_frames._base.immutable import Immutable
from connecty_frames.cli.first_contact import anonymized, masked
from connecty_frames.decode import exact_json
from connecty_frames.errors import without_secrets
from connecty_frames.http.redaction import shown_headers
from connecty_frames.protocol import TOKEN

if TYPE_CHECKING:
    from connecty_frames.http.models import Response

#: How much of a body is kept, in bytes.
_MOST_KEPT: Final = 2**20
#: Headers without business data.
_PLAIN_HEADERS: Final = frozenset(
    {"content-type", "content-length", "content-encoding", "date", "server", "retry-after", "traceparent"}
)


class Exchanges(Immutable):
    """The responses of a client, in their order; a Transport calls :meth:`observe`."""

    hidden = frozenset({"responses"})

    responses: list[Response]

    def observe(self, response: Response) -> None:
        """Keep a response."""
        self.responses.append(response)

    def record(self, error: BaseException | None = None, *, anonymize: bool = False) -> bytes:
        """Return all responses as JSON, without secrets; ``anonymize`` masks business data too."""
        exchanges = [_exchange(each, anonymize=anonymize) for each in self.responses]
        found: dict[str, Any] = {"exchanges": exchanges}
        if error is not None:
            name = type(error).__name__
            found["error"] = name if anonymize else without_secrets(f"{name}: {error}")
            found["x_request_id"] = getattr(error, "details", {}).get("x_request_id")
        return exact_json.dump(found).encode(errors="backslashreplace")


def _exchange(response: Response, *, anonymize: bool) -> dict[str, Any]:
    request, headers = response.request, shown_headers(response.headers, without_secrets)
    if anonymize:
        headers = {name: value if _is_plain(name) else masked(value) for name, value in headers.items()}
    # A token is not known if it came under another name.
    hides = anonymize or request.path == TOKEN
    body = anonymized(response.body) if hides else response.body
    text = without_secrets(body.decode(errors="backslashreplace"))[:_MOST_KEPT]  # before it is cut
    try:
        shown = exact_json.parse(text)
    except (ValueError, RecursionError):
        shown = text
    place = {"method": request.method, "path": without_secrets(request.path), "status": response.status}
    return {**place, "headers": headers, "body": shown}


def _is_plain(name: str) -> bool:
    return name.lower() in _PLAIN_HEADERS or name.lower().endswith(
        ("request-id", "requestid", "trace-id", "ray")
    )
