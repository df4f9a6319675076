"""``%load_ext connecty_frames``: the magics ``%%connecty`` and ``%connecty_sql``, and completion.

The options of ``%%connecty`` are the fields of ``AskOptions``, described as in ``ask_df``, so a new field is
a new option. What is wrong in the line of a magic is a ``UsageError``, which IPython shows as one line; any
other error is that of ``ask_df``.
"""

from __future__ import annotations

import argparse
import inspect
import keyword
import re
import shlex
import sys
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import fields
from datetime import date, time
from decimal import Decimal
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher
from IPython.core.error import UsageError
from IPython.core.magic import no_var_expand
from IPython.core.magic_arguments import MagicArgumentParser

from connecty_frames._base.text import terminal
from connecty_frames.answer import Answer
from connecty_frames.answer_metadata import AnswerMetadata
from connecty_frames.api import ask_df, fetch_df
from connecty_frames.display.notebook import sql_html
from connecty_frames.display.progress import notebook_shell
from connecty_frames.errors import WARNING_LOCATION, CodeLocation, ConfigError
from connecty_frames.frames import accessor
from connecty_frames.frames.accessor import ConnectyAccessor
from connecty_frames.options import ASK_ONLY, AskOptions, check_question_id, parse_max_rows

#: The end of a call of ours at the value of a keyword: engine=, engine="pol.
_KEYWORD: Final = re.compile(
    r"""\b(?:ask|fetch)\w*\((?:"[^"]*"|'[^']*'|[^()"'])*\b(\w+)\s*=\s*(["']?)\w*\Z"""
)

#: Text in braces, which is sent as it stands if they are doubled.
_BRACES: Final = re.compile(r"\{\{([^{}]*)\}\}|\{\s*((\w*)[^{}]*?)\s*\}")


def load_ipython_extension(shell: Any) -> None:
    """Register the magics and their completion; IPython calls this for ``%load_ext connecty_frames``."""
    magics = _Magics(shell)
    shell.register_magic_function(magics.connecty, "line_cell")
    shell.register_magic_function(magics.connecty_sql, "line")
    matchers = shell.Completer.custom_matchers
    # Without that of an earlier call, by %reload_ext.
    matchers[:] = [each for each in matchers if not isinstance(getattr(each, "__self__", None), _Magics)]
    matchers.append(magics.complete)


class SQL(str):
    """SQL as text, which a notebook highlights if it is the value of a cell."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return sql_html(self)

    def _repr_pretty_(self, printer: Any, _cycle: object) -> None:
        printer.text(terminal(self, keep="\n\t"))


class _Magics:
    def __init__(self, shell: Any) -> None:
        self._shell = shell

    @no_var_expand
    def connecty(self, line: str, cell: str | None = None) -> Any:
        """Ask a question, and store the frame of its answer as the variable NAME.

        The question is the cell below the first line. Only {name} with --param name is filled in; {{name}}
        is sent as {name}. Without a NAME the frame is the value of the cell. A VARIABLE is the name of one
        of the notebook, such as client or models.Login.

        In one line, with --question-id, %connecty fetches the answer to a question asked before.
        """
        if cell is None and len(line.split()) > 1 and "--question-id" not in line:
            raise UsageError(
                f"%connecty: write the question below %%connecty, in a cell:\n\n%%connecty df\n{line}"
            )
        options: Any = self._parse(line)
        name, client, question_id = (options.pop(each, None) for each in ("name", "client", "question_id"))
        is_plot, engine = options.pop("plot", False), options.pop("engine", "pandas")
        question = self._filled((cell or "").strip(), options.pop("param", []))
        if bool(question) is (question_id is not None):
            raise UsageError(
                f"%%connecty: there is {'also a' if question else 'no'} question. Write one in the lines "
                "below, or fetch the answer to an earlier one: %connecty NAME --question-id ID"
            )
        try:
            AskOptions.from_kwargs(options, without=ASK_ONLY if question_id else (), engine=engine)
            if question_id is not None:
                check_question_id(question_id)
            if is_plot:
                accessor.import_plot()
        except (ConfigError, TypeError) as error:
            raise UsageError(f"%%connecty: {error}") from None
        # The first line outside this package is one of IPython, where a warning is shown only once a session.
        token = WARNING_LOCATION.set(CodeLocation.in_module("%%connecty", 1, self._shell.user_ns))
        try:
            if question_id is None:
                frame = ask_df(question, engine=engine, client=client, **options)
            else:
                frame = fetch_df(question_id, engine=engine, client=client, **options)
        finally:
            WARNING_LOCATION.reset(token)
        if name is not None:
            self._shell.push({name: frame})
            # In a notebook, ask_df has shown it.
            if notebook_shell() is None and (metadata := accessor.metadata(frame)):
                sys.stdout.write(f"{name}: {metadata.line}\n")
        return _chart(frame) if is_plot else frame if name is None else None

    @no_var_expand
    def connecty_sql(self, line: str) -> SQL:
        """Return the SQL of a frame or Answer, highlighted in a notebook: ``%connecty_sql df``."""
        name = line.strip()
        if not name:
            raise UsageError("%connecty_sql: expected the name of a frame or Answer, as in %connecty_sql df.")
        source = self._variable(name)
        try:
            metadata = _metadata(source)
        except ConfigError as error:
            raise UsageError(f"%connecty_sql {name}: {error}") from None
        if metadata is None:
            raise UsageError(
                f"%connecty_sql {name}: this frame has no answer metadata. cf.copy_metadata(source, {name}) "
                "copies it from the original frame."
            )
        if metadata.sql_query is None:
            raise UsageError(f"%connecty_sql {name}: the answer has no SQL.")
        return SQL(metadata.sql_query)

    @context_matcher()  # type: ignore[untyped-decorator]
    def complete(self, context: CompletionContext) -> SimpleMatcherResult:
        """Return the completions of the line of a magic, a keyword's value or an attribute, and no others."""
        line, fragment = context.text_until_cursor, re.split(r"\s", context.token)[-1]  # or all of it
        names: Iterable[str] = ()
        if re.match(r"%%?connecty\s", line):
            action = _OPTIONS.get(line.removesuffix(fragment).split()[-1])
            names = _OPTIONS if action is None or action.nargs == 0 else action.choices or ()
        elif re.match(r"%connecty_sql\s", line):
            variables = self._shell.user_ns.items()
            names = (name for name, value in variables if not name.startswith("_") and _is_answer(value))
        elif call := _KEYWORD.search(
            "\n".join([*context.full_text.split("\n")[: context.cursor_line], line])
        ):
            action = _OPTIONS.get(f"--{call[1].replace('_', '-')}")
            names = (action and action.choices) or ()
            names = names if call[2] else map('"{}"'.format, names)
        else:
            *path, fragment = fragment.split(".")
            names = (name for name in self._attributes(path) if not name.startswith("_"))
        found = [SimpleCompletion(name) for name in names if name.startswith(fragment)]
        return {"completions": found, "matched_fragment": fragment, "suppress": bool(found)}

    def _attributes(self, path: list[str]) -> list[str]:
        # Without jedi, IPython looks up no property and, in polars, no accessor, since these may run any
        # code. jedi reads the source of pandas or polars first. Ours return what came with the answer.
        if not path[1:]:
            return []
        value = self._shell.user_ns.get(path[0])
        for name in path[1:]:
            is_ours = isinstance(value, Answer | AnswerMetadata | ConnectyAccessor)
            if not (is_ours or getattr(type(value), name, None) is ConnectyAccessor):
                return []
            value = getattr(value, name, None)
        return dir(value)

    def _parse(self, line: str) -> dict[str, Any]:
        try:
            options = vars(_PARSER.parse_args(shlex.split(line)))
        except (UsageError, ValueError) as error:
            raise UsageError(
                f"%%connecty: {error}. %%connecty? describes its options: {', '.join(_OPTIONS)}."
            ) from None
        variables = {action.dest for action in _OPTIONS.values() if action.metavar == "VARIABLE"}
        return {key: self._variable(value) if key in variables else value for key, value in options.items()}

    def _filled(self, question: str, names: list[str]) -> str:
        hidden = self._shell.user_ns_hidden
        own = {key: value for key, value in self._shell.user_ns.items() if key not in hidden}
        values = {name: _filling(name, own) for name in names}
        for name in values:
            if not re.search(rf"(?<!{{){{\s*{name}\s*}}", question):
                raise UsageError(f"%%connecty: --param {name}: the question has no {{{name}}}.")

        def fill(found: re.Match[str]) -> str:
            text, doubled, inner, name = found.group(0, 1, 2, 3)
            if doubled is not None or inner in values:
                return values[inner] if doubled is None else f"{{{doubled}}}"
            if name in own:
                raise UsageError(
                    f"%%connecty: {text} would be sent as it stands, but {name} is a variable. Fill it in: "
                    f"--param {name} takes {{{name}}} alone. Or write {{{text}}} to send {text}."
                )
            return str(text)

        return _BRACES.sub(fill, question)

    def _variable(self, name: str) -> Any:
        if not all(map(str.isidentifier, name.split("."))):
            raise UsageError(f"{name!r} is not the name of a variable.")
        try:
            return self._shell.ev(name)
        except (AttributeError, NameError, SyntaxError) as error:
            raise UsageError(f"There is no variable {name!r}: {error}.") from None


def _filling(name: str, variables: dict[str, Any]) -> str:
    if name not in variables:
        raise UsageError(f"%%connecty: --param {name}: there is no variable {name!r}.")
    if not isinstance(value := variables[name], str | int | float | Decimal | date | time):
        raise UsageError(
            f"%%connecty: --param {name}: {name} is a {type(value).__name__}. A question takes text, "
            "numbers, dates and times."
        )
    return str(value)


def _chart(frame: Any) -> Any:
    try:
        return accessor.plot_frame(frame, accessor.metadata(frame, required=True))
    except ConfigError as error:
        sys.stderr.write(f"{terminal(str(error))}\n")
        return frame


def _metadata(source: Any) -> AnswerMetadata | None:
    return source.metadata if isinstance(source, Answer) else accessor.metadata(source)


def _is_answer(value: Any) -> bool:
    try:
        return _metadata(value) is not None
    except ConfigError:
        return False


def _make_parser(description: str | None) -> tuple[MagicArgumentParser, dict[str, argparse.Action]]:
    # IPython's parser writes a sign before the usage, and argparse one for two.
    usage = "%%connecty [NAME] [options]"
    parser = MagicArgumentParser("connecty", usage, description)  # type: ignore[no-untyped-call]
    parser.allow_abbrev = False  # a new option would make the short form of another one ambiguous
    parser.add_argument("name", nargs="?", metavar="NAME", type=_name, help="The variable of the frame.")
    described = re.findall(r"^(\w+) : .+\n((?: {4}.+\n)+)", inspect.getdoc(ask_df) or "", re.MULTILINE)
    words = {name: " ".join(text.replace("``", "").replace("%", "%%").split()) for name, text in described}
    hints = get_type_hints(AskOptions, localns={"Callable": Callable})
    options = [_add_option(parser, "client", Any, "The client to ask; None uses the shared one.")]
    options += [
        _add_option(parser, field.name, hints[field.name], words.get(field.name, ""))
        for field in fields(AskOptions)
    ]
    id_help = "The id of a question asked before: its answer is fetched, and nothing is asked."
    options.append(_add_option(parser, "question_id", str, id_help))
    plot_help = "Show a chart of the answer as the value of the cell."
    param_help = "Fill in {NAME} with the variable NAME, a text, number, date or time. May be repeated."
    more: dict[str, dict[str, Any]] = {
        "--plot": {"action": "store_true", "help": plot_help},
        "--param": {"action": "append", "help": param_help, "metavar": "NAME"},
    }
    options += [parser.add_argument(name, default=argparse.SUPPRESS, **each) for name, each in more.items()]
    return parser, {name: option for option in options for name in option.option_strings}


def _add_option(parser: MagicArgumentParser, name: str, hint: Any, words: str) -> argparse.Action:
    kinds = get_args(hint) or (hint,)
    how: dict[str, Any]
    if get_origin(hint) is Literal:
        how = {"choices": kinds}
    elif hint is bool:
        how = {"action": argparse.BooleanOptionalAction}
    elif name == "max_rows":
        how = {"type": _max_rows, "metavar": "N|all"}
    elif str in kinds:
        how = {}
    elif int in kinds or float in kinds:
        how = {"type": kinds[0], "metavar": "N"}
    else:
        how = {"metavar": "VARIABLE"}
    # Without a default, so that what is not given is left to ask_df.
    return parser.add_argument(f"--{name.replace('_', '-')}", help=words, default=argparse.SUPPRESS, **how)


def _name(text: str) -> str:
    if not text.isidentifier() or keyword.iskeyword(text):
        raise argparse.ArgumentTypeError(f"{text!r} cannot be the name of a variable")
    return unicodedata.normalize("NFKC", text)  # as Python reads names


def _max_rows(text: str) -> int | None:
    try:
        return parse_max_rows("all" if text == "None" else text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


_PARSER, _OPTIONS = _make_parser(_Magics.connecty.__doc__)
_Magics.connecty.__doc__ = _PARSER.format_help()  # what %%connecty? shows
