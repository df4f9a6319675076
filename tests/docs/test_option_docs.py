"""Options, settings and the sandbox's parameters are described once; their texts are copied from there."""

import inspect
import re
from collections.abc import Callable
from pathlib import Path

import connecty_frames as cf
from connecty_frames.options import AskOptionsDict
from connecty_frames.sandbox.sandbox import Sandbox, SandboxOptions
from connecty_frames.settings.values import NAMES, SettingsDict
from tests.cases import cases
from tools.docstrings import FUNCTIONS, with_keywords

ROOT = Path(__file__).parents[2]


@cases("keywords", FUNCTIONS)
def test_docstrings_have_the_keywords_as_described(keywords: type) -> None:
    """As ``make docstrings`` writes them."""
    function, name = FUNCTIONS[keywords]
    source = (ROOT / name).read_text(encoding="utf-8")
    assert source == with_keywords(source, function, keywords)


def test_keywords_are_written_behind_the_own_parameters() -> None:
    """With types and defaults, in place of stale descriptions."""
    source = '''
def ask(question: str, client: Client | None = None, **options: Unpack[AskOptionsDict]):
    """Ask.

    Parameters
    ----------
    question : str
        In plain language.
    dw_id : str
        Stale.
    client : Client or None, default None
        The client.

    Returns
    -------
    Answer
    """
'''

    written = with_keywords(source, "ask", AskOptionsDict)

    assert written.startswith('''
def ask(question: str, client: Client | None = None, **options: Unpack[AskOptionsDict]):
    """Ask.

    Parameters
    ----------
    question : str
        In plain language.
    client : Client or None, default None
        The client.
    dw_id : int or None, default None
        The data workspace to ask; None uses the configured one.
    dtype_backend : {"numpy_nullable", "pyarrow", "numpy"}, default "numpy_nullable"
''')
    assert "\n    tags : mapping or None, default None\n        Texts to keep with the question" in written
    assert written.endswith('''
    Returns
    -------
    Answer
    """
''')


@cases("function", [cf.ask, cf.ask_df, cf.fetch, cf.fetch_df, cf.ask_many, cf.ask_batch, cf.pin])
def test_docstrings_have_no_parameter_that_is_gone(function: Callable[..., object]) -> None:
    """Also none that was a keyword before."""
    section = (inspect.getdoc(function) or "").partition("Parameters\n")[2].partition("\n\n")[0]
    entries = re.findall(r"^([\w*].*?)(?: : .*)?$", section, re.MULTILINE)
    documented = {name for entry in entries for name in entry.split(", ") if name != "**options"}
    assert documented
    assert documented <= inspect.signature(function).parameters.keys()


def annotations(function: object) -> dict[str, str]:
    return {
        name: parameter.annotation
        for name, parameter in inspect.signature(function).parameters.items()  # type: ignore[arg-type]
    }


def test_the_keywords_of_use_sandbox_are_the_parameters_of_a_sandbox() -> None:
    """With the same types."""
    keywords = {name: each.__forward_arg__ for name, each in SandboxOptions.__annotations__.items()}
    assert keywords == annotations(Sandbox)


def test_the_keywords_of_configure_are_the_settings() -> None:
    """Each is a parameter of Client of the same type, too."""
    keywords = {name: each.__forward_arg__ for name, each in SettingsDict.__annotations__.items()}
    assert keywords.keys() == {*NAMES}
    assert keywords.items() <= annotations(cf.Client).items()
