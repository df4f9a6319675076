"""Names of time zones."""

from datetime import timedelta

from connecty_frames._base.clock import named_zone, offset_of
from tests.cases import cases


@cases(
    ("name", "minutes"),
    [("+05:30", 330), ("-05:30", -330), ("-00:30", -30), ("+00:00", 0), ("+23:59", 1439)]
    + [(name, None) for name in ("+24:00", "+05:60", "05:30", "+0530", "UTC", "", None)],
)
def test_offsets(name: str | None, minutes: int | None) -> None:
    """The minutes count in the direction of the sign."""
    assert offset_of(name) == (None if minutes is None else timedelta(minutes=minutes))


@cases("name", ["Mars", "", "../UTC", "posix/UTC", "localtime", "+24:00", None, 1, ["UTC"]])
def test_no_zone(name: object) -> None:
    """These are no names, and raise nothing."""
    assert named_zone(name) is None
