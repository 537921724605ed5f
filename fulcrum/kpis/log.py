"""The event log that the figures are computed from: case, activity, resource kind, start, end, cost (pure).

Events are kept by column, because a year's log has hundreds of thousands of them.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints: TypeAlias = NDArray[np.int64]
    Floats: TypeAlias = NDArray[np.float64]
    Bools: TypeAlias = NDArray[np.bool_]

PEOPLE = "human"
"""The resource kind of people."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEvent:
    """One line of an event log. `resource` is `ai`, `human`, `rule` or `system`; `actor` who or what exactly did it.

    `start` is `end` where a source knows one moment only.
    """

    case: str
    activity: str
    resource: str
    start: datetime
    end: datetime
    actor: str | None = None
    cost: Decimal | None = None
    currency: str | None = None


@dataclass
class _Codes:
    """Numbers for words, in the order in which they come."""

    numbers: dict[str, int] = field(default_factory=dict)

    def of(self, word: str) -> int:
        return self.numbers.setdefault(word, len(self.numbers))


@dataclass(frozen=True, eq=False, kw_only=True)
class EventLog:
    """Events by column, those of a case together and in order of time.

    `case`, `activity`, `resource` and `actor` are numbers that the tuples of words explain; an actor that nobody knows
    is -1. Times are microseconds since 1970. `finished` says by case whether it is; the others are open. `currencies`
    are those that something was paid in.
    """

    case: Ints
    activity: Ints
    resource: Ints
    actor: Ints
    start: Ints
    end: Ints
    cost: Floats
    cases: tuple[str, ...]
    activities: tuple[str, ...]
    resources: tuple[str, ...]
    actors: tuple[str, ...]
    finished: Bools
    currencies: tuple[str, ...]
    segments: Mapping[str, str] = field(default_factory=dict)
    """By case what kind it is, where that is known: a change of the mix is told."""

    @classmethod
    def of(
        cls,
        events: Iterable[LogEvent],
        *,
        finished: Collection[str] | None = None,
        segments: Mapping[str, str] | None = None,
    ) -> EventLog:
        """Make a log of events in any order; `finished` are the ids of the finished cases, None means all."""
        cases, activities, resources, actors = _Codes(), _Codes(), _Codes(), _Codes()
        columns = [array("q") for _ in range(6)]
        cost, currencies = array("d"), set()
        for event in events:
            row = (
                cases.of(event.case), activities.of(event.activity), resources.of(event.resource),
                -1 if event.actor is None else actors.of(event.actor), moment(event.start), moment(event.end),
            )  # fmt: skip
            for column, value in zip(columns, row, strict=True):
                column.append(value)
            cost.append(float(event.cost or 0))
            if event.cost and event.currency:
                currencies.add(event.currency)
        return cls._sorted(columns, cost, (cases, activities, resources, actors), currencies, finished, segments)

    @classmethod
    def _sorted(
        cls,
        columns: list[array[int]],
        cost: array[float],
        codes: tuple[_Codes, _Codes, _Codes, _Codes],
        currencies: Collection[str],
        finished: Collection[str] | None,
        segments: Mapping[str, str] | None,
    ) -> EventLog:
        import numpy as np  # noqa: PLC0415 - a tenth of a second that no other command needs

        arrays = [np.frombuffer(column, dtype=np.int64) if column else np.zeros(0, np.int64) for column in columns]
        # By case and time; what happened at the same moment stays in the order it came in, which lexsort keeps.
        order = np.lexsort((arrays[5], arrays[4], arrays[0]))
        case, activity, resource, actor, start, end = (column[order] for column in arrays)
        names, *words = (tuple(code.numbers) for code in codes)
        known = None if finished is None else set(finished)
        done = np.array([known is None or name in known for name in names], dtype=bool)
        paid = np.frombuffer(cost, dtype=np.float64)[order] if cost else np.zeros(0)
        return cls(
            case=case, activity=activity, resource=resource, actor=actor, start=start, end=end, cost=paid,
            cases=names, activities=words[0], resources=words[1], actors=words[2], finished=done,
            currencies=tuple(sorted(currencies)), segments=segments or {},
        )  # fmt: skip

    def __len__(self) -> int:
        """Count the events."""
        return len(self.case)

    @cached_property
    def first(self) -> Ints:
        """Give by case the place of its first event."""
        import numpy as np  # noqa: PLC0415 - see above

        return np.flatnonzero(np.diff(self.case, prepend=-1)).astype(np.int64)

    @cached_property
    def by_people(self) -> Bools:
        """Say by event whether a person did it."""
        people = self.resources.index(PEOPLE) if PEOPLE in self.resources else -1
        found: Bools = self.resource == people
        return found

    def each(self, values: Any) -> Floats:
        """Add up by case what is given by event."""
        import numpy as np  # noqa: PLC0415 - see above

        return np.add.reduceat(np.asarray(values, dtype=np.float64), self.first) if len(self) else np.zeros(0)

    @property
    def until(self) -> datetime:
        """Give the moment of the last event; raises ValueError of a log without events."""
        return at(int(self.end.max()))

    def began(self) -> Ints:
        """Give by case when it began."""
        return self.start[self.first]

    def ended(self) -> Ints:
        """Give by case when its last event ended."""
        import numpy as np  # noqa: PLC0415 - see above

        return np.maximum.reduceat(self.end, self.first) if len(self) else self.end


def moment(when: datetime) -> int:
    """Count the microseconds since 1970; raise ValueError for a moment without a time zone."""
    if when.tzinfo is None:
        msg = "a moment without a time zone cannot be compared"
        raise ValueError(msg)
    return (when - _EPOCH) // _MICROSECOND


def at(microseconds: float) -> datetime:
    """Give the moment that `moment` counts."""
    return _EPOCH + timedelta(microseconds=float(microseconds))
