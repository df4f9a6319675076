"""The public names: their list, their documentation, and the cost of importing them."""

import importlib.metadata
import inspect
import json
import re
import subprocess
import sys
import textwrap
import types
from pathlib import Path
from typing import Any

import pytest

import connecty_frames as cf

ROOT = Path(__file__).parents[1]
HEAVY = [
    *("pandas", "polars", "pyarrow", "numpy", "duckdb", "requests", "urllib3"),
    *("pydantic", "msgspec", "typer", "IPython", "pyspark", "sqlglot"),
]
NAMES = [
    *("APIError", "Answer", "AnswerMetadata", "AskOptions", "AuthError", "Batch", "Client"),
    *("ColumnNameWarning", "ConfigError", "ConnectionFailed", "ConnectyError", "ConnectyWarning"),
    *("ConversionError", "HistoryWarning", "InsecureWarning", "NoTableError", "NotFoundError", "Pin"),
    *("PinChanged", "PinWarning", "ProtocolWarning", "QueryRefused", "Question", "QuestionError"),
    "QuestionFailed",
    *("QuestionLimitError", "QuestionTimeout", "RateLimitError", "ResponseError", "ResponseTooLarge"),
    *("Schema", "ServerError", "StatisticsWarning", "SubmissionUncertain", "TruncatedError"),
    *("TruncationWarning", "TypeFidelityWarning", "UnknownStateWarning", "WriteFailed", "ask"),
    *("ask_async", "ask_batch", "ask_df", "ask_df_async", "ask_many", "binary", "cast", "configure"),
    *("copy_metadata", "epoch", "fetch", "fetch_df", "forget", "history", "install_readers", "local"),
    *("metadata", "open_batch", "pin", "pinned", "read_connecty", "read_parquet", "strptime"),
    "use_sandbox",
]


def run(code: str) -> Any:
    shown = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    return json.loads(shown.stdout)


def signature(function: Any) -> str:
    """Return the parameters as ``help`` shows them, without annotations."""
    plain = inspect.signature(function)
    parameters = [p.replace(annotation=p.empty) for p in plain.parameters.values()]
    return str(plain.replace(parameters=parameters, return_annotation=plain.empty))


# Names


def test_the_public_names() -> None:
    """A new one belongs in this list, in the documentation and in the change log."""
    assert cf.__all__ == NAMES


def test_every_name_is_there() -> None:
    """Each has its name, and is cached in the module."""
    for name in NAMES:
        assert getattr(cf, name).__name__ == name
        assert name in vars(cf)


def test_dir_lists_the_names() -> None:
    """For completion: the public names and the version, without private ones."""
    assert dir(cf) == sorted([*NAMES, "__version__"])


@pytest.mark.slow
def test_the_version() -> None:
    """It is that of the distribution."""
    assert cf.__version__ == importlib.metadata.version("connecty-frames")


def test_another_name_is_an_attribute_error() -> None:
    """As for any module, so that hasattr and getattr with a default work."""
    with pytest.raises(AttributeError, match="module 'connecty_frames' has no attribute 'ask_everything'"):
        cf.ask_everything
    for guess, right in {"query": "ask_df", "Session": "Client", "demo": "use_sandbox"}.items():
        with pytest.raises(AttributeError, match=rf"no attribute '{guess}'; use cf\.{right}$"):
            getattr(cf, guess)
        assert right in NAMES


@pytest.mark.parametrize(
    "loads", ["", "import connecty_frames.sandbox", "from connecty_frames.sandbox import Sandbox"]
)
def test_the_sandbox_is_used_not_called(loads: str) -> None:
    """The error of cf.sandbox() names the right function, whether the package of that name was imported."""
    script = f"{loads}\nimport connecty_frames as cf\ncf.sandbox()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert re.search(r"Error: .*; use cf\.use_sandbox(\(\))?$", done.stderr.strip())


def test_the_package_is_typed() -> None:
    """It has the marker file of PEP 561."""
    assert (Path(cf.__file__).parent / "py.typed").is_file()


# Documentation


def documented() -> list[tuple[str, Any]]:
    """Return every public name, and every public member of public classes."""
    found: list[tuple[str, Any]] = []
    for name in NAMES:
        thing = getattr(cf, name)
        found.append((name, thing))
        if inspect.isclass(thing):
            found += [
                (f"{name}.{member}", value)
                for member, value in vars(thing).items()
                if not member.startswith("_")
                and isinstance(value, types.FunctionType | classmethod | staticmethod | property)
            ]
    return found


def test_everything_public_has_a_docstring() -> None:
    """With a first sentence, and numpydoc sections that are underlined."""
    for name, thing in documented():
        text = inspect.getdoc(thing)
        assert text, name
        first = text.splitlines()[0]
        assert first.endswith((".", "?")) or "," in first, name
        for section in re.findall(r"^(Parameters|Returns|Raises|Yields)$", text, re.MULTILINE):
            assert re.search(rf"^{section}\n{'-' * len(section)}$", text, re.MULTILINE), name


#: Where a docstring has the options or settings of another function.
REFERENCE = re.compile(r"(?:[Oo]ptions of|those of|as|As for) (?::func:)?`+(?:connecty_frames\.)?(\w+)`")


def described(text: str) -> set[str]:
    """Return the names of the entries of numpydoc sections, also of functions that it refers to."""
    lines = [line.partition(" : ")[0] for line in text.splitlines() if line and not line.startswith(" ")]
    names = {word.strip().lstrip("*") for line in lines for word in line.split(",")}
    for name in REFERENCE.findall(text):
        names |= described(inspect.getdoc(getattr(cf, name)) or "")
    return names


def parameters(function: Any) -> list[str]:
    """Return the names of a function's parameters, without self and cls."""
    own = getattr(function, "__wrapped__", function)
    kinds = inspect.signature(own, follow_wrapped=False).parameters.values()
    names = [p.name for p in kinds if p.kind is not p.VAR_KEYWORD]
    return [name for name in names if name not in {"self", "cls"}]


#: Internal interfaces between layers, and the counterparts of ``to_json``.
UNDESCRIBED = {
    *("Answer.from_response", "Answer.to_frame", "Answer.to_parquet", "AskOptions.from_kwargs"),
    *("Client.call", "Client.deadline", "Client.observe", "Client.of", "Client.recording_in"),
    *("Client.target", "Question.answer", "AnswerMetadata.from_json", "Schema.from_json"),
}


def test_every_parameter_is_described() -> None:
    """In the docstring, those included that ``help`` shows in place of ``**options``."""
    missing = {
        name: set(parameters(function)) - described(inspect.getdoc(function) or "")
        for name, thing in documented()
        if isinstance(function := getattr(thing, "__func__", thing), types.FunctionType)
        and name not in UNDESCRIBED
    }
    assert len(missing) > 30
    assert not {name: left for name, left in missing.items() if left}


def test_every_argument_of_a_class_is_described() -> None:
    """In its docstring, or in that of a parent class."""
    errors = [name for name in NAMES if name.endswith(("Error", "Failed", "Timeout"))]
    for name in [*errors, "Client", "AskOptions"]:
        kind = getattr(cf, name)
        texts = [
            inspect.cleandoc(base.__doc__ or "")
            for base in kind.__mro__
            if base.__module__.startswith("connecty")
        ]
        assert not set(parameters(kind)) - {"message"} - described("\n".join(texts)), name


# Signatures


OPTIONS = (
    "dw_id=None, dtype_backend='numpy_nullable', max_rows=1000, schema=None, tz='UTC', infer_temporal=True, "
    "decimals='auto', strict=False, on_truncation='warn', timeout=None, progress=None, "
    "max_age=None, tags=None)"
)


def test_functions_show_their_options() -> None:
    """With the defaults of AskOptions; read_connecty has the shape of read_sql, and dtype is the schema."""
    assert signature(cf.ask_df) == f"(question, *, engine='pandas', client=None, {OPTIONS}"
    assert signature(cf.ask) == f"(question, *, client=None, {OPTIONS}"
    fetched = OPTIONS.replace(", max_age=None, tags=None", "")
    assert signature(cf.fetch_df) == f"(question_id, *, engine='pandas', client=None, {fetched}"
    assert signature(cf.fetch) == f"(question_id, *, client=None, {fetched}"
    read = OPTIONS.replace("schema=None, ", "")
    assert signature(cf.read_connecty) == f"(question, con=None, *, dtype=None, index_col=None, {read}"


def test_methods_show_their_options() -> None:
    """Those that each takes; the rows of a saved response are known only where they are given."""
    assert signature(cf.Question.result) == (
        "(self, *, dtype_backend='numpy_nullable', max_rows=1000, schema=None, tz='UTC', "
        "infer_temporal=True, decimals='auto', strict=False, on_truncation='warn', timeout=None, "
        "progress=None)"
    )
    assert signature(cf.Answer.from_json) == (
        "(source, *, question=None, question_id=None, dw_id=None, max_rows=None, schema=None, tz='UTC', "
        "infer_temporal=True, decimals='auto', strict=False, on_truncation='warn')"
    )


# What importing costs


def test_a_use_loads_only_what_it_needs() -> None:
    """A script that catches an error does not import a frame library, for example. One after the other."""
    uses = [
        ("cf", HEAVY),
        ("cf.ConfigError", HEAVY),
        ("cf.AskOptions()", HEAVY),
        ("__import__('connecty_frames.spark')", HEAVY),
        ("cf.configure(dw_id=13)", ["pandas", "polars", "pyarrow", "duckdb", "requests"]),
        ("cf.metadata", ["pandas", "polars", "pyarrow", "duckdb", "requests"]),
        ("cf.Client(client_id='a', client_secret='bbbb')", ["pandas", "polars", "duckdb", "pydantic"]),
        ("cf.pin", ["pandas", "polars", "duckdb", "sqlglot", "tomlkit"]),
    ]
    code = f"""
        import connecty_frames as cf, json, sys

        found = []
        for use, absent in {uses}:
            eval(use)
            found.append([name for name in absent if name in sys.modules])
        print(json.dumps(found))
    """

    assert run(textwrap.dedent(code)) == [[]] * len(uses)


@pytest.mark.slow
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_the_accessor_is_there_when_the_library_came_first(library: str) -> None:
    """After ``import pandas; import connecty_frames``, completion knows ``df.connecty``."""
    code = (
        f"import {library}, connecty_frames, json\n"
        f"print(json.dumps(hasattr({library}.DataFrame, 'connecty')))"
    )
    assert run(code) is True


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_the_accessor_is_there_when_the_library_came_second(library: str) -> None:
    """From the first call of ``metadata`` on: the import neither loads nor patches a library."""
    code = (
        f"import connecty_frames as cf, json, {library}\n"
        f"before = hasattr({library}.DataFrame, 'connecty')\n"
        f"cf.metadata({library}.DataFrame())\n"
        f"print(json.dumps([before, hasattr({library}.DataFrame, 'connecty')]))"
    )
    assert run(code) == [False, True]


@pytest.mark.slow
def test_no_module_replaces_a_name() -> None:
    """With every module imported, each name of each ``__all__`` is the object that its module defines."""
    code = """
        import connecty_frames, importlib, json, pkgutil, sys, types, warnings

        warnings.simplefilter("ignore", DeprecationWarning)  # of the lowest typer

        def unless_it_is_missing(function, *arguments):
            try:
                return function(*arguments)
            except (ImportError, connecty_frames.ConfigError) as error:
                if not any(name in str(error) for name in ("pyspark", "IPython")):
                    raise

        found = pkgutil.walk_packages(connecty_frames.__path__, "connecty_frames.")
        names = [module.name for module in found if not module.name.endswith("__main__")]
        for name in names:
            unless_it_is_missing(importlib.import_module, name)
        wrong, count = [], 0
        for name in ["connecty_frames", *names]:
            module = sys.modules.get(name)
            for public in getattr(module, "__all__", ()):
                thing = unless_it_is_missing(getattr, module, public)
                count += 1
                home = sys.modules.get(getattr(thing, "__module__", None), module)
                if isinstance(thing, types.ModuleType) or thing is not vars(home).get(public, thing):
                    wrong.append(f"{name}.{public}")
        print(json.dumps([wrong, count > 75]))
    """

    assert run(textwrap.dedent(code)) == [[], True]
    assert not {path.stem for path in (ROOT / "connecty_frames").iterdir()} & set(NAMES)
