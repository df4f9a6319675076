"""How much there is to read: the guide and its stories have bounds."""

from tests.cases import cases
from tests.verification.examples import ROOT


def words(name: str) -> int:
    return len((ROOT / "docs" / name).read_text(encoding="utf-8").split())


def test_the_guide_has_at_most_24000_words() -> None:
    """All pages but those of single names, of measured figures and of the design."""
    assert sum(words(page.name) for page in (ROOT / "docs").glob("*.md")) <= 24_000


@cases("name", ["quickstart.md", "nightly.md", "dashboard.md", "thousand.md", "join.md"])
def test_a_story_has_400_to_700_words(name: str) -> None:
    """One page, read from top to bottom."""
    assert 400 <= words(name) <= 700
