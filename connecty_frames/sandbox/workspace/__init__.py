"""The sample workspace: the database of a shop, made by SQL, with its questions and semantic model.

The SQL computes everything from row numbers, without random numbers or the clock: all sandboxes are equal.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from connecty_frames.sandbox.catalogue import Catalogue

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from duckdb import DuckDBPyConnection

    from connecty_frames.sandbox.questions.answerer import WorkspaceAnswerer

__all__ = ["answerer", "build", "catalogue"]

_HERE: Final[Traversable] = files(__name__)


def build(connection: DuckDBPyConnection) -> None:
    """Create the schemas ``usr`` and ``sales`` and fill them."""
    connection.execute((_HERE / "workspace.sql").read_text(encoding="utf-8"))


def catalogue() -> Catalogue:
    """Return the questions of the workspace that have handwritten SQL."""
    return Catalogue((_HERE / "catalogue.toml").read_text(encoding="utf-8"))


@cache
def answerer() -> WorkspaceAnswerer:
    """Return the workspace's answerer, which all sandboxes of a process share."""
    from connecty_frames.sandbox.questions.answerer import WorkspaceAnswerer
    from connecty_frames.sandbox.questions.model import SemanticModel

    model = SemanticModel.from_toml((_HERE / "model.toml").read_text(encoding="utf-8"))
    return WorkspaceAnswerer(catalogue(), model)
