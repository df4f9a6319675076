"""``schema=`` read as SchemaTypes: Arrow types by column name, and the constraints of models.

pydantic is imported only to check a constraint. Validators are not run, because they may change values, and a
frame must hold what the server sent.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from functools import partial
from itertools import chain, takewhile
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import msgspec
import pyarrow as pa

from connecty_frames._base.text import quoted, snippet, value_text
from connecty_frames.answer_metadata import Schema
from connecty_frames.decode import compute as pc
from connecty_frames.decode.arrow import is_aware, is_binary, is_list, is_text
from connecty_frames.decode.exact_json import NUL
from connecty_frames.decode.schema import ColumnRule, SchemaTypes
from connecty_frames.decode.types.encodings import Given, OpenType
from connecty_frames.errors import ConfigError, TypeFidelityWarning, warn, wrong_value
from connecty_frames.frames import dtypes

if TYPE_CHECKING:
    #: A declared column: its name, its type, and a function to make its rule later.
    Declared: TypeAlias = tuple[Any, Any, Callable[[], ColumnRule]]

_ACCEPTED: Final = (
    'an Arrow type or its name (pa.int64(), "timestamp[us, tz=UTC]", "decimal128(18, 2)"), a pandas, numpy '
    'or polars dtype or its name ("Int64", "datetime64[us, UTC]", pl.Date), or a Python type (int, float, '
    "str, bytes, bool, date, datetime, time, timedelta, Decimal, list[...], a Literal or Enum), or how the "
    'values are written (cf.epoch("ms"), cf.local("Europe/Warsaw"), cf.strptime("%d/%m/%Y"), '
    'cf.binary("base64"))'
)


def to_schema_types(schema: object) -> SchemaTypes | None:
    """Read a caller's ``schema=``, or return None; raises ConfigError with the name of the column."""
    if schema is None:
        return None
    if isinstance(schema, Schema):
        saved = _from_columns(((c.name, c.encoding or c.type, ColumnRule) for c in schema), complete=True)
        inferred = frozenset(column.name for column in schema if column.basis != "schema")
        return msgspec.structs.replace(saved, inferred=inferred)
    if isinstance(schema, pa.Schema):
        fields = [(f.name, f.type, partial(ColumnRule, nullable=f.nullable)) for f in schema]
        return _from_columns(fields, complete=True)
    if dtypes.is_pydantic_model(schema):
        found = _from_columns(_model_columns(schema), complete=True)
        _warn_of_validators(schema)
        return found
    if _is_pandera_schema(schema):
        columns, optional = _pandera_columns(schema)
        found = _from_columns(((*column, ColumnRule) for column in columns), complete=False)
        return msgspec.structs.replace(found, optional=optional)
    if isinstance(schema, Mapping):
        is_polars = dtypes.package_of(type(schema)) == "polars"
        found = _from_columns((_dict_column(*item) for item in schema.items()), complete=is_polars)
        _warn_of_validators(schema)
        return found
    expected = (
        "a dict of column names to types, a pyarrow or polars schema, a pydantic model class, a pandera "
        "model class or schema, or a saved answer.schema"
    )
    raise wrong_value("schema", schema, expected)


def _from_columns(columns: Iterable[Declared], *, complete: bool) -> SchemaTypes:
    column_types: dict[str, Given] = {}
    rules: dict[str, ColumnRule] = {}
    known: set[str] = set()
    for name, given, make_rule in columns:
        if not isinstance(name, str):
            raise ConfigError(f"schema: column name {value_text(name)}: expected text.", setting="schema")
        try:
            encoding = dtypes.find_encoding(given)
            type_ = _check(dtypes.arrow_type(given) if encoding is None else encoding.type)
            rule = make_rule()
        except dtypes.UnknownTypeError as error:
            raise ConfigError(
                f"schema: column {snippet(name)!r}: {error}. Accepted are {_ACCEPTED}.", setting="schema"
            ) from None
        for each in rule.choices or (name,):
            if each in known:
                raise ConfigError(f"schema: column {snippet(each)!r} occurs twice.", setting="schema")
            known.add(each)
        column_types[name] = type_ if encoding is None else encoding
        if rule != ColumnRule():
            rules[name] = rule
    return SchemaTypes(column_types, complete=complete, rules=rules)


def _check(type_: pa.DataType) -> pa.DataType:
    if is_aware(type_):
        dtypes.zone_name(type_.tz)
    if pa.types.is_dictionary(type_) and not is_binary(type_.value_type):
        _check(type_.value_type)
    elif pa.types.is_map(type_):
        _check(type_.key_type)
        _check(type_.item_type)
    elif is_list(type_) or pa.types.is_struct(type_):
        for position in range(type_.num_fields):
            field = type_.field(position)
            if NUL in field.name:
                raise dtypes.UnknownTypeError("a field has a NUL character in its name, which no frame holds")
            _check(field.type)
    elif not (_is_flat(type_) or (pa.types.is_decimal(type_) and type_.scale >= 0)):
        raise dtypes.UnknownTypeError(f"{snippet(str(type_))} cannot be made of JSON values")
    return type_


def _is_flat(type_: pa.DataType) -> bool:
    if pa.types.is_primitive(type_):
        return not (pa.types.is_float16(type_) or pa.types.is_interval(type_))
    return is_text(type_) or is_binary(type_)


# --- models and annotations as contracts ----------------------------------------------------------------

#: Options of a model's config for all texts and floats.
_LIMITS: Final = frozenset({"str_min_length", "str_max_length", "allow_inf_nan"})
#: Options that change texts before they are checked, or the meaning of patterns.
_CHANGES: Final = frozenset({"str_strip_whitespace", "str_to_lower", "str_to_upper", "regex_engine"})
#: Matches a pattern if a match by RE2 is one by pydantic too: no negation, assertion, reference or flag.
_is_shared: Final = re.compile(
    r"(?:[\^$|]|\((?:\?:)?|(?:\)|[\w @#/:=,.-]|\\[dws.+*?()|/-]"
    r"|\[(?:[A-Za-z0-9]-[A-Za-z0-9]|[\w.@ +*/:,#%]|\\[dws.-])+-?\])(?:[*+?]|\{\d{1,2}(?:,\d{0,2})?\})?\??)*",
    re.ASCII,
).fullmatch
_UUID: Final = r"^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\z"


def _model_columns(model: Any) -> Iterator[Declared]:
    model.model_rebuild(raise_errors=False)  # annotations may name a class defined after the model
    for name, field in model.model_fields.items():
        annotation = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
        # The possible names in the input; exactly one of them must be there.
        alias = field.validation_alias if field.validation_alias is not None else field.alias
        aliases = [each for each in getattr(alias, "choices", [alias]) if isinstance(each, str)]
        config = model.model_config
        by_name = config.get("populate_by_name") or config.get("validate_by_name")
        if not config.get("validate_by_alias", True):
            aliases = []
        names = tuple(dict.fromkeys([*aliases, *[name] * bool(by_name or not aliases)]))
        yield names[0], annotation, partial(_model_rule, model, name, names, annotation)


def _model_rule(model: Any, name: str, names: tuple[str, ...], annotation: Any) -> ColumnRule:
    runs_first = any(mode != "after" for mode in _validator_modes(model, name))
    checked = {} if runs_first else _constraints(annotation, model.model_config, in_model=True)
    choices = names if len(names) > 1 else ()
    return ColumnRule(nullable=dtypes.unwrap(annotation)[2], choices=choices, **checked)


def _dict_column(name: Any, given: Any) -> Declared:
    """Return a column of a dict; it may have nulls, and its annotation pydantic constraints."""
    return name, given, lambda: ColumnRule(**_constraints(given, {}, in_model=False))


def _is_pandera_schema(given: object) -> bool:
    return dtypes.is_model(given, "pandera", "DataFrameModel") or (
        dtypes.package_of(type(given)) == "pandera" and type(given).__name__ == "DataFrameSchema"
    )


def _pandera_columns(given: Any) -> tuple[list[tuple[str, Any]], frozenset[str]]:
    """Return the columns of a model that have a dtype, and the names of the optional ones.

    Raises ConfigError for a column that is a pattern of names.
    """
    schema = given.to_schema() if hasattr(given, "to_schema") else given
    columns = schema.columns
    for name, column in columns.items():
        if column.regex:
            raise ConfigError(
                f"schema: column {snippet(name)!r} is a pattern of pandera (regex=True), not the name of a "
                "column: give the types of the columns themselves, in a dict.",
                setting="schema",
            )
    typed = [(name, column.dtype) for name, column in columns.items() if column.dtype is not None]
    return typed, frozenset(name for name, column in columns.items() if not column.required)


# --- validators, which are not run --------------------------------------------------------------------


def _warn_of_validators(schema: Any) -> None:
    fields, of_model = [], []
    if isinstance(schema, Mapping):
        fields = [name for name, given in schema.items() if any(map(_is_validator, _metadata_of(given)))]
    else:
        for name, field in schema.model_fields.items():
            metadata = (*field.metadata, *_metadata_of(field.annotation))
            if _validator_modes(schema, name) or any(map(_is_validator, metadata)):
                fields.append(name)
        decorators = schema.__pydantic_decorators__
        of_model = [*decorators.model_validators, *decorators.root_validators]
    found = [f"of fields {quoted(fields)}"] * bool(fields)
    found += [f"of the model {schema.__name__} ({quoted(of_model)})" for _ in of_model[:1]]
    if found:
        warn(
            TypeFidelityWarning(
                f"schema: the validators {' and '.join(found)} are not run. To run those of a pydantic "
                "model, pass a row to its model_validate."
            )
        )


def _validator_modes(model: Any, field: str) -> list[str]:
    decorators = model.__pydantic_decorators__
    found = (*decorators.field_validators.values(), *decorators.validators.values())
    return [each.info.mode for each in found if {field, "*"} & set(each.info.fields)]


def _is_validator(metadata: object) -> bool:
    return type(metadata).__module__ == "pydantic.functional_validators"


def _is_constraint(metadata: object) -> bool:
    return _is_of_pydantic(metadata) or hasattr(metadata, "__get_pydantic_core_schema__")


def _is_of_pydantic(metadata: object) -> bool:
    return dtypes.package_of(type(metadata)) in {"pydantic", "annotated_types"}


def _metadata_of(annotation: Any) -> Iterator[Any]:
    yield from getattr(annotation, "__metadata__", ())
    for inner in typing.get_args(annotation):
        yield from _metadata_of(inner)


# --- constraints --------------------------------------------------------------------------------------


def _constraints(annotation: Any, config: Any, *, in_model: bool) -> dict[str, Any]:
    """Return fields of ColumnRule that check values; none if the type suffices or a validator runs first."""
    type_, metadata, _ = dtypes.unwrap(annotation)
    inside = list(_metadata_of(type_))
    if any(map(_is_validator, inside)) or any(
        _is_validator(each) and type(each).__name__ != "AfterValidator" for each in metadata
    ):
        return {}
    kept = list(takewhile(lambda each: not _is_validator(each), metadata))
    encoding = dtypes.find_encoding(annotation)
    has_encoding = encoding is not None  # then the type differs from the annotation
    if type_ is Decimal and not has_encoding:
        kept = [each for each in kept if not dtypes.says_digits(each, metadata)]
    leaf, is_list = type_, typing.get_origin(type_) is list
    while typing.get_origin(leaf) is list:
        leaf, *_ = dtypes.unwrap(typing.get_args(leaf)[0])
    is_checked = (
        any(map(_is_constraint, (*kept, *inside)))
        or (in_model and not _LIMITS.isdisjoint(config))
        or dtypes.is_checked_class(leaf, has_encoding=has_encoding)
    )
    if not (is_checked or (in_model and is_list)):
        return {}
    check = _adapter_check(Annotated[type_, *kept] if kept else type_, config)
    is_secret = (
        isinstance(leaf, type) and dtypes.package_of(leaf) == "pydantic" and leaf.__name__ == "SecretStr"
    )
    return {
        "check": check,
        "decisive": _decisive(type_, kept, config) if encoding in {None, OpenType(datetime)} else None,
        "checks_nulls_alone": not is_checked,
        "is_secret": is_secret,
    }


def _decisive(type_: Any, metadata: list[Any], config: Any) -> Callable[[pa.Array], Sequence[Any]] | None:
    """Return a function that selects the values to check, or None if any value may fail alone."""
    named = (each for each in metadata if each is not None)  # by conint, beside its bounds
    parts = list(chain.from_iterable(each if _is_group(each) else [each] for each in named))
    patterns = list(map(_shared_pattern, parts))
    others = (type(part) for part, pattern in zip(parts, patterns, strict=True) if pattern is None)
    names = {each.__name__ if dtypes.package_of(each) == "annotated_types" else "" for each in others}
    is_own = dtypes.package_of(type_) in {"builtins", "datetime", "pydantic", "uuid"}
    constraints, select = _DECISIVE.get(getattr(type_, "__name__", "") if is_own else "", (names, None))
    if select is None or not (names <= constraints and _CHANGES.isdisjoint(config)):
        return None
    return lambda values: [*select(values), *chain(*(_unlike(values, each) for each in patterns if each))]


def _is_group(metadata: Any) -> bool:
    return hasattr(metadata, "__iter__") and _is_of_pydantic(metadata)


def _shared_pattern(metadata: Any) -> str | None:
    """Return the pattern of a constraint if RE2 can read it as pydantic does."""
    fields = getattr(metadata, "__dict__", {}) if dtypes.package_of(type(metadata)) == "pydantic" else {}
    pattern: Any = fields.get("pattern")
    if fields.keys() == {"pattern"} and isinstance(pattern, str) and _is_shared(pattern):
        with suppress(pa.ArrowInvalid):  # too large for RE2
            _unlike(pa.nulls(1, pa.string()), pattern)
            return pattern
    return None


def _unlike(texts: pa.Array, pattern: str) -> list[str]:
    found: list[str] = texts.filter(pc.invert(pc.match_substring_regex(texts, pattern))).to_pylist()
    return found


def _extremes(values: pa.Array, keys: pa.Array) -> Sequence[Any]:
    ends = pc.min_max(keys).values()
    return [values[pc.indices_nonzero(pc.equal(keys, end))[0].as_py()].as_py() for end in ends]


#: By type: the constraints, and a function that selects the values to check for these.
_DECISIVE: Final[dict[str, tuple[frozenset[str], Callable[[pa.Array], Sequence[Any]]]]] = {
    **dict.fromkeys(
        ("int", "date", "datetime", "AwareDatetime", "NaiveDatetime"),
        (frozenset({"Gt", "Ge", "Lt", "Le"}), lambda values: _extremes(values, values)),
    ),
    "str": (frozenset({"MinLen", "MaxLen"}), lambda texts: _extremes(texts, pc.utf8_length(texts))),
    "UUID": (frozenset(), lambda texts: _unlike(texts, _UUID)),
}


def _adapter_check(annotation: Any, config: Any) -> Callable[[Sequence[Any]], tuple[int, str] | None]:
    from pydantic import FailFast, TypeAdapter, ValidationError

    values_type = Annotated[list[annotation | None], FailFast()]
    kept: Any = {key: config[key] for key in (_LIMITS | _CHANGES) & config.keys()}
    try:
        adapter = TypeAdapter(values_type, config=kept)
    except Exception as error:  # noqa: BLE001 - ImportError, TypeError and others, depending on the constraint
        raise dtypes.UnknownTypeError(
            f"pydantic cannot check its constraints: {snippet(str(error), 300)}"
        ) from None

    def check(values: Sequence[Any]) -> tuple[int, str] | None:
        try:
            adapter.validate_python(values, strict=False)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            return int(first["loc"][0]), first["msg"]
        except Exception as error:  # noqa: BLE001 - raised by a constraint in the caller's code
            if len(values) > 1:
                found = enumerate(check([value]) for value in values)
                return next((position, each[1]) for position, each in found if each is not None)
            return 0, f"{type(error).__name__}: {error}"
        return None

    return check
