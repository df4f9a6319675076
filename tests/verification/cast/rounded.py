"""Numbers that a client rounded to floats: ``make verify WHAT=cast``.

True values are drawn first, then rounded to 64, 32 or 16 bits, then cast. A value may be held or refused, but
none may come out as another one.
"""

import random
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pyarrow as pa

import connecty_frames as cf
from connecty_frames.decode.cells import CellError
from connecty_frames.decode.schema import ColumnSchema
from connecty_frames.warehouse.conversion import convert, pair_of

FLOATS: Final = (pa.float64(), pa.float32(), pa.float16())
SCALES: Final = (0, 1, 2, 4, 9, 18, 30)


def _plain(value: Any) -> Any:
    return value


def _only(value: Any) -> Any:
    """Return the value inside a list, an object or a map."""
    item = next(iter(value.values())) if isinstance(value, dict) else value[0]
    return item[1] if isinstance(item, tuple) else item


#: By shape: what makes the type around a float and around the wanted type, wraps a value, and unwraps it.
SHAPES: Final[dict[str, tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any], Any]]] = {
    "": (_plain, _plain, _plain, _plain),
    "list of ": (pa.list_, pa.list_, lambda value: [value], _only),
    "struct of ": (
        lambda got: pa.struct([("a", got)]),
        lambda wanted: pa.struct([("a", wanted)]),
        lambda value: {"a": value},
        _only,
    ),
    "struct from a map of ": (
        lambda got: pa.map_(pa.string(), got),
        lambda wanted: pa.struct([("a", wanted)]),
        lambda value: [("a", value)],
        _only,
    ),
    "map of ": (
        lambda got: pa.map_(pa.string(), got),
        lambda wanted: pa.map_(pa.string(), wanted),
        lambda value: [("a", value)],
        _only,
    ),
}
#: By encoding: the digits after the point that it holds, and the ticks of its type in a unit.
EPOCHS: Final = {"s": (6, 10**6), "ms": (3, 10**3), "us": (0, 1), "ns": (0, 1), "d": (0, 1)}


def drawn(rng: random.Random, scale: int, most: int) -> Decimal:
    """Return a number of up to so many digits: any, short, or next to a round one."""
    unscaled = rng.randrange(10 ** rng.randint(1, most))
    match rng.randrange(3):
        case 0:  # as 949999999999999.99, whose float is short
            unscaled = rng.randint(1, 999) * 10 ** rng.randint(0, most - 3) + rng.randint(-200, 200)
        case 1:  # as 1234567.5
            unscaled = rng.randrange(10 ** rng.randint(1, 8)) * 10 ** rng.randint(0, min(scale, most - 8))
    return Decimal(rng.choice((1, -1)) * unscaled).scaleb(-scale)


def rounded(value: Decimal, type_: pa.DataType) -> Any:
    """Return the float that a client makes of a number, infinite beyond its range."""
    with np.errstate(over="ignore"):
        return type_.to_pandas_dtype()(float(value))


def run(count: int, seed: int) -> tuple[Counter[tuple[str, str]], list[str]]:
    """Cast so many values; return the outcomes by pair of types, and what is wrong."""
    rng, counted, wrong = random.Random(seed), Counter[tuple[str, str]](), list[str]()
    for _ in range(count):
        got, scale = rng.choice(FLOATS), rng.choice(SCALES)
        shape, (around, wanted_around, wrap, unwrap) = rng.choice(list(SHAPES.items()))
        encoding: cf.epoch | None = None
        match rng.randrange(4):
            case 0:
                scale, wanted = 0, rng.choice((pa.int64(), pa.uint64(), pa.int32()))
                true = abs(drawn(rng, 0, 19))
            case 1:
                encoding = cf.epoch(rng.choice(list(EPOCHS)))
                scale, ticks = EPOCHS[encoding.unit]
                shape, (around, wanted_around, wrap, unwrap) = "", SHAPES[""]
                wanted, true = encoding.type, drawn(rng, scale, 18 if ticks > 1 else 19)
            case _:
                wanted = rng.choice((pa.decimal128(38, scale), pa.decimal256(76, scale)))
                true = drawn(rng, scale, 38)
        array = pa.array([wrap(rounded(true, got))], around(got))
        column = ColumnSchema("v", wanted_around(wanted), "", encoding)
        name = f"{got} as {shape}{encoding or wanted}"
        try:
            made = convert(array, pair_of(array.type, column, "", None))
        except CellError:
            counted[name, "refused"] += 1
            continue
        if encoding is None:
            found = unwrap(made[0].as_py())
        else:
            found = Decimal(made.view(pa.int32() if encoding.unit == "d" else pa.int64())[0].as_py())
            true = true.scaleb(scale)
        counted[name, "held" if found == true else "wrong"] += 1
        if found != true:
            wrong.append(f"{name}: {found} instead of {true}")
    return counted, wrong


def main(values: int, seed: int) -> list[str]:
    """Print how many values of each pair were held and refused; return those that are wrong."""
    counted, wrong = run(values, seed)
    for name in sorted({name for name, _ in counted}):
        print(f"{name}: {counted[name, 'held']:,} held, {counted[name, 'refused']:,} refused")
    print(f"{values:,} values (seed {seed}), {len(wrong):,} of them wrong")
    return wrong
