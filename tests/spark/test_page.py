"""The examples of ``docs/spark.md``, with a session of Spark."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.servers import programs

PAGE = Path(__file__).parents[2] / "docs" / "spark.md"

pytestmark = [*programs.external_marks("java"), pytest.mark.filterwarnings("default")]


@pytest.mark.usefixtures("connected")
def test_the_python_of_the_page(spark: Any) -> None:
    """Every block in order, in one namespace."""
    namespace: dict[str, Any] = {"__name__": "__main__", "spark": spark}
    for text in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(text, str(PAGE), "exec", dont_inherit=True), namespace)
    assert namespace["fresh"].count() == 19
