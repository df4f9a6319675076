"""The meanings of numbers and times in questions."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from connecty_frames.sandbox.questions.meanings import (
    Compared,
    NoReadingError,
    whole,
)
from connecty_frames.sandbox.questions.query import (
    Days,
    Either,
    Grain,
    Month,
    Operator,
    Recent,
    Times,
)

if TYPE_CHECKING:
    from connecty_frames.sandbox.questions.model import Field, SemanticModel


#: A number with three decimals, or one with a point between thousands as in much of Europe.
_UNCLEAR_NUMBER: Final = re.compile(r"[1-9]\d{0,2}\.\d{3}")


class TimePhrases:
    """Numbers and times: a method for each grammar rule, from the meanings of the rule's parts."""

    def __init__(self, model: SemanticModel) -> None:
        self.model = model

    # Numbers

    def number(self, numeral: str) -> Decimal:
        if _UNCLEAR_NUMBER.fullmatch(numeral):
            raise NoReadingError
        return Decimal(numeral.replace(",", ""))

    def hundreds(self, numeral: str = "1") -> Decimal:
        return self.number(numeral) * 100

    def thousands(self, numeral: str = "1") -> Decimal:
        return self.number(numeral) * 1_000

    def millions(self, numeral: str = "1") -> Decimal:
        return self.number(numeral) * 1_000_000

    def amount(self, number: Decimal, unit: Field | None = None) -> tuple[Decimal, Field | None]:
        return number, unit

    def greater(self, *amounts: Any) -> Compared:
        return _compared(">", *amounts)

    def smaller(self, *amounts: Any) -> Compared:
        return _compared("<", *amounts)

    def heavier(self, amount: tuple[Decimal, Field | None]) -> Compared:
        return self._compared_as(">", amount, self.model.find("product", "weight_kg"))

    def lighter(self, amount: tuple[Decimal, Field | None]) -> Compared:
        return self._compared_as("<", amount, self.model.find("product", "weight_kg"))

    def better(self, amount: tuple[Decimal, Field | None]) -> Compared:
        return self._compared_as(">", amount, self.model.find("product", "rating"))

    def worse(self, amount: tuple[Decimal, Field | None]) -> Compared:
        return self._compared_as("<", amount, self.model.find("product", "rating"))

    def _compared_as(
        self, operator: Operator, amount: tuple[Decimal, Field | None], field: Field
    ) -> Compared:
        number, unit = amount
        return _compared(operator, (number, field), (number, unit))._replace(numbers=(number,))

    def at_least(self, *amounts: Any) -> Compared:
        return _compared(">=", *amounts)

    def at_most(self, *amounts: Any) -> Compared:
        return _compared("<=", *amounts)

    def equal(self, *amounts: Any) -> Compared:
        return _compared("=", *amounts)

    def within(self, *amounts: Any) -> Compared:
        return _compared("between", *amounts)

    def is_default_time(self, field: Field) -> bool:
        """Return whether a field is the time to which periods refer that name none."""
        return self.model.time_field(field.entity) is field

    # Times

    def calendar_year(self, numeral: str) -> Times:
        return _months(numeral, 1, 12, "year")

    def half_of(self, number: int, year: str) -> Times:
        return _months(year, 6 * number - 5, 6, "half_year")

    def quarter_of(self, number: int, year: str) -> Times:
        return _months(year, 3 * number - 2, 3, "quarter")

    def year_quarter(self, year: str, number: int) -> Times:
        return self.quarter_of(number, year)

    def month_of(self, month: int, year: str) -> Times:
        return _months(year, month, 1, "month")

    def year_month(self, year: str, month: int) -> Times:
        return self.month_of(month, year)

    def iso_month(self, text: str) -> Times:
        year, month = text.split("-")
        return _months(year, int(month), 1, "month")

    def months_range(self, first: int, last: int, year: str) -> Times:
        return _months(year, first, last - first + 1, None)

    def iso_date(self, text: str) -> Times:
        return _day(*text.split("-"))

    def day_first(self, day: int, month: int, year: str) -> Times:
        return _day(year, month, day)

    def month_first(self, month: int, day: int, year: str) -> Times:
        return _day(year, month, day)

    def day_number(self, numeral: str) -> int:
        return whole(numeral.rstrip("stndrh"))

    def week_of(self, day: Times) -> Times:
        start, _ = _bounds(day)
        monday = start - timedelta(start.weekday())
        return Times(monday, monday + timedelta(7), "week")

    def between(self, first: Times, last: Times) -> Times:
        if _bounds(first)[0] >= _bounds(last)[1]:
            raise NoReadingError
        return Times(first.start, last.end)

    def since(self, period: Times) -> Times:
        return Times(period.start, None)

    def before(self, period: Times) -> Times:
        return Times(None, period.start)

    def after(self, period: Times) -> Times:
        return Times(period.end, None)

    def recent(self, numeral: str, unit: str) -> Recent:
        return Recent(whole(numeral), unit)

    def twin_months(self, first: int, second: int, year: str) -> tuple[Times, Times]:
        return self.month_of(first, year), self.month_of(second, year)

    def twin_quarters(self, first: int, second: int, year: str) -> tuple[Times, Times]:
        return self.quarter_of(first, year), self.quarter_of(second, year)

    def day_names(self, *days: int) -> tuple[int, ...]:
        return tuple(sorted(set(days)))

    def on_days(self, days: tuple[int, ...]) -> Days:
        return Days(days)

    def month_of_any_year(self, number: int) -> Month:
        return Month(number)

    def any_period(self, *periods: Times) -> Either:
        return Either(periods)

    def each_period(self, *periods: Times) -> Either:
        return Either(periods, each=True)


def _compared(operator: Operator, *amounts: tuple[Decimal, Field | None]) -> Compared:
    units = {unit for _, unit in amounts} - {None}
    if len(units) > 1:
        raise NoReadingError
    return Compared(operator, tuple(number for number, _ in amounts), units.pop() if units else None)


def _months(year: str, month: int, count: int, grain: Grain | None) -> Times:
    if not re.fullmatch(r"(19|20)\d\d", year) or not 1 <= month <= 12 or count < 1:
        raise NoReadingError
    years, last = divmod(month - 1 + count, 12)
    return Times(date(int(year), month, 1), date(int(year) + years, last + 1, 1), grain)


def _day(year: str, month: int | str, day: int | str) -> Times:
    try:
        start = date(int(year), int(month), int(day))
    except ValueError:
        raise NoReadingError from None
    return Times(start, start + timedelta(1), "day")


def _bounds(period: Times) -> tuple[date, date]:
    if period.start is None or period.end is None:
        raise NoReadingError
    return period.start, period.end
