"""One case: its body is read and timed, and the result is checked."""

import contextlib
import random
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple
from unittest import mock

import pyarrow as pa

from connecty_frames import Answer
from connecty_frames.decode import columnar, decoder, exact_json
from connecty_frames.errors import ConnectyError, ConnectyWarning
from tests.verification.fuzz import oracle
from tests.verification.fuzz.bodies import body_of

#: Seconds that a body may take: the lesser of elapsed and processor time, since the machine may be busy.
_MAX_SECONDS: Final = 1.0
#: How many cases in a hundred are made into frames, and are read again without the columnar reader.
_PERCENT_FRAMES: Final = 10
_PERCENT_TWICE: Final = 20
#: Bytes of a block: few enough that small tables have many blocks, which is what threads need.
_BLOCKS: Final = (8, 32, 128, 1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20)


class Outcome(NamedTuple):
    #: The answer, or the error that was raised in its place; None where that is none of ours.
    answer: Answer | ConnectyError | None
    warned: list[str]  # the messages of the warnings
    problems: list[str]  # what is wrong with it


class Trials:
    """Cases of one seed, which with a number determines everything, and counts of their outcomes."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.counts: Counter[str] = Counter()
        self.slowest = (0.0, 0)
        self._number = 0

    def run(self, number: int) -> list[str]:
        self._number = number
        family, body = body_of(self._seed, number)
        self.counts[f"family: {family}"] += 1
        rng = random.Random(f"{self._seed} {number} how")
        with warnings.catch_warnings(), self._blocks_of(rng.choice(_BLOCKS)):
            warnings.simplefilter("error")  # of other libraries
            warnings.simplefilter("ignore", ConnectyWarning)
            outcome = self._read(body)
            problems = outcome.problems or self._compare(body, outcome.answer)
            if outcome.answer is None or problems:
                return problems
            if rng.randrange(100) < _PERCENT_TWICE:
                problems += self._compare_row_reader(body, outcome)
            if rng.randrange(100) < _PERCENT_FRAMES:
                problems += self._frames(outcome.answer)
        return problems

    def _read(self, body: bytes) -> Outcome:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConnectyWarning)
            begun, used = time.perf_counter(), time.process_time()
            try:
                answer: Answer | ConnectyError = Answer.from_json(body)
            except ConnectyError as error:
                answer = error
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                return Outcome(None, [], [f"from_json raised {type(error).__name__}: {error}"[:500]])
        seconds = min(time.perf_counter() - begun, time.process_time() - used)
        self.slowest = max(self.slowest, (seconds, self._number))
        problems = [f"took {seconds:.2f} s"] if seconds > _MAX_SECONDS else []
        return Outcome(answer, [str(warning.message) for warning in caught], problems)

    def _compare(self, body: bytes, answer: Answer | ConnectyError | None) -> list[str]:
        rejected = isinstance(answer, ConnectyError)
        try:
            parsed = oracle.read(body)
        except oracle.NotJSON as error:
            self.counts["outcome: not JSON, rejected"] += 1
            return [] if rejected else [f"was read, but is not JSON: {error}"]
        except oracle.MayBeRejected:
            self.counts["outcome: beyond the oracle"] += 1
            return []
        reason = oracle.rejection_reason(parsed)
        if isinstance(answer, ConnectyError):
            self.counts["outcome: JSON, rejected"] += 1
            return [] if reason else [f"was rejected without reason: {type(answer).__name__}: {answer}"]
        if reason and not reason.startswith(oracle.MAY):
            return [f"was read, though {reason}"]
        self.counts["outcome: read"] += 1
        return oracle.differences(parsed, answer.table if answer else None)

    def _compare_row_reader(self, body: bytes, outcome: Outcome) -> list[str]:
        self.counts["read twice"] += 1
        with mock.patch.object(decoder, "read_columnar", return_value=None):
            again = self._read(body)
        if again.problems:
            return again.problems
        one, two = _summary(outcome), _summary(again)
        return [] if one == two else [f"with and without the columnar reader: {one} and {two}"]

    def _frames(self, answer: Answer | ConnectyError) -> list[str]:
        if not isinstance(answer, Answer) or answer.table is None:
            return []
        self.counts["made frames"] += 1
        try:
            answer.to_polars()
            answer.to_pandas()
            answer.to_pandas("numpy")
            answer.to_pandas("pyarrow")
            repr(answer)
            answer.to_arrow()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return [f"a frame raised {type(error).__name__}: {error}"[:500]]
        return []

    @contextlib.contextmanager
    def _blocks_of(self, size: int) -> Iterator[None]:
        """Let the readers cut blocks of a size, and count what the columnar one does."""
        read_columnar, commas_outside_texts = columnar.read_columnar, columnar.commas_outside_texts

        def read(*given: Any) -> object:
            found = read_columnar(*given)
            self.counts["columnar: rejected" if found is None else "columnar: read"] += 1
            return found

        def cut_again(data: Any, is_comma: Any) -> Any:
            commas = commas_outside_texts(data, is_comma)
            if len(commas) < is_comma.sum():
                self.counts["columnar: blocks cut again, at fewer commas"] += 1
            return commas

        decode_whole = decoder.decode
        in_blocks = exact_json.ReaderLimits(block=size, general_block=size)

        def decode_in_blocks(*given: Any, **options: Any) -> object:
            return decode_whole(*given, **{**options, "limits": in_blocks})

        with (
            mock.patch.object(decoder, "read_columnar", read),
            mock.patch.object(columnar, "commas_outside_texts", cut_again),
            mock.patch.object(decoder, "decode", decode_in_blocks),
        ):
            yield


def _summary(outcome: Outcome) -> object:
    answer = outcome.answer
    if not isinstance(answer, Answer):
        return type(answer).__name__  # the depth that Python can read depends on the depth of its caller
    types = [(column.name, str(column.type), column.evidence) for column in answer.schema]
    values = None if answer.table is None else [_values(column) for column in answer.table.columns]
    return types, repr(values), outcome.warned


def _values(column: pa.ChunkedArray) -> Sequence[Any]:
    if pa.types.is_temporal(column.type):
        column = column.cast(pa.int32() if pa.types.is_date32(column.type) else pa.int64())
    values: Sequence[Any] = column.to_pylist()
    return values
