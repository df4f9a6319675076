"""Run the pages and the notebooks as a reader pastes them, with only what they name.

An environment is made for each set of extras and packages that a page names in its first lines, and the page
runs there from top to bottom. As the guide says, ``CONNECTY_SANDBOX=1`` is set. ``ARGS="docs/pins.md"`` runs
some pages.
"""

import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from tests.verification.examples import ROOT, blocks, console, needs, pages


def environment(extras: tuple[str, ...], packages: tuple[str, ...]) -> Path:
    """Return the folder of the programs of an environment, which is made if it is not there."""
    folder = ROOT / "-".join([".venv-docs", *extras, *packages])
    programs = folder / Path(sys.executable).parent.name
    if not programs.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    install = [str(ROOT / "tools" / "packages.py"), "install", "-c", str(ROOT / ".ci" / "constraints.txt")]
    arguments = [*install, "--editable", f".[{','.join(extras)}]", *packages]
    subprocess.run([str(programs / "python"), *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return programs


def run_page(page: Path, programs: Path) -> str:
    """Return what went wrong with a page, or nothing; it runs in an empty home folder."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [programs / "python", "-m", "tests.verification.examples", page],
            cwd=folder,
            env={
                "CONNECTY_SANDBOX": "1",
                "HOME": folder,
                "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
                "PYTHONPATH": str(ROOT),
            },
            capture_output=True,
            text=True,
            check=False,
        )
    return done.stderr if done.returncode else ""


def _has_examples(page: Path) -> bool:
    if page.suffix == ".ipynb":
        return True
    found = [block for block in blocks(page.read_text("utf-8")) if block.not_run is None]
    return any(block.language in {"python", "ipython"} or console(block) for block in found)


def main(*paths: str) -> int:
    """Run all pages, or those of paths; return the exit code."""
    groups = defaultdict(list)
    every = [*pages(), *sorted(ROOT.glob("notebooks/*.ipynb"))]
    for page in filter(_has_examples, [Path(path).resolve() for path in paths] or every):
        extras, packages = needs(page)
        packages |= {"ipython"} if page.suffix == ".ipynb" else set()
        groups[tuple(sorted(extras | {"sandbox"})), tuple(sorted(packages))].append(page)
    failed = 0
    for group, found in groups.items():
        programs = environment(*group)
        for page in found:
            error = run_page(page, programs)
            failed += bool(error)
            named = " ".join([*group[0], *group[1]])
            print(f"{named:30} {page.relative_to(ROOT)}: {error or 'runs'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
