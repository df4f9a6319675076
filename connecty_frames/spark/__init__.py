"""The data source of Spark: ``spark.read.format("connecty")`` reads answers.

    from connecty_frames.spark import ConnectySource

    spark.dataSource.register(ConnectySource)
    df = spark.read.format("connecty").option("question", "what is the revenue by country").load()

Without the extra ``spark``, using the name raises ConfigError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connecty_frames._base import lazy_getattr
from connecty_frames.errors import missing_extra

if TYPE_CHECKING:
    from connecty_frames.spark.source import ConnectySource

__all__ = ["ConnectySource"]

_load = lazy_getattr(__name__, {"ConnectySource": "source"})


if not TYPE_CHECKING:  # type checkers would take any name for one of this module's

    def __getattr__(name: str) -> Any:
        try:
            return _load(name)
        except ModuleNotFoundError as error:
            raise missing_extra("spark", "The Spark data source needs", error) from None


def __dir__() -> list[str]:
    return sorted(__all__)
