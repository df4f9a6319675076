"""The OpenAPI document of the API, and what of it is true of a sandbox alone.

``openapi.json`` describes the service. ``docs/api/openapi.yaml`` is made from it (``make openapi``).
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from connecty_frames.protocol import TOKEN

__all__ = ["document", "served_document"]


def document() -> dict[str, Any]:
    """Return the document of the service."""
    text = (files(__package__) / "openapi.json").read_text(encoding="utf-8")
    described: dict[str, Any] = json.loads(text)
    return described


def served_document(dw_id: int, *, token_by_post: bool) -> dict[str, Any]:
    """Return the document of a sandbox: its address and workspace, what it refuses beyond the service."""
    described = document()
    # Relative to where the document is: a sandbox may be reached by several addresses.
    described["servers"] = [{"url": "/", "description": "This sandbox"}]
    if not token_by_post:
        del described["paths"][TOKEN]["post"]
    components = described["components"]
    components["parameters"]["dw_id"]["schema"]["enum"] = [dw_id]
    components["schemas"]["Question"]["properties"]["question"]["minLength"] = 1
    return described
