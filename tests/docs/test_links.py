"""Links and paths: the README also works on a package index, and every file that a page names exists."""

import re
import tomllib
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt

ROOT: Final = Path(__file__).parents[2]
README: Final = (ROOT / "README.md").read_text(encoding="utf-8")


def as_indexed() -> str:
    """Return the README as a package index gets it: what pyproject.toml has replaced, is."""
    text = README
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for rule in project["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]:
        text = re.sub(rule["pattern"], rule["replacement"], text)
    return text


def targets(markdown: str) -> list[str]:
    """Return where the links and images of a page lead, in Markdown or HTML."""
    return re.findall(r'\b(?:href|src)="([^"]*)"', MarkdownIt().render(markdown))


def test_no_link_of_the_indexed_readme_is_relative() -> None:
    """Each names its site; the name of its file replaces the picture."""
    text = as_indexed()
    assert targets(text) == ["https://connecty-ai.com"]
    assert "\nAn answer as a notebook shows it: `docs/_static/answer.png` in the sdist.\n" in text


def test_the_picture_of_the_readme() -> None:
    """The first relative link: a PNG of at most 1,400 pixels and 150 KB."""
    picture = next(target for target in targets(README) if not target.startswith("https://"))
    data = (ROOT / picture).read_bytes()
    assert (picture, data[:8]) == ("docs/_static/answer.png", b"\x89PNG\r\n\x1a\n")
    assert int.from_bytes(data[16:20], "big") <= 1400
    assert len(data) < 150_000


def test_the_files_to_which_the_readme_links_exist() -> None:
    """A code host opens them; on a package index, their names stand in their place."""
    paths = [target for target in targets(README) if not target.startswith("https://")]
    assert "docs/authentication.md" in paths
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert "[quickstart](docs" not in as_indexed()
    assert "quickstart (`docs/quickstart.md`)" in as_indexed()


def test_the_files_that_contributing_and_the_design_pages_name_exist() -> None:
    """Each file or folder in backticks, relative to the project, the package or its tests."""
    pages = [ROOT / "CONTRIBUTING.md", *(ROOT / "docs" / "design").glob("*.md")]
    named = {
        path
        for page in pages
        for path in re.findall(r"`([a-z_]+/[\w/]+(?:\.\w+|/))`", page.read_text(encoding="utf-8"))
        if not path.startswith(("dist/", "docs/_build/"))
    }
    named |= set(re.findall(r"`([a-z_]+\.py)`", pages[0].read_text(encoding="utf-8")))

    assert {
        "decode/types/inference.py",
        "sandbox/workspace/catalogue.toml",
        "verification/fidelity/",
    } <= named
    roots = (ROOT, ROOT / "connecty_frames", ROOT / "tests")
    assert [path for path in sorted(named) if not any((root / path).exists() for root in roots)] == []


def test_the_names_that_contributing_gives_are_in_their_files() -> None:
    """Behind a file, in brackets; and a row of its table has at most 200 characters."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = re.findall(r"`([\w/]+\.py)`\s\(((?:`\w+`(?:, )?)+)\)", text)
    named = {(path, name) for path, names in found for name in re.findall(r"\w+", names)}
    rows = text.partition("\n## Where do I change")[2].partition("\n## ")[0]
    assert {("api.py", "ask_df"), ("decode/decoder.py", "decode")} <= named
    assert len(named) > 20
    for path, name in named:
        assert re.search(rf"\b{name}\b", (ROOT / "connecty_frames" / path).read_text(encoding="utf-8")), name
    assert max(map(len, rows.splitlines())) <= 200


def test_the_wheel_that_is_installed_is_the_one_that_is_built() -> None:
    """The commands of the README and the documentation name the wheel of this version."""
    from connecty_frames._base import __version__

    named = {
        wheel
        for page in (README, (ROOT / "docs" / "install.md").read_text(encoding="utf-8"))
        for wheel in re.findall(r"connecty_frames-[\w.-]+\.whl", page)
    }
    assert named == {f"connecty_frames-{__version__}-py3-none-any.whl"}


def test_the_readme_begins_with_the_commands_of_a_fresh_checkout() -> None:
    """Its first block of code is ``make demo`` and ``make test``, each with what it does."""
    first = re.findall(r"^```sh\n(.*?)^```", README, re.DOTALL | re.MULTILINE)[0]
    assert README.index("```") == README.index(f"```sh\n{first}")
    assert re.findall(r"^(make \w+)  # \w.+$", first, re.MULTILINE) == ["make demo", "make test"]
    assert first.count("\n") == 2
