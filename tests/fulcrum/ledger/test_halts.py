"""A halted process clears nothing and hands out nothing that no person has decided, from the moment it is halted."""

from __future__ import annotations

import time
from dataclasses import replace
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest

from fulcrum.cases import Route
from fulcrum.errors import NotHalted, ProcessHalted
from fulcrum.halting import EVERY
from fulcrum.ledger import Ledger
from fulcrum.ledger.halts import halt_in_force
from fulcrum.ledger.outbox import post
from tests.fulcrum.ledger.conftest import PROCESS, posting
from tests.together import at_once, several

if TYPE_CHECKING:
    from tests.fulcrum.ledger.conftest import Desk


def test_a_halt_is_on_record_from_its_beginning_to_its_end(desk: Desk) -> None:
    """Who, when and why stand there for the halt and for its end."""
    began = desk.clock()
    halt, new = desk.ledger.halts.halt(PROCESS, by="Ada", reason="odd totals")
    assert new
    assert desk.ledger.halts.standing(PROCESS) == halt
    assert (halt.by, halt.reason, halt.at, halt.resumed_at) == ("Ada", "odd totals", began, None)
    desk.clock.forward(60)
    ended = desk.ledger.halts.resume(PROCESS, by="Bo", reason="prompt mended")
    assert (ended.by, ended.resumed_by, ended.resumed_reason) == ("Ada", "Bo", "prompt mended")
    assert ended.resumed_at == desk.clock()
    assert desk.ledger.halts.standing(PROCESS) is None
    assert desk.ledger.halts.listed() == [ended]


def test_halting_twice_is_one_halt(desk: Desk) -> None:
    """Whoever comes second is told who was first."""
    first, _ = desk.ledger.halts.halt(PROCESS, by="Ada", reason="odd totals")
    assert desk.ledger.halts.halt(PROCESS, by="Bo", reason="the same") == (first, False)
    assert len(desk.ledger.halts.listed()) == 1


def test_a_process_may_be_halted_again_after_it_was_resumed(desk: Desk) -> None:
    """Each halt is a row of its own."""
    for reason in ("one", "two"):
        desk.ledger.halts.halt(PROCESS, by="Ada", reason=reason)
        desk.ledger.halts.resume(PROCESS, by="Ada", reason="fine")
        desk.clock.forward(1)
    assert [halt.reason for halt in desk.ledger.halts.listed()] == ["two", "one"]


@pytest.mark.parametrize("scope", [PROCESS, EVERY])
def test_what_is_not_halted_cannot_be_resumed(desk: Desk, scope: str) -> None:
    """The error says so, and nothing is written."""
    with pytest.raises(NotHalted):
        desk.ledger.halts.resume(scope, by="Ada", reason="why not")
    assert desk.ledger.halts.listed() == []


def test_a_halt_of_all_and_one_of_its_own_end_apart(desk: Desk) -> None:
    """Ending the one leaves the other in force, whichever is ended first; another process knows only that of all."""
    desk.ledger.halts.halt(EVERY, by="Ada", reason="the model is odd")
    desk.ledger.halts.halt(PROCESS, by="Bo", reason="the gate as well")
    desk.ledger.halts.resume(EVERY, by="Ada", reason="it is not")
    own = desk.ledger.halts.standing(PROCESS)
    assert own is not None
    assert own.by == "Bo"
    assert desk.ledger.halts.standing("another") is None
    desk.ledger.halts.halt(EVERY, by="Cy", reason="again")
    desk.ledger.halts.resume(PROCESS, by="Bo", reason="mended")
    assert [halt and halt.by for halt in map(desk.ledger.halts.standing, (PROCESS, "another"))] == ["Cy", "Cy"]


@pytest.mark.parametrize("scope", [PROCESS, EVERY])
def test_the_ledger_clears_nothing_of_a_halted_process(desk: Desk, scope: str) -> None:
    """A batch that was judged before the halt changes nothing; the same cases may go to people."""
    desk.begin()
    desk.take_in("a", "b")
    batch = desk.claim()
    desk.check(batch)
    desk.propose(batch)
    desk.ledger.halts.halt(scope, by="Ada", reason="odd totals")
    with pytest.raises(ProcessHalted, match="by Ada"):
        desk.route(batch, Route.CLEARED)
    assert {case.status for case in desk.ledger.work.cases(batch)} == {"proposed"}
    assert desk.ledger.outbox.claim(PROCESS) is None
    desk.route(batch, Route.REVIEW)
    assert len(desk.ledger.reviews.open(PROCESS)) == 2


def test_what_was_cleared_waits_in_the_outbox_until_it_is_resumed(desk: Desk) -> None:
    """What a person has decided is handed out all the same."""
    cleared = desk.cleared("a", "b").case_ids
    decided = desk.in_review("c").case_ids[0]
    with desk.ledger.store.write() as tx:
        post(tx, [replace(posting(decided), decided_by="Ada")], now=desk.clock())
    desk.ledger.halts.halt(PROCESS, by="Ada", reason="odd totals")
    parcel = desk.ledger.outbox.claim(PROCESS)
    assert parcel is not None
    assert [delivery.case_id for delivery in parcel.deliveries] == [decided]
    assert desk.ledger.outbox.claim(PROCESS) is None
    assert desk.ledger.outbox.claim(PROCESS, case_ids=cleared) is None
    desk.ledger.halts.resume(PROCESS, by="Ada", reason="mended")
    parcel = desk.ledger.outbox.claim(PROCESS)
    assert parcel is not None
    assert {delivery.case_id for delivery in parcel.deliveries} == set(cleared)


def test_several_who_halt_at_once_make_one_halt(desk: Desk) -> None:
    """One of them has made it, and all others are told of that one."""
    with several(desk.ledger.store.url, desk.clock) as ledgers:
        made = at_once(ledgers, lambda ledger, n: ledger.halts.halt(PROCESS, by=f"person {n}", reason="odd"))
    assert sum(new for _, new in made) == 1
    assert len({halt.by for halt, _ in made}) == 1
    assert len(desk.ledger.halts.listed()) == 1


def test_whoever_halts_waits_for_what_is_being_cleared(desk: Desk) -> None:
    """A transaction that has seen no halt ends before the halt does: nothing is cleared after it."""
    order: list[str] = []
    halting = Event()

    def halt() -> None:
        with Ledger.open(desk.ledger.store.url, clock=desk.clock) as another:
            halting.set()
            another.halts.halt(PROCESS, by="Ada", reason="odd totals")
            order.append("halted")

    thread = Thread(target=halt)
    with desk.ledger.store.write() as tx:
        assert halt_in_force(tx, PROCESS) is None
        thread.start()
        halting.wait()
        time.sleep(0.3)
        order.append("cleared")
    thread.join()
    assert order == ["cleared", "halted"]
