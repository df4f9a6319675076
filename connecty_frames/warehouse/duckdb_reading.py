"""What DuckDB itself reads in a query: it has more ways to reach a file than a name in a parenthesis.

DuckDB reads a table that it does not have as a file, as a variable of Python or as another database. So it is
asked for its own parse tree, and every table in it must be one that it has.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from connecty_frames._base.text import snippet
from connecty_frames.warehouse.functions import FUNCTIONS, ROWS
from connecty_frames.warehouse.guard import refused, unknown_functions

if TYPE_CHECKING:
    from collections.abc import Callable

    from connecty_frames.warehouse.guard import Statement

#: The classes of expressions, and the types of everything else, of which a query is made.
_EXPRESSIONS: Final = frozenset(
    """
    BETWEEN CASE CAST COLLATE COLUMN_REF COMPARISON CONJUNCTION CONSTANT FUNCTION LAMBDA OPERATOR
    POSITIONAL_REFERENCE STAR SUBQUERY TYPE WINDOW
    """.split()
)
_PARTS: Final = frozenset(
    """
    BASE_TABLE CTE_NODE DISTINCT_MODIFIER EMPTY EXPRESSION_LIST JOIN LIMIT_MODIFIER LIMIT_PERCENT_MODIFIER
    ASCENDING DESCENDING ORDER_DEFAULT ORDER_MODIFIER PIVOT RECURSIVE_CTE_NODE SELECT_NODE
    SET_OPERATION_NODE SUBQUERY TABLE_FUNCTION
    """.split()
)
#: Functions that DuckDB calls for its syntax.
_SYNTAX: Final = frozenset(
    """
    array_extract array_slice array_value construct_array contains count_star date_part ilike_escape
    json_extract_string like_escape list_pack list_value map not_ilike_escape not_like_escape
    regexp_full_match row struct_concat struct_extract struct_pack timezone to_centuries to_days
    to_decades to_hours to_microseconds to_millennia to_milliseconds to_minutes to_months to_quarters
    to_seconds to_weeks to_years trunc unpivot_list
    """.split()
)
#: Functions of extensions that DuckDB would load, perhaps from the network.
_LOADED: Final = frozenset({"text"})
_SERIALIZE: Final = "SELECT system.main.json_serialize_sql(?::VARCHAR)"
#: In these, nothing can be replaced by a macro of the session.
_OTHERS: Final = (
    "SELECT database_name FROM system.main.duckdb_databases() "
    "WHERE NOT internal AND database_name <> system.main.current_database()"
)
_TYPES: Final = "SELECT type_name FROM system.main.duckdb_types()"
#: Names a table or view in any catalog that DuckDB would search; raises an error if there is none.
_RESOLVE: Final = "SELECT name FROM system.main.pragma_table_info(?)"


def check_reading(statement: Statement, ask: Callable[..., list[tuple[Any, ...]]]) -> None:
    """Raise QueryRefused unless DuckDB reads a query of its own tables; ``ask`` runs SQL with parameters."""
    read = json.loads(ask(_SERIALIZE, [statement.sql])[0][0])
    if read["error"]:
        dynamic = "Only SELECT" in read["error_message"]
        raise refused(
            statement.sql,
            f"cannot be read by DuckDB: {snippet(read['error_message'])}",
            "PIVOT needs the names of its values: IN ('a', 'b')." if dynamic else "",
        )
    reading = _Reading(statement)
    reading.visit(read["statements"], frozenset())
    if reading.functions:
        raise unknown_functions(statement.sql, list(dict.fromkeys(reading.functions)))
    unknown = reading.types and reading.types - {name.lower() for (name,) in ask(_TYPES, [])}
    if unknown:  # for some DuckDB loads an extension
        raise refused(statement.sql, f"has the type {snippet(min(unknown))!r}, which DuckDB does not have")
    others = {name.lower() for (name,) in ask(_OTHERS, [])}
    for path in reading.tables:
        if len(path) > 1 and path[0].lower() in others:
            raise refused(statement.sql, f"reads {_shown(path)}, which is in another database")
        if any('"' in name for name in path):
            raise refused(statement.sql, f"reads {_shown(path)}, which is not named like a table")
        try:
            ask(_RESOLVE, [".".join(f'"{name}"' for name in path)])
        except Exception as error:  # of duckdb or of ADBC
            reason = f"reads {_shown(path)}, which is not a table or view of this database"
            raise refused(statement.sql, reason) from error


class _Reading:
    """The tables and the unknown functions of a parse tree of DuckDB."""

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self.allowed = FUNCTIONS - _LOADED | _SYNTAX | statement.allowed
        self.tables: list[list[str]] = []
        self.functions: list[str] = []
        self.types: set[str] = set()

    def visit(self, node: Any, scope: frozenset[bytes]) -> None:
        """Collect from a node and what is below it; the scope has the names of WITH that it can read."""
        if isinstance(node, list):
            for each in node:
                self.visit(each, scope)
        if not isinstance(node, dict):
            return
        kind = node.get("class", node.get("type"))
        if isinstance(kind, str):
            self._check(node, kind, scope)
        before = {}
        inner = scope
        for entry in node.get("cte_map", {}).get("map", ()):
            before[_folded(entry["key"])] = inner
            self.visit(entry["value"], inner)
            inner |= {_folded(entry["key"])}
        own = {_folded(node["cte_name"])} if "cte_name" in node else set()
        for key, child in node.items():
            if kind == "CTE_NODE" and key == "query":
                self.visit(child, before.get(_folded(node["cte_name"]), scope))
            elif key != "cte_map":
                self.visit(child, inner | own if key in {"right", "child"} else inner)

    def _check(self, node: dict[str, Any], kind: str, scope: frozenset[bytes]) -> None:
        allowed = _EXPRESSIONS if "class" in node else _PARTS
        if kind not in allowed and not kind.endswith("_TYPE_INFO"):
            raise refused(self.statement.sql, f"has {kind}, which is not allowed in a query")
        if name := node.get("type_name") or node.get("user_type_name"):
            self.types.add(name.lower())
        if "function_name" in node:
            self._note_function(node, self.allowed)
        if kind == "TABLE_FUNCTION":
            self._note_function(node["function"], ROWS | self.statement.allowed)
        if kind == "BASE_TABLE":
            parts = [node["catalog_name"], node["schema_name"], node["table_name"]]
            path = node.get("qualified_name", {}).get("path") or [part for part in parts if part]
            if len(path) > 1 or _folded(path[0]) not in scope:
                self.tables.append(path)

    def _note_function(self, node: dict[str, Any], allowed: frozenset[str]) -> None:
        name = node["function_name"].lower()
        schemas = [part for part in (node.get("catalog"), node.get("schema")) if part]
        full = ".".join([*schemas, name]).lower()
        known = name in allowed and schemas in ([], ["main"], ["system", "main"])
        if not known and full not in self.statement.allowed and re.search(r"\w", name):
            self.functions.append(full)


def _folded(name: str) -> bytes:
    """Return a name as DuckDB compares it: bytes have upper and lower case in ASCII alone."""
    return name.encode(errors="replace").lower()


def _shown(path: list[str]) -> str:
    return repr(snippet(".".join(path)))
