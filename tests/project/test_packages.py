"""Set-up: what pip is told about indexes and certificates, uv is told too."""

from pathlib import Path

from tests.cases import cases
from tools.packages import uv_variables

CONSTRAINTS = Path(__file__).parents[2] / ".ci" / "constraints.txt"


@cases(
    ("listed", "variables"),
    [
        ("", {}),
        ("global.timeout='60'\ninstall.user='true'\n", {}),
        ("global.index-url='https://index/simple'\n", {"UV_DEFAULT_INDEX": "https://index/simple"}),
        ("global.extra-index-url='\\nhttps://a\\nhttps://b'\n", {"UV_INDEX": "https://a https://b"}),
        ("install.find-links='/wheels https://c'\n", {"UV_FIND_LINKS": "/wheels,https://c"}),
        (
            ":env:.cert='/a.pem'\n:env:.proxy='http://p:1'\n",
            {"SSL_CERT_FILE": "/a.pem", "ALL_PROXY": "http://p:1"},
        ),
        # As pip prints them, sorted: the environment beats a command's section, which beats the global one.
        (
            ":env:.index-url='https://env'\nglobal.index-url='https://global'\ninstall.index-url='https://i'\n",
            {"UV_DEFAULT_INDEX": "https://env"},
        ),
        ("global.trusted-host='g'\ninstall.trusted-host='i'\n", {"UV_INSECURE_HOST": "i"}),
    ],
)
def test_settings_of_pip_become_those_of_uv(listed: str, variables: dict[str, str]) -> None:
    """Each by its variable, several values separated as uv wants; others are left out."""
    assert uv_variables(listed) == variables


def test_constraints_name_no_host() -> None:
    """Each line pins a version: an index of the machine that wrote them would be of no use elsewhere."""
    lines = [line for line in CONSTRAINTS.read_text().splitlines() if not line.startswith("#")]
    assert len(lines) > 100
    assert [line for line in lines if "==" not in line or "://" in line or line.startswith("-")] == []
