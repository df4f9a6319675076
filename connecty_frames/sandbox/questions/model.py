"""The semantic model of a workspace: the names and SQL of its tables, columns and values."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Literal

import msgspec

# Comments in the model's file describe the attributes. Parts are compared by identity, as each exists once.


class Entity(msgspec.Struct, frozen=True, eq=False, forbid_unknown_fields=True):
    """What a row of a table stands for."""

    name: str
    plural: str
    table: str
    alias: str
    key: list[str]
    label: list[str]
    nouns: list[str]
    group_label: str | None = None
    unique_label: bool = False
    parents: dict[str, str] = {}
    time: str | None = None
    amount: str | None = None
    usual: str | None = None
    person: bool = False


class Value(msgspec.Struct, frozen=True, eq=False, forbid_unknown_fields=True):
    """A value of a category, as SQL, as text, and in words (by default the value itself)."""

    value: str | bool | int
    sql: str
    text: str
    phrases: list[str]
    words: list[str] = []
    predicates: list[str] = []


class Field(msgspec.Struct, frozen=True, eq=False, forbid_unknown_fields=True):
    """A column of an entity."""

    entity: str
    name: str
    column: str
    aggregate: str
    sql: str
    type: Literal[
        "number", "money", "instant", "timestamp", "date", "duration", "category", "boolean", "text"
    ]
    nouns: list[str]
    #: Its name in questions, SQL for its time in UTC, and whether it is a time or a number.
    noun: str
    moment: str
    is_time: bool
    is_number: bool
    sum: bool = False
    good: bool = False
    within: str | None = None
    values: list[Value] = []
    verbs: list[str] = []
    units: list[str] = []
    scale: str = "1"
    present: list[str] = []
    most: list[str] = []
    least: list[str] = []


class Measure(msgspec.Struct, frozen=True, eq=False, forbid_unknown_fields=True):
    """A number computed from the rows of an entity, with its own name."""

    name: str
    nouns: list[str]
    sql: dict[str, str]
    time: str | None = None
    counts: bool = False
    good: bool = False
    rate: bool = False


class Event(msgspec.Struct, frozen=True, eq=False, forbid_unknown_fields=True):
    """An action of or on an entity, and the entity with a row for each."""

    entity: str
    row: str
    verbs: list[str]
    sums: list[str] = []
    means_units: bool = False


class SemanticModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All parts of a model, and examples of questions."""

    entity: dict[str, Entity]
    field: list[Field]
    measure: list[Measure]
    event: list[Event]
    #: Units of time: their SQL, and the step to the previous one, if they form a sequence.
    grain: dict[str, dict[str, str]]
    examples: list[str] = []

    @classmethod
    def from_toml(cls, text: str) -> SemanticModel:
        """Read a model."""
        tables = tomllib.loads(text)
        for name, entity in tables["entity"].items():
            entity |= {"name": name, "alias": entity["table"].rpartition(".")[2]}
            entity.setdefault("plural", f"{name}s")
        for field in tables["field"]:
            field.setdefault("column", field["name"])
            field.setdefault("aggregate", field["column"])
            field.setdefault("sql", f"{tables['entity'][field['entity']]['alias']}.{field['name']}")
            kind, noun = field["type"], (field["nouns"] or [field["entity"]])[0].partition("|")[0]
            field["noun"] = field["column"] if kind == "category" else noun
            field["moment"] = f"({field['sql']} AT TIME ZONE 'UTC')" if kind == "instant" else field["sql"]
            field["is_time"] = kind in {"instant", "timestamp", "date"}
            field["is_number"] = kind in {"number", "money"}
            for value in field.get("values", ()):
                value["text"] = str(value["value"])
                value["sql"] = value["text"].upper() if kind == "boolean" else f"'{value['text']}'"
                value["phrases"] = "|".join(value.get("words", [value["text"]])).split("|")
        for measure in tables["measure"]:  # a rate: values of groups do not add up
            measure["rate"] = any("/" in sql or "avg" in sql for sql in measure["sql"].values())
        return msgspec.convert(tables, cls)

    def find(self, entity: str, name: str) -> Field:
        """Return a field by its entity and name."""
        return next(field for field in self.field if (field.entity, field.name) == (entity, name))

    def measure_named(self, name: str) -> Measure:
        """Return a measure by its name."""
        return next(measure for measure in self.measure if measure.name == name)

    def time_field(self, entity: str) -> Field | None:
        """Return the field of the time at which the rows of an entity happened."""
        name = self.entity[entity].time
        return None if name is None else self.find(entity, name)

    def parents(self, entity: str) -> dict[str, tuple[str, str]]:
        """Return the entities that a row belongs to, each with its child entity and the joining column."""
        found = {parent: (entity, column) for parent, column in self.entity[entity].parents.items()}
        for parent in self.entity[entity].parents:
            found |= self.parents(parent)
        return found

    def belongs(self, entity: str, other: str) -> bool:
        """Return whether each row of an entity is or belongs to a row of another."""
        return entity == other or other in self.parents(entity)


def forms(noun: str) -> Iterator[tuple[str, bool]]:
    """Yield a noun's singular and plural, each with whether it is plural; ``person|people`` is irregular."""
    singular, _, plural = noun.partition("|")
    if not plural and singular.endswith("y") and singular[-2:-1] not in "aeiou":
        plural = f"{singular[:-1]}ies"
    elif not plural:
        plural = f"{singular}{'es' if singular.endswith(('s', 'x', 'ch', 'sh')) else 's'}"
    yield singular, False
    yield plural, True
