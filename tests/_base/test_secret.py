"""Secrets that are not shown."""

import dataclasses

from connecty_frames._base.text import SecretStr
from tests.cases import cases

SECRET = "canary-secret-value"


@dataclasses.dataclass
class _Holder:
    secret: SecretStr


@cases(
    "shown",
    [
        repr(SecretStr(SECRET)),
        str(SecretStr(SECRET)),
        f"{SecretStr(SECRET)}",
        f"{SecretStr(SECRET)!r:>60}",
        "%s" % SecretStr(SECRET),  # noqa: UP031 - a way to show it
        repr(_Holder(SecretStr(SECRET))),
        str([SecretStr(SECRET)]),
        str(dir(SecretStr(SECRET))),
    ],
)
def test_it_is_not_shown(shown: str) -> None:
    """Neither by repr nor by str nor by a format, nor as a part of another object."""
    assert SECRET not in shown


def test_it_is_returned_on_request() -> None:
    """By the method that pydantic's class has too."""
    assert SecretStr(SECRET).get_secret_value() == SECRET


def test_equal_secrets_are_equal() -> None:
    """And not equal to their text."""
    assert SecretStr(SECRET) == SecretStr(SECRET)
    assert SecretStr(SECRET) != SecretStr("other")
    assert SecretStr(SECRET) != SECRET
