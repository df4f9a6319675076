"""The runner of the examples: which blocks it finds in a page, and that a broken example fails."""

import traceback
from pathlib import Path

import pytest

from tests.verification.examples import Block, blocks, console, needs, run

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


def test_blocks_are_found_with_their_lines() -> None:
    """Each with its language, first line and reason not to be run; a fence inside another is text."""
    found = blocks(PAGE)

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


def test_blocks_run_in_order_in_one_namespace() -> None:
    """Marked blocks are skipped; later blocks see the names of earlier ones."""
    namespace = run("page.md", blocks(PAGE))
    assert (namespace["first"], namespace["second"], namespace["third"]) == (1, 2, 3)


def test_ipython_shares_the_namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Magics see the names of Python blocks, which see theirs; an error in a cell is one of the example."""
    pytest.importorskip("IPython", reason="IPython is not installed with the lowest versions")
    monkeypatch.chdir(tmp_path)
    page = "```python\na = 1\n```\n```ipython\nb = a + 1\n%env\n```\n```python\nc = b + 1\n```\n"
    namespace = run("page.md", blocks(page))
    assert (namespace["a"], namespace["b"], namespace["c"]) == (1, 2, 3)
    with pytest.raises(ZeroDivisionError):
        run("page.md", blocks("```ipython\n1 / 0\n```\n"))


def test_the_commands_of_a_console() -> None:
    """Ours, with the output below each; continued lines are joined, other commands left out."""
    assert console(blocks(PAGE)[4]) == [
        ("connecty doctor", ["it is operational"]),
        ('connecty ask "a b" --sandbox', []),
    ]
    assert console(Block("console", "$ connectyx ask", 1)) == []
    assert console(Block("console", "$ connecty ask", 1, not_run="why")) == []


@pytest.mark.parametrize(
    ("first", "extras", "packages"),
    [
        ("It needs the extra `sql`.", {"sql"}, set()),
        (
            "Needs the extras `excel`, `plot` and\n`sql`.\n## Later\nThe extra `spark`.",
            {"excel", "plot", "sql"},
            set(),
        ),
        ("```sh\npip install '.[sandbox,plot]'\n```\n", {"sandbox", "plot"}, set()),
        ("`pip install pytest 'connecty-frames[sql]'` and `x`", {"sql"}, {"pytest"}),
    ],
)
def test_what_a_page_needs(first: str, extras: set[str], packages: set[str], tmp_path: Path) -> None:
    """The extras and packages that are named above its first section."""
    (tmp_path / "page.md").write_text(f"# Page\n\n{first}\n")
    assert needs(tmp_path / "page.md") == (extras, packages)


def test_a_broken_example_is_reported_with_its_line() -> None:
    """The traceback names the page and the line in it."""
    with pytest.raises(ZeroDivisionError) as raised:
        run("page.md", blocks("one\n\n```python\na = 1\na / 0\n```\n"))
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


def test_the_output_of_a_block_is_the_text_right_below_it() -> None:
    """Not one with words in between; three dots are any text, space at the end of a line does not count."""
    found = blocks(OUTPUT)
    assert [block.output for block in found] == ["id ...\nx", None, None, None]
    run("page.md", found)


def test_another_output_is_reported_with_its_line() -> None:
    """With what was printed instead."""
    with pytest.raises(AssertionError, match=r"(?s)page\.md:2 prints something else.*\+ 3"):
        run("page.md", blocks("```python\nprint(3)\n```\n\n```text\n2\n```\n"))


def test_an_example_sees_nothing_of_the_runner() -> None:
    """Neither its names nor its ``from __future__`` imports: annotations are evaluated, as in a script."""
    with pytest.raises(NameError, match="examples"):
        run("page.md", blocks("```python\nprint(examples)\n```\n"))
    with pytest.raises(NameError, match="undefined"):
        run("page.md", blocks("```python\nx: undefined = 1\n```\n"))


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("```python\nx = 1\n", "line 1: a block that does not end"),
        ("<!-- not run: -->\n```python\n```\n", "line 1: a mark without a reason"),
        ("<!-- not run: why -->\n\ntext\n\n```python\n```\n", "line 1: a mark with no block after it"),
        ("text\n<!-- not run: why -->\n", "line 2: a mark with no block after it"),
    ],
)
def test_a_malformed_page_is_an_error(page: str, message: str) -> None:
    """A misplaced mark or fence would skip more than was intended."""
    with pytest.raises(ValueError, match=message):
        blocks(page)
