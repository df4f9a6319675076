"""Models as contracts: their columns, and their constraints, checked by pydantic.

pydantic is imported only to check a constraint. Validators are not run, because they may change values, and a
frame must hold what the server sent.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

from connecty_frames._base.text import quoted, snippet
from connecty_frames.decode.schema import ColumnRule
from connecty_frames.errors import ConfigError, TypeFidelityWarning, warn
from connecty_frames.frames.dtypes import (
    UnknownTypeError,
    find_encoding,
    is_checked_class,
    is_model,
    package_of,
    says_digits,
    unwrap,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    #: A declared column: its name, its type, and a function to make its rule later.
    Declared: TypeAlias = tuple[Any, Any, Callable[[], ColumnRule]]

#: Options of a model's config for all texts and floats.
_LIMITS: Final = frozenset({"str_min_length", "str_max_length", "allow_inf_nan"})


# --- columns ----------------------------------------------------------------------------------------


def model_columns(model: Any) -> Iterator[Declared]:
    """Return the columns of a pydantic model, under their names in the input."""
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
    checked = {} if runs_first else _constraints(annotation, model.model_config, is_model=True)
    choices = names if len(names) > 1 else ()
    return ColumnRule(nullable=unwrap(annotation)[2], choices=choices, **checked)


def dict_column(name: Any, given: Any) -> Declared:
    """Return a column of a dict; it may have nulls, and its annotation pydantic constraints."""
    return name, given, lambda: ColumnRule(**_constraints(given, {}, is_model=False))


def is_pandera_schema(given: object) -> bool:
    """Return True for a pandera model class or schema, for any frame library."""
    return is_model(given, "pandera", "DataFrameModel") or (
        package_of(type(given)) == "pandera" and type(given).__name__ == "DataFrameSchema"
    )


def pandera_columns(given: Any) -> tuple[list[tuple[str, Any]], frozenset[str]]:
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
    dtypes = [(name, column.dtype) for name, column in columns.items() if column.dtype is not None]
    return dtypes, frozenset(name for name, column in columns.items() if not column.required)


# --- validators, which are not run --------------------------------------------------------------------


def warn_of_validators(schema: Any) -> None:
    """Warn of validators in a model or in the annotations of a dict."""
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
    """Return the modes of a field's decorated validators: before, after, wrap or plain."""
    decorators = model.__pydantic_decorators__
    found = (*decorators.field_validators.values(), *decorators.validators.values())
    return [each.info.mode for each in found if {field, "*"} & set(each.info.fields)]


def _is_validator(metadata: object) -> bool:
    return type(metadata).__module__ == "pydantic.functional_validators"


def _is_constraint(metadata: object) -> bool:
    is_known = package_of(type(metadata)) in {"pydantic", "annotated_types"}
    return is_known or hasattr(metadata, "__get_pydantic_core_schema__")


def _metadata_of(annotation: Any) -> Iterator[Any]:
    yield from getattr(annotation, "__metadata__", ())
    for inner in typing.get_args(annotation):
        yield from _metadata_of(inner)


# --- constraints --------------------------------------------------------------------------------------


def _constraints(annotation: Any, config: Any, *, is_model: bool) -> dict[str, Any]:
    """Return fields of ColumnRule that check values; none if the type suffices or a validator runs first."""
    type_, metadata, _ = unwrap(annotation)
    inside = list(_metadata_of(type_))
    if any(map(_is_validator, inside)) or any(
        _is_validator(each) and type(each).__name__ != "AfterValidator" for each in metadata
    ):
        return {}
    kept = list(takewhile(lambda each: not _is_validator(each), metadata))
    has_encoding = find_encoding(annotation) is not None  # then the type differs from the annotation
    if type_ is Decimal and not has_encoding:
        kept = [each for each in kept if not says_digits(each, metadata)]
    leaf, is_list = type_, typing.get_origin(type_) is list
    while typing.get_origin(leaf) is list:
        leaf, *_ = unwrap(typing.get_args(leaf)[0])
    is_checked = (
        any(map(_is_constraint, (*kept, *inside)))
        or (is_model and not _LIMITS.isdisjoint(config))
        or is_checked_class(leaf, has_encoding=has_encoding)
    )
    if not (is_checked or (is_model and is_list)):
        return {}
    check = _adapter_check(Annotated[type_, *kept] if kept else type_, config)
    is_secret = isinstance(leaf, type) and package_of(leaf) == "pydantic" and leaf.__name__ == "SecretStr"
    return {"check": check, "checks_nulls_alone": not is_checked, "is_secret": is_secret}


def _adapter_check(annotation: Any, config: Any) -> Callable[[Sequence[Any]], tuple[int, str] | None]:
    from pydantic import FailFast, TypeAdapter, ValidationError

    values_type = Annotated[list[annotation | None], FailFast()]
    applied = _LIMITS | {"str_strip_whitespace", "str_to_lower", "str_to_upper", "regex_engine"}
    kept: Any = {key: config[key] for key in applied & config.keys()}
    try:
        adapter = TypeAdapter(values_type, config=kept)
    except Exception as error:  # noqa: BLE001 - ImportError, TypeError and others, depending on the constraint
        raise UnknownTypeError(f"pydantic cannot check its constraints: {snippet(str(error), 300)}") from None

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
