"""What it takes to mask secrets in a megabyte that a server made for it: ``make bench WHAT=masking``.

A body may repeat a secret, nearly repeat it, or consist of what escapes are made of. None of these may take
longer than 0.2 s of processor time.
"""

from __future__ import annotations

import sys
import time
from typing import Final

from connecty_frames._base.text import SecretStr
from connecty_frames.http.redaction import Redaction

SIZE: Final = 2**20
ALLOWED: Final = 0.2
#: How often each is measured; the fastest counts.
ROUNDS: Final = 3
SECRETS: Final = {
    "60 times +": "+" * 60,
    "2,000 symbols": ("+/=!&'\"<>%\\|~^" * 143)[:2_000],
    "1,000 times +/": "+/" * 1_000,
    "a at the end of 1,999 +": "+" * 1_999 + "a",
    "b at the end of 1,999 a": "a" * 1_999 + "b",
    "b amid 254 a": "a" * 127 + "b" + "a" * 127,
    "a usual token": "s3cr3t-token-0123456789abcdefgh",
}
#: What a body consists of; the secret, and all but its end, follow.
RUNS: Final = (
    *(
        "x",
        "a",
        "+",
        "+/",
        "%2B",
        "%252B",
        "a%2B",
        "a%25252Bcd ",
        r"\u002b",
        r"\\\u002b",
        "\\",
        r"\"",
        r"a\" ",
    ),
    *("''", '""', "a''", "&#43;", "&amp;amp;", "&lt;a", "…", "+++…", "a+/…", '"lorem": "ipsum", '),
)


def body_of(run: str) -> str:
    """Return a body of a megabyte that repeats a text."""
    return (run * (SIZE // len(run) + 1))[:SIZE]


def main() -> int:
    """Print the slowest bodies, and return 1 if one takes longer than allowed."""
    found = []
    distinct = "".join(f"\\u{code:04x}" for code in range(0xD800))
    for name, secret in SECRETS.items():
        redact = Redaction()
        for kind, known in {"client_secret": secret, "token": secret[::-1] + "x", "proxy": "p4ss"}.items():
            redact.add(kind, SecretStr(known))
        redact.data("the forms of each secret are made once")
        for run in (*RUNS, secret, f"{secret} ", f"{secret[:-1]}~", distinct):
            body, seconds = body_of(run), []
            for _ in range(ROUNDS):
                began = time.process_time()
                redact.data(body)
                seconds.append(time.process_time() - began)
            found.append((min(seconds), name, run))
    found.sort(reverse=True)
    print(f"{'secret':<26}{'a megabyte of':<26}{'seconds':>8}")
    for taken, name, run in found[:10]:
        print(f"{name:<26}{run[:20]:<26}{taken:>8.3f}")
    kept = found[0][0] <= ALLOWED
    print(f"{len(found)} bodies, at most {ALLOWED} s each:", "kept" if kept else "BROKEN")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
