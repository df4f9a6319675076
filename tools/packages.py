"""Install packages into the environment of this Python by uv, or by pip where uv cannot be had.

python tools/packages.py install ARGUMENTS    # those of `pip install`
python tools/packages.py compile ARGUMENTS    # those of `uv pip compile`

uv needs a tenth of pip's time. It does not read pip's settings, so they are passed on.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys

#: pip's settings: the variable of uv for each, and the separator of several values there.
SETTINGS = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "cert": ("SSL_CERT_FILE", " "),
    "proxy": ("ALL_PROXY", " "),
}
#: The sources of pip's settings; a later one beats those before it.
SOURCES = ("global", "install", ":env:")


def uv_variables(listed: str) -> dict[str, str]:
    """Translate what ``pip config list`` prints."""
    given = dict(line.split("=", 1) for line in listed.splitlines())
    return {
        variable: separator.join(ast.literal_eval(given[f"{source}.{setting}"]).split())
        for setting, (variable, separator) in SETTINGS.items()
        for source in SOURCES
        if f"{source}.{setting}" in given
    }


def run(*arguments: str) -> int:
    """Run a module of this environment; return its exit code."""
    return subprocess.run([sys.executable, "-m", *arguments], check=False).returncode


def main(command: str, *arguments: str) -> int:
    """Run a command of uv; pip installs if that fails."""
    print(f"== {command} {' '.join(arguments)}", flush=True)
    os.environ["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    if importlib.util.find_spec("uv") or run("pip", "install", "--quiet", "uv") == 0:
        listed = [sys.executable, "-m", "pip", "config", "list"]
        printed = subprocess.run(listed, stdout=subprocess.PIPE, text=True, check=True).stdout
        for variable, value in uv_variables(printed).items():
            os.environ.setdefault(variable, value)
        code = run("uv", "pip", command, "--system-certs", "--python", sys.executable, *arguments)
        if code == 0 or command != "install":
            return code
    print("== uv failed; pip takes minutes", flush=True)
    return run("pip", "install", "--upgrade", "pip") or run("pip", "install", *arguments)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
