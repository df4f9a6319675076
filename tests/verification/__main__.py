"""Run a program: ``python -m tests.verification WHAT``; the exit code is 1 if a promise was broken."""

import argparse
import importlib
import os
import random
import sys
from collections.abc import Sequence
from typing import Any, Final

_PROCESSES: Final = os.cpu_count() or 1
#: The module of each program, whose ``main`` prints a report and returns what is broken, and its options with
#: their defaults. A seed of None is a random one.
_PROGRAMS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "batch": ("batch.run", {"questions": 1_000, "kills": 10, "seed": 1, "store": "sqlite"}),
    "cast": ("cast.rounded", {"values": 200_000, "seed": None}),
    "chaos": ("chaos.run", {"questions": 2_000, "seed": None}),
    "fidelity": ("fidelity.report", {"every": 1}),
    "fuzz": ("fuzz.run", {"cases": 1_000_000, "seed": None, "workers": _PROCESSES, "case": None}),
    "history": ("history.run", {"kills": 200, "seed": 1, "store": "sqlite"}),
    "mutate": ("mutation", {"room": [""], "count": 60, "seed": None, "workers": _PROCESSES}),
    "openings": ("soak.openings", {"count": 500}),
    "soak": ("soak.run", {"questions": 20_000, "seed": None, "threads": 16, "case": None}),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program that the command line names."""
    parser = argparse.ArgumentParser(description="Test at length what the tests test briefly.")
    programs = parser.add_subparsers(dest="what", required=True)
    for what, (_, options) in _PROGRAMS.items():
        program = programs.add_parser(what, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
        for name, default in options.items():
            many = isinstance(default, list)
            kind = int if default is None else type(default[0] if many else default)
            program.add_argument(
                f"--{name}", type=kind, nargs="+" if many else None, default=default, help=" "
            )
    given = vars(parser.parse_args(arguments))
    module, options = _PROGRAMS[given.pop("what")]
    if "seed" in options and given["seed"] is None:
        given["seed"] = random.SystemRandom().randrange(10**6)
    broken: list[str] = importlib.import_module(f"tests.verification.{module}").main(**given)
    print("\n".join(broken or ["every promise kept"]))
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
