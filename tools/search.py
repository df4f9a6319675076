"""Search the built site as a reader does: ``make docs`` runs this after the build.

Sphinx searches in the browser, so a real one is needed (``apt-get install chromium``). Without it nothing is
checked, and in CI the check fails.
"""

from __future__ import annotations

import shutil
import sys
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from playwright.sync_api import sync_playwright

from tests.servers.programs import IN_CI

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

SITE: Final = Path(__file__).parents[1] / "docs" / "_build" / "html"
#: How many of the pages that are found are taken to be seen.
SEEN: Final = 3
#: The page that should be among the first, and what a reader types to find it.
SEARCHES: Final = {
    "faq": ["faq", "troubleshooting", "self-signed certificate", "running event loop", "multiprocessing"],
    "scheduling": ["schedulers", "resume"],
    "batches": ["many questions", "max_questions", "batch"],
    "nightly": ["airflow", "dagster", "retry", "feature table"],
    "dashboard": ["streamlit", "marimo", "dashboard"],
    "thousand": ["thousand questions"],
    "join": ["join", "own warehouse"],
    "testing": ["asyncio", "pytest fixture"],
    "migrating": ["pandas-gbq", "read_gbq", "awswrangler", "athena read_sql_query", "databricks genie"],
    "security": ["security", "privacy", "telemetry", "formula", "vulnerability"],
    "history": ["history", "reuse", "cost", "forget", "cache"],
    "operations": ["pgbouncer", "retention"],
    "typing": ["pyright", "mypy", "type checkers"],
    "limits": ["limits", "assumptions", "windows macos", "max_rows limit", "max_rows"],
    "spark": ["spark", "pyspark", "data source"],
    "engines": ["dask", "ray", "daft", "ibis"],
    "install": ["installation"],
    "quickstart": ["quickstart", "id"],
    "authentication": ["authentication", "login", "proxy"],
    "profiles": ["profiles"],
    "warehouse": ["warehouse", "snowflake connection", "read-only role", "all rows", "psycopg"],
    "api/generated/connecty_frames.cast": ["cast"],
    "pins": ["rerun", "pinned sql", "sql"],
    "types": ["types", "null", "time zone"],
    "decimals": ["decimals", "decimal"],
    "schema": ["schema", "strptime"],
    "metadata": ["metadata", "parquet"],
    "errors": ["errors", "timeout", "truncated"],
    "reliability": ["reliability"],
    "performance": ["performance"],
    "cli": ["command line", "exit codes", "csv"],
    "sandbox": ["sandbox"],
    "notebooks": ["notebooks", "chart"],
    "development": ["contributing"],
    "changelog": ["changes"],
}
#: True once the list of results is complete.
_FINISHED: Final = "() => document.querySelector('#search-results h2')?.innerText === 'Search Results'"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Write no line for each request."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback, and yield its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def found_pages(tab: Page, address: str, words: str) -> list[str]:
    """Return the pages that a search finds, the best first, without ``.html``."""
    tab.goto(f"{address}/search.html?q={quote(words)}")
    tab.wait_for_function(_FINISHED)
    links = tab.locator("#search-results ul.search > li > a").all()
    targets = [(link.get_attribute("href") or "").partition("?")[0].partition("#")[0] for link in links]
    return list(dict.fromkeys(target.removesuffix(".html") for target in targets))


def main() -> None:
    """Exit with a message if a search does not find its page."""
    chromium = shutil.which("chromium")
    if not chromium:
        sys.stderr.write("The search of the site was not checked: there is no chromium.\n")
        sys.exit(int(IN_CI))
    missed = []
    with served(SITE) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        tab = browser.new_page()
        for page, searches in SEARCHES.items():
            for words in searches:
                first = found_pages(tab, address, words)[:SEEN]
                if page not in first:
                    missed.append(f"{words!r} does not find {page}: {', '.join(first) or 'nothing'}")
        browser.close()
    if missed:
        sys.exit("\n".join(missed))
    sys.stdout.write("All searches find their pages.\n")


if __name__ == "__main__":
    main()
