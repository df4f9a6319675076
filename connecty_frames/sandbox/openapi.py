"""The OpenAPI document of the API, and its version for a running sandbox.

``openapi.json`` describes the service. ``docs/api/openapi.yaml`` is made from it (``make openapi``).
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any


def document() -> dict[str, Any]:
    """Return the document that describes the service."""
    loaded: dict[str, Any] = json.loads((files(__package__) / "openapi.json").read_text(encoding="utf-8"))
    return loaded


def served_document(dw_id: int) -> dict[str, Any]:
    """Return the document of a sandbox: its address, its workspace, and what else it rejects."""
    served = document()
    # Relative to the address of the document: a sandbox may be reached by several addresses.
    served["servers"] = [{"url": "/", "description": "This sandbox"}]
    components = served["components"]
    components["parameters"]["dw_id"]["schema"]["enum"] = [dw_id]
    components["schemas"]["Question"]["properties"]["question"]["minLength"] = 1
    return served
