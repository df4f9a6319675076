"""The folder of a batch: its manifest, its index and its parts.

``batch.json`` is the manifest: the workspace, the options that affect parts, and the id of the store that has
the index, with its URL if that is a database; otherwise ``index.sqlite3`` is the index. The manifest is
written last, so that a folder with one is complete. ``parts/000123-<name>.parquet`` answers question 123.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from connecty_frames._base.text import path_text, quoted, snippet, value_text
from connecty_frames.batch.index import Index
from connecty_frames.errors import ConfigError, TypeFidelityWarning, warn
from connecty_frames.files import atomic_write, locked_folder, open_regular
from connecty_frames.options import is_dw_id
from connecty_frames.settings.values import parse_setting

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import dataset, parquet

    from connecty_frames.batch.erasing import Erased
    from connecty_frames.options import AskOptions

_MANIFEST: Final = "batch.json"
_INDEX: Final = "index.sqlite3"
_PARTS: Final = "parts"
#: Prefixes of the only names in a folder before its manifest is written.
_OURS: Final = (_INDEX, _PARTS, f".{_INDEX}.", f".{_MANIFEST}.")
_NUMBER: Final = re.compile(r"[0-9]{6,}(?=[-.])")  # the beginning of a part's name
_FORMAT: Final = 1  # the version of the manifest and the table of items
#: The options that affect parts; ``strict`` and ``on_truncation`` may refuse an answer, but change no part.
OPTIONS: Final = ("max_rows", "schema", "tz", "infer_temporal", "decimals")


def manifest_of(target: dict[str, Any], ask_options: AskOptions) -> dict[str, Any]:
    """Return the manifest for a workspace and options with a parsed schema."""
    options = {name: getattr(ask_options, name) for name in OPTIONS}
    if (schema := options["schema"]) is not None:
        options["schema"] = {
            "types": {name: str(type_) for name, type_ in schema.types.items()},
            "complete": schema.complete,
            "inferred": sorted(schema.inferred),
            "optional": sorted(schema.optional),
        }
    return {"format": _FORMAT, **target, **options}


def begin_folder(
    folder: Path, manifest: dict[str, Any], store: str | None, *, client_changed: bool = False
) -> Index:
    """Begin a batch in a folder, or continue it, and return its index: in the folder, or at ``store``."""
    if folder.exists() and not folder.is_dir():
        raise _refused(folder, ": there is a file of that name. Name a folder.")
    folder.mkdir(parents=True, exist_ok=True)
    # If several callers begin it at once, all but the first find its manifest.
    with locked_folder(folder):
        names = {each.name for each in folder.iterdir()}
        if _MANIFEST not in names:
            _begin(folder, names, {**manifest, "store": store, "batch": uuid4().hex})
    found = manifest_in(folder)
    kept = {"store", "store_id", "batch", *["client"][:client_changed]}
    for name in sorted({*found, *manifest} - kept):
        if found.get(name) != manifest.get(name):
            raise _differs(folder, name, found, manifest)
    index = open_index(folder, store, found)
    (folder / _PARTS).mkdir(exist_ok=True)
    # A question is in the index before it is sent, and has a part only after that.
    if unknown := sorted({number for _, number in _parts(folder)} - index.sent()):
        raise _refused(
            folder,
            f": part {unknown[0]:06d} exists, but the index does not list its question as sent. Is the "
            "index from an old backup? Restore the latest one, or name a new folder.",
        )
    if found["client"] != manifest["client"]:
        with locked_folder(folder):
            _write_manifest(folder, {**manifest_in(folder), "client": manifest["client"]})
    return index


def begin_refetching(folder: Path, manifest: dict[str, Any], store: str | None) -> Index:
    """Change the options of a batch, mark all its answers to be fetched again, and return its index."""
    found = manifest_in(folder)
    index = open_index(folder, store, found)
    for name in manifest.keys() - {*OPTIONS}:
        if found.get(name) != manifest[name]:
            raise _differs(folder, name, found, manifest)
    with locked_folder(folder):
        index.refetch()  # first, so that a killed process leaves no parts made with other options
        _write_manifest(folder, {**found, **manifest})
    return index


def erase(folder: Path, store: str | None, *, dry_run: bool = False) -> Erased:
    """Erase the questions, the parts and finally the manifest; return the number of questions."""
    index = open_index(folder, store)
    parts = _parts(folder)
    _inside(folder, "index-answers.sqlite3")  # no batch has it, but erasing looks there
    with locked_folder(folder):
        erased = index.erase(dry_run=dry_run)  # first, since the database may refuse it
        if dry_run:
            return erased
        for part, _ in parts:
            part.unlink()
        index.remove()
        for path in (*folder.glob(f"{_INDEX}*"), folder / _MANIFEST):
            if not path.is_dir():
                path.unlink()
    for path in (folder / _PARTS, folder):
        with suppress(OSError):  # it has other files
            path.rmdir()
    return erased


def _begin(folder: Path, names: set[str], manifest: dict[str, Any]) -> None:
    """Create the contents of a batch folder; another process may do the same at the same time."""
    if foreign := [name for name in names if not name.startswith(_OURS)]:
        has = f"it contains {quoted(sorted(foreign))}"
        raise _refused(folder, f" is not a batch folder: {has}. Name a new folder.")
    index = _index_of(folder, manifest)
    if (_parts(folder) or index.create()) and not (folder / _MANIFEST).exists():
        has = f"has the index or the parts of a batch, but no {_MANIFEST}"
        raise _refused(folder, f" {has}. Restore what is missing, or name a new folder.")
    with suppress(FileExistsError):  # another machine, which does not share the lock, was faster
        _write_manifest(folder, {**manifest, "store_id": index.store_id}, replaces=False)


def _write_manifest(folder: Path, manifest: dict[str, Any], *, replaces: bool = True) -> None:
    with atomic_write(folder / _MANIFEST, private=True, replaces=replaces) as file:
        file.write(json.dumps(manifest, indent=2).encode() + b"\n")


def _differs(folder: Path, name: str, found: dict[str, Any], manifest: dict[str, Any]) -> ConfigError:
    what = "ask as before"
    if name in OPTIONS:
        what = "ask as before; or fetch all answers with the new options: open_batch(folder).refetch(...)"
    elif name == "store":
        what = f"set history={found[name]!r} if you know it: only the store of the start knows what was asked"
    elif name == "client":
        what = "continue with this client: client_changed=True (--client-changed)"
    elif name == "base_url" and str(found.get(name)).startswith("http:"):  # of this machine
        what = "ask as before if that sandbox is still running: its questions end with it"
    before, now = (value_text(each.get(name)) for each in (found, manifest))
    return _refused(
        folder, f" has a batch with {name}={before}, but now it is {now}. Name a new folder, or {what}."
    )


def _refused(folder: Path, reason: str) -> ConfigError:
    return ConfigError(f"folder={path_text(folder)}{reason}", setting="folder")


def manifest_in(folder: Path) -> dict[str, Any]:
    """Return the manifest of the batch in a folder."""
    path = _inside(folder, _MANIFEST)
    try:
        with open_regular(path) as file:
            manifest: dict[str, Any] = json.loads(file.read())
        known = manifest["format"] == _FORMAT
        if known:
            _check(manifest)
    except (FileNotFoundError, NotADirectoryError):
        raise _refused(folder, " has no batch. Name another folder, or start one with ask_batch.") from None
    except OSError as error:
        raise _refused(folder, f": {_MANIFEST} cannot be read ({error.strerror}).") from None
    except (AttributeError, ValueError, KeyError, TypeError, RecursionError):
        raise _refused(folder, f": {_MANIFEST} is damaged. Restore it.") from None
    if not known:
        raise _refused(
            folder,
            " was written by another version of connecty_frames. Install that version, or name a new folder.",
        )
    return manifest


def _check(manifest: dict[str, Any]) -> None:
    """Raise AttributeError, KeyError or ValueError for what no client can have written."""
    if (store := manifest["store"]) is not None:
        # The same rules as for the setting; a URL must not turn encryption off, for example.
        manifest["store"] = store = parse_setting("history", store, is_text=False)
    texts = [store or "-", *(manifest[name] for name in ("store_id", "batch", "base_url", "client"))]
    if not (all(text and text.isprintable() for text in texts) and is_dw_id(manifest["dw_id"])):
        raise ValueError


def open_index(folder: Path, store: str | None = None, manifest: dict[str, Any] | None = None) -> Index:
    """Return the index of the batch in a folder; raises ConfigError if it cannot be read.

    ``store`` is the URL of the settings or the client. That of the manifest would only get a password.
    """
    manifest = manifest or manifest_in(folder)
    if manifest["store"] is not None:
        if store is None:
            raise _differs(folder, "store", manifest, {"store": None})
        manifest = {**manifest, "store": store}
    index = _index_of(folder, manifest)
    index.check()
    if index.store_id != manifest["store_id"]:
        raise _refused(
            folder,
            f" has a batch with its questions in another store than {value_text(str(index.place))}: the ids "
            "differ. Only the store of the start knows what was asked: use it, or name a new folder.",
        )
    return index


def _index_of(folder: Path, manifest: dict[str, Any]) -> Index:
    if manifest["store"] is None:
        return Index(_inside(folder, _INDEX))
    return Index(manifest["store"], manifest["batch"], folder)


def store_of(folder: Path, store: str | None) -> str | None:
    """Return the URL of a folder's store; a new folder would get ``store``."""
    return manifest_in(folder)["store"] if (folder / _MANIFEST).exists() else store


def _parts(folder: Path) -> list[tuple[Path, int]]:
    paths = _inside(folder, _PARTS).glob("*.parquet")
    found = ((path, _NUMBER.match(path.name)) for path in paths if not path.is_dir())
    return [(path, int(number[0])) for path, number in found if number]


def part_path(folder: Path, number: int, name: str | None) -> Path:
    """Return the path of a question's part; ``name`` is None for a question without a name."""
    return _inside(folder, _PARTS, f"{number:06d}{'' if name is None else f'-{name}'}.parquet")


def _inside(folder: Path, *names: str) -> Path:
    path = folder.joinpath(*names)
    if Path(os.path.realpath(path)) != Path(os.path.realpath(folder), *names):
        raise _refused(folder, f": a link leads {path_text('/'.join(names))} elsewhere. Remove the link.")
    return path


_EXACT: Final = 2**53  # integers up to this size are exact in float64
_MOST_COLUMNS: Final = 5  # the most columns that a warning names
_HINT: Final = "batch.refetch(schema=...) gives all parts the same types, at no cost."


def to_dataset(paths: list[Path]) -> dataset.Dataset:
    """Return Parquet files as one dataset; raises ConfigError unless columns and types agree."""
    from pyarrow import dataset

    options = dataset.ParquetFragmentScanOptions(page_checksum_verification=True)
    format_ = dataset.ParquetFileFormat(default_fragment_scan_options=options)
    return dataset.dataset([str(path) for path in paths], schema=_common_schema(paths), format=format_)


def warn_of_types(paths: Iterable[Path]) -> None:
    """Warn of columns whose types differ between parts: engines that read them together may change values."""
    found: dict[str, dict[pa.DataType, Path]] = {}
    for path in paths:
        with suppress(ConfigError):  # reading the dataset reports a damaged or missing part
            for field in _read_metadata(path).schema.to_arrow_schema():
                found.setdefault(field.name, {}).setdefault(field.type, path)
    differing = [
        f"{snippet(name)!r} is {snippet(str(first))} in {path_text(before.name)} and {snippet(str(second))} "
        f"in {path_text(path.name)}"
        for name, types in found.items()
        if len(types) > 1
        for (first, before), (second, path) in [list(types.items())[:2]]
    ]
    if differing:
        more = len(differing) - _MOST_COLUMNS
        shown = "; ".join(differing[:_MOST_COLUMNS]) + (f"; and {more:,} more" if more > 0 else "")
        message = f"Types differ between parts: {shown}. Programs that read them together may round values."
        warn(TypeFidelityWarning(message, hint=_HINT, shell_hint=f"In Python, cf.open_batch(DIR){_HINT[5:]}"))


def _common_schema(paths: list[Path]) -> pa.Schema:
    """Return the schema of all parts; a column that is int64 in some and double in others is double."""
    import pyarrow as pa

    from connecty_frames.decode.arrow import any_of, is_number

    #: The types as which Arrow reads a column of nulls, whatever its own type.
    holds_any_null = any_of(is_number, pa.types.is_boolean, pa.types.is_date, pa.types.is_timestamp)
    parts = [(path, _read_metadata(path)) for path in paths]
    schemas = [metadata.schema.to_arrow_schema().remove_metadata() for _, metadata in parts]
    first = schemas[0]
    for path, schema in zip(paths, schemas, strict=True):
        if schema.names != first.names:
            names, others = (snippet(quoted(each), 200) for each in (first.names, schema.names))
            raise _unlike(paths[0], f"the columns {names}", path, others)
    for position, field in enumerate(first):
        found = [(schema.types[position], *part) for schema, part in zip(schemas, parts, strict=True)]
        with_values = [each for each in found if _has_values(each[2], field.name)]
        if with_values and holds_any_null(with_values[0][0]):
            found = with_values
        types = [each[0] for each in found]
        is_mixed = set(types) == {pa.int64(), pa.float64()}
        name = snippet(field.name)
        for type_, path, metadata in found:
            if not is_mixed and type_ != types[0]:
                column = f"{name!r} as {snippet(str(types[0]))}"
                raise _unlike(found[0][1], column, path, snippet(str(type_)))
            if is_mixed and type_ == pa.int64() and not _is_exact(metadata, field.name):
                column = f"{name!r} as int64 beyond 2**53, which double does not hold exactly"
                raise _unlike(path, column, found[types.index(pa.float64())][1], "double")
        first = first.set(position, field.with_type(pa.float64() if is_mixed else types[0]))
    return first


def _has_values(metadata: parquet.FileMetaData, name: str) -> bool:
    found = _statistics(metadata, name)
    return bool(metadata.num_rows and (not found or any(each is None or each.num_values for each in found)))


def _is_exact(metadata: parquet.FileMetaData, name: str) -> bool:
    return all(
        found is not None
        and (found.num_values == 0 or (found.has_min_max and -_EXACT <= found.min <= found.max <= _EXACT))
        for found in _statistics(metadata, name)
    )


def _statistics(metadata: parquet.FileMetaData, name: str) -> list[parquet.Statistics | None]:
    return [
        metadata.row_group(group).column(position).statistics
        for group in range(metadata.num_row_groups)
        for position in range(metadata.num_columns)
        if metadata.schema.column(position).path == name
    ]


def _read_metadata(path: Path) -> parquet.FileMetaData:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with open_regular(path) as file:
            return parquet.read_metadata(file)
    except (OSError, pa.ArrowException) as error:
        raise ConfigError(
            f"{path_text(path)} cannot be read ({snippet(str(error))}). If you delete it, ask_batch fetches "
            "it again at no cost.",
            setting="folder",
        ) from None


def _unlike(path: Path, columns: str, other: Path, others: str) -> ConfigError:
    return ConfigError(
        f"The parts have different columns: {path_text(path.name)} has {columns}, and "
        f"{path_text(other.name)} {others}.",
        hint=_HINT,
        setting="folder",
    )
