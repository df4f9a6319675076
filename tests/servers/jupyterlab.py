"""JupyterLab in a browser: a server with settings of its own, and Chromium, which reaches only this machine.

Playwright runs an event loop in the thread that starts it. So a fixture lasts for a module, not for the
session, in which other tests may run loops of their own.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from contextlib import ExitStack
from importlib.util import find_spec
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from tests.servers.programs import Program, external_marks, free_port

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from playwright.sync_api import Browser, Page, Request

Theme = Literal["light", "dark"]
#: The width and height of the window, in CSS pixels.
_SIZE: Final = (1200, 900)
#: Milliseconds for each step, such as the start of a kernel, on a busy machine.
_TIMEOUT: Final = 60_000
#: The settings of the lab's interface: no question about news, and no delays of the notebook's display.
_SETTINGS: Final = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none", "kernelShutdown": True},
}
#: Opens a notebook alone, runs it, saves it with its outputs, and returns when all of it is drawn.
_RUN: Final = """async path => {
    const {commands, restored, shell} = window.jupyterapp;
    await restored;
    await commands.execute('application:close-all');
    await commands.execute('application:set-mode', {mode: 'single-document'});
    shell.collapseLeft();
    const {context, sessionContext} = await commands.execute('docmanager:open', {path, factory: 'Notebook'});
    await context.ready;
    await sessionContext.ready;
    await commands.execute('notebook:run-all-cells');
    await context.save();
    for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
}"""
#: Switches the theme, and returns when the picture that covers the page meanwhile is gone.
_SWITCH: Final = """async ([theme, isLight]) => {
    await window.jupyterapp.commands.execute('apputils:change-theme', {theme});
    while (document.body.dataset.jpThemeLight !== isLight || document.getElementById('jupyterlab-splash'))
        await new Promise(requestAnimationFrame);
}"""


def jupyterlab_marks() -> list[Any]:
    """Return the marks of tests in JupyterLab: external, slow, and skipped where something is missing."""
    import pytest

    absent = [name for name in ("jupyterlab", "playwright") if find_spec(name) is None]
    reason = f"not installed: {', '.join(absent)} (make test installs them)"
    return [*external_marks("chromium"), pytest.mark.skipif(bool(absent), reason=reason)]


class Chromium:
    """Debian's Chromium while the ``with`` block runs; no name is resolved and no other machine reached."""

    def __enter__(self) -> Self:
        from playwright.sync_api import sync_playwright

        with ExitStack() as stack:
            playwright = stack.enter_context(sync_playwright())
            self._browser: Browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"),
                args=[
                    "--disable-gpu",
                    "--disable-dev-shm-usage",
                    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
                ],
            )
            stack.callback(self._browser.close)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def open(self, size: tuple[int, int] = _SIZE, scale: float = 1) -> Page:
        """Return a new page, whose window has a size in CSS pixels, with ``scale`` pixels in each."""
        page = self._browser.new_page(
            viewport={"width": size[0], "height": size[1]}, device_scale_factor=scale
        )
        page.set_default_timeout(_TIMEOUT)
        return page


class JupyterLab:
    """A JupyterLab and its page in a browser while the ``with`` block runs.

    All that the server, its kernels and IPython write is in its folder.
    """

    browser: Chromium  # for pages beside that of JupyterLab
    page: Page

    def __init__(
        self, folder: Path, environment: Mapping[str, str] | None = None, *, scale: float = 1
    ) -> None:
        #: The addresses that the page requested from other hosts, none of which was reached.
        self.foreign: list[str] = []
        self._folder = folder
        self._scale = scale
        self._count = 0
        self._token = token_hex()
        settings = folder / "settings"
        for name, values in _SETTINGS.items():
            file = settings / "@jupyterlab" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(values))
        self._server = Program(
            "jupyterlab",
            [
                sys.executable,
                "-m",
                "jupyterlab",
                "--no-browser",
                "--allow-root",
                "--expose-app-in-browser",
                "--ip=127.0.0.1",
                f"--port={(port := free_port())}",
                "--ServerApp.port_retries=0",
                f"--ServerApp.root_dir={folder}",
                f"--LabApp.user_settings_dir={settings}",
                f"--LabApp.workspaces_dir={folder / 'workspaces'}",
                "--LabApp.news_url=None",
                "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate",
                "--LabApp.extension_manager=readonly",
            ],
            port=port,
            folder=folder,
            trusted=True,
            # Nothing of the user: neither configuration nor extensions of Jupyter, nor settings of ours.
            environment={
                **{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},
                "HOME": str(folder),
                "JUPYTER_TOKEN": self._token,  # other users of the machine can connect to the port
                "LANG": "C.UTF-8",
                "CONNECTY_CONFIG": os.devnull,
                **(environment or {}),
            },
        )

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._server)
            self.browser = stack.enter_context(Chromium())
            self.page = self.browser.open(scale=self._scale)
            self.page.on("request", self._note)
            self.page.goto(f"{self._server.address}/lab?token={self._token}")
            self.page.wait_for_function("window.jupyterapp?.restored")
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def run(self, *cells: str) -> Path:
        """Show a notebook of these code cells instead of the last one, run all of them, and save it.

        As always, no cell runs after one that raises. Returns the notebook as JupyterLab saved it.
        """
        self._count += 1
        name = f"notebook{self._count}.ipynb"
        notebook = {
            "cells": [
                {
                    "cell_type": "code",
                    "execution_count": None,
                    "id": f"cell{at}",
                    "metadata": {},
                    "outputs": [],
                    "source": source,
                }
                for at, source in enumerate(cells)
            ],
            "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        file = self._folder / name
        file.write_text(json.dumps(notebook), encoding="utf-8")
        self.page.evaluate(_RUN, name)
        return file

    def theme(self, theme: Theme) -> None:
        self.page.evaluate(_SWITCH, [f"JupyterLab {theme.title()}", str(theme == "light").lower()])

    def _note(self, request: Request) -> None:
        if not request.url.startswith((self._server.address, "data:", "blob:")):
            self.foreign.append(request.url)
