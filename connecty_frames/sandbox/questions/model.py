"""The semantic model of a workspace: what its tables, columns and values are called, and their SQL.

A model is a TOML file. Each name of a table or column in the SQL that answers a question comes from it, so
nothing that a user typed gets into SQL.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator


# Parts are compared by identity: each stands in the model once.
class _Part(msgspec.Struct, frozen=True, eq=False, forbid_unknown_fields=True):
    """A part of a model; the comments at the top of the model describe the attributes."""


class Entity(_Part, frozen=True, eq=False):
    """What a row of a table is."""

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


class Value(_Part, frozen=True, eq=False):
    """A value of a category and its words, by default the value itself."""

    value: str | bool
    words: list[str] | None = None
    predicates: list[str] = []

    @property
    def sql(self) -> str:
        """The value as a literal of SQL."""
        return str(self.value).upper() if isinstance(self.value, bool) else f"'{self.value}'"

    @property
    def text(self) -> str:
        """The value in words."""
        return str(self.value).lower() if self.value is True else str(self.value)

    @property
    def phrases(self) -> list[str]:
        """The words, irregular plurals included."""
        return "|".join([str(self.value)] if self.words is None else self.words).split("|")


class Field(_Part, frozen=True, eq=False):
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
    sum: bool = False
    good: bool = False
    within: str | None = None
    values: list[Value] = []
    verbs: list[str] = []
    moments: list[str] = []
    units: list[str] = []
    present: list[str] = []
    most: list[str] = []
    least: list[str] = []

    @property
    def noun(self) -> str:
        """What a question calls it."""
        return self.column if self.type == "category" else self.nouns[0].split("|")[0]

    @property
    def is_time(self) -> bool:
        """Whether its values are dates or times."""
        return self.type in {"instant", "timestamp", "date"}

    @property
    def moment(self) -> str:
        """Its values as dates or times of UTC, of which periods are made."""
        return f"({self.sql} AT TIME ZONE 'UTC')" if self.type == "instant" else self.sql

    @property
    def is_number(self) -> bool:
        """Whether its values compare with numbers."""
        return self.type in {"number", "money"}


class Measure(_Part, frozen=True, eq=False):
    """A number computed from the rows of an entity, with a name of its own."""

    name: str
    nouns: list[str]
    sql: dict[str, str]
    time: str | None = None
    counts: bool = False
    good: bool = False

    @property
    def rate(self) -> bool:
        """Whether the values of groups do not add up."""
        return any("/" in sql or "avg" in sql for sql in self.sql.values())


class Event(_Part, frozen=True, eq=False):
    """What entities do, or what is done with them, and the entity whose rows record it."""

    entity: str
    row: str
    verbs: list[str]
    sums: list[str] = []
    means_units: bool = False


class SemanticModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All parts of a model, and questions that it answers."""

    entity: dict[str, Entity]
    field: list[Field]
    measure: list[Measure]
    event: list[Event]
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
        """Return the entities to which a row belongs, each with the one below it and the column between."""
        found = {parent: (entity, column) for parent, column in self.entity[entity].parents.items()}
        for parent in self.entity[entity].parents:
            found |= self.parents(parent)
        return found

    def belongs(self, entity: str, other: str) -> bool:
        """Return whether each row of an entity is or belongs to a row of another."""
        return entity == other or other in self.parents(entity)


def forms(noun: str) -> Iterator[tuple[str, bool]]:
    """Yield a noun in both numbers, and whether it is the plural, which ``person|people`` states."""
    singular, _, plural = noun.partition("|")
    if not plural and singular.endswith("y") and singular[-2:-1] not in "aeiou":
        plural = f"{singular[:-1]}ies"
    elif not plural:
        plural = f"{singular}{'es' if singular.endswith(('s', 'x', 'ch', 'sh')) else 's'}"
    yield singular, False
    yield plural, True
