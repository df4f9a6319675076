"""The runner of the examples: which blocks it finds in a page, and that a broken example fails."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

PAGE = """\
# Title

Text with `python` in it.

```python
first = 1
```

<!-- not run: it needs an account -->

```python
raise SystemExit
```

```python
second = first + 1
```

```sh
connecty never
```

- in a list:

  ```console
  $ connecty doctor
  it is operational
  $ export A=1
  $ connecty ask "a \\
      b" --sandbox
  ```

````markdown
```python
raise SystemExit
```
````

~~~python
third = second + 1
~~~
"""


def test_blocks_are_found_with_their_lines(examples: Any) -> None:
    """Each with its language, first line and reason not to be run; a fence inside another is text."""
    found = examples.blocks(PAGE)

    assert [(block.language, block.line, block.not_run) for block in found] == [
        ("python", 6, None),
        ("python", 12, "it needs an account"),
        ("python", 16, None),
        ("sh", 20, None),
        ("console", 26, None),
        ("markdown", 34, None),
        ("python", 40, None),
    ]
    assert found[0].text == "first = 1"
    assert found[4].text.splitlines()[0] == "$ connecty doctor"
    assert found[5].text == "```python\nraise SystemExit\n```"


def test_blocks_run_in_order_in_one_namespace(examples: Any) -> None:
    """Marked blocks are skipped; later blocks see the names of earlier ones."""
    namespace = examples.run_python("page.md", examples.blocks(PAGE))

    assert (namespace["first"], namespace["second"], namespace["third"]) == (1, 2, 3)


def test_ipython_shares_the_namespace(examples: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Magics see the names of Python blocks, which see theirs; an error in a cell is one of the example."""
    pytest.importorskip("IPython", reason="IPython is not installed with the lowest versions")
    monkeypatch.chdir(tmp_path)
    page = "```python\na = 1\n```\n```ipython\nb = a + 1\n%env\n```\n```python\nc = b + 1\n```\n"

    namespace = examples.run_python("page.md", examples.blocks(page))

    assert (namespace["a"], namespace["b"], namespace["c"]) == (1, 2, 3)
    with pytest.raises(ZeroDivisionError):
        examples.run_python("page.md", examples.blocks("```ipython\n1 / 0\n```\n"))


def test_the_commands_of_a_console(examples: Any) -> None:
    """The text after each prompt, continued lines joined, and the output shown below each."""
    console = examples.blocks(PAGE)[4].text
    found = examples.commands(console)

    assert found == ["connecty doctor", "export A=1", 'connecty ask "a b" --sandbox']
    assert [examples.is_ours(command) for command in found] == [True, False, True]
    assert not examples.is_ours("connectyx ask")
    assert examples.outputs(console) == [["it is operational"], [], []]


def test_a_broken_example_is_reported_with_its_line(examples: Any) -> None:
    """The traceback names the page and the line in it."""
    with pytest.raises(ZeroDivisionError) as raised:
        examples.run_python("page.md", examples.blocks("one\n\n```python\na = 1\na / 0\n```\n"))

    last = traceback.extract_tb(raised.value.__traceback__)[-1]
    assert (last.filename, last.lineno) == ("page.md", 5)


OUTPUT = """\
```python
print("id", 1.5)
print("x ")
```

```text
id ...
x
```

```python
print(2)
```

In words:

```text
no output
```
"""


def test_the_output_of_a_block_is_the_text_right_below_it(examples: Any) -> None:
    """Not one with words in between; three dots are any text, space at the end of a line does not count."""
    found = examples.blocks(OUTPUT)

    assert [block.output for block in found] == ["id ...\nx", None, None, None]
    examples.run_python("page.md", found)


def test_another_output_is_reported_with_its_line(examples: Any) -> None:
    """With what was printed instead."""
    with pytest.raises(AssertionError, match=r"(?s)page\.md:2 prints something else.*\+ 3"):
        examples.run_python("page.md", examples.blocks("```python\nprint(3)\n```\n\n```text\n2\n```\n"))


def test_an_example_sees_nothing_of_the_runner(examples: Any) -> None:
    """Neither its names nor its ``from __future__`` imports: annotations are evaluated, as in a script."""
    with pytest.raises(NameError, match="examples"):
        examples.run_python("page.md", examples.blocks("```python\nprint(examples)\n```\n"))
    with pytest.raises(NameError, match="undefined"):
        examples.run_python("page.md", examples.blocks("```python\nx: undefined = 1\n```\n"))


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("```python\nx = 1\n", "line 1: a block that does not end"),
        ("<!-- not run: -->\n```python\n```\n", "line 1: a mark without a reason"),
        ("<!-- not run: why -->\n\ntext\n\n```python\n```\n", "line 1: a mark with no block after it"),
        ("text\n<!-- not run: why -->\n", "line 2: a mark with no block after it"),
    ],
)
def test_a_malformed_page_is_an_error(examples: Any, page: str, message: str) -> None:
    """A misplaced mark or fence would skip more than was intended."""
    with pytest.raises(ValueError, match=message):
        examples.blocks(page)
