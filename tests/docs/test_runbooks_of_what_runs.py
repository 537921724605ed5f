"""The pages about what runs for as long as it is let: servers, workers, receivers, and that none is there.

Each command that keeps running is started as a process, seen to say what it should, and stopped as by Ctrl-C. How a
page is played is said in test_runbooks.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deployments.pools import POOLS
from deployments.stack import api
from deployments.stack.processes import free_port
from fulcrum.errors import GateFailed
from fulcrum.settings import Settings
from tests.loopback import wait_for
from tests.on_call import KEEPING, PAGES, OnCall, Plays, at_work, blanks, sound
from tests.terminal import Told

PLAYS = Plays()


@pytest.fixture(scope="module")
def stack(make_home: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a Prefect server and a help desk of this module's own, with everything registered and no worker."""
    home = make_home(tmp_path_factory.mktemp("night") / "home")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("FULCRUM_HOME", str(home))
        environment.setenv("FULCRUM_ALERTS_PORT", str(free_port(0)))
        environment.delenv("PREFECT_API_URL", raising=False)
        with api(Settings(port=0, desk_port=0)) as url:
            yield url


@pytest.fixture
def on_call(
    stack: str,
    make_home: Callable[[Path], Path],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[OnCall]:
    with at_work(tmp_path, capfd, monkeypatch, make_home) as on_call:
        yield on_call


@pytest.mark.parametrize("page", [page for page in PAGES if page.stem in KEEPING], ids=lambda page: page.stem)
def test_a_page_does_what_it_says(page: Path, on_call: OnCall) -> None:
    """In the situation that it is about; a halt that the messages offer works in it as well."""
    PLAYS.play(page, on_call)


@PLAYS.of("run-missing")
def _(on_call: OnCall) -> None:
    """Starts that nobody takes up, and nobody is there to take them."""
    from prefect.client.orchestration import get_client
    from prefect.states import Failed, Scheduled

    past = datetime.now(UTC) - timedelta(hours=1)
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("invoice-intake/invoice-intake").id
        late = client.create_flow_run_from_deployment(deployment, state=Scheduled(scheduled_time=past))
        failed = client.create_flow_run_from_deployment(deployment)
        client.set_flow_run_state(failed.id, Failed(), force=True)
        wait_for(lambda: client.read_flow_run(late.id).state_name == "Late")
        on_call.types("fulcrum doctor", "workers of fulcrum wrong", "runs that wait: 1", "fulcrum up", code=1)
        on_call.types("prefect flow-run ls --state Late", str(late.id)[:8], never=[str(failed.id)[:8]])
        on_call.types("prefect flow-run ls --state Failed", str(failed.id)[:8], never=[str(late.id)[:8]])
        client.delete_flow_run(late.id)
        client.delete_flow_run(failed.id)
    on_call.types("prefect flow-run ls --state Late", "No flow runs found")
    on_call.types("prefect deployment schedule ls invoice-intake/invoice-intake", "*/15 7-18", "False")
    for name in ("review-desk", "invoice-intake", "drift-check", "housekeeping"):
        on_call.types(f"prefect deployment run {name}/{name}", f"Creating flow run for deployment '{name}/{name}'")
    on_call.inbox(export=sound(1, "missed"))
    on_call.types("fulcrum run invoice-intake", "Cleared without a person 1")


@PLAYS.of("pool-without-worker")
def _(on_call: OnCall) -> None:
    """A run waits in a pool that nobody serves; a worker takes it up as soon as there is one."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        waiting = client.create_flow_run_from_deployment(client.read_deployment_by_name("review-desk/review-desk").id)
        told = on_call.types("fulcrum doctor", "workers of fulcrum wrong", "workers of reviews wrong", code=1)
        assert re.search(r"runs that wait: [1-9]", told.words)
        with (
            on_call.keeps("prefect worker start --pool fulcrum --type process") as processes,
            on_call.keeps("prefect worker start --pool reviews --type review-desk") as reviews,
        ):
            processes.shows("Worker 'ProcessWorker", "started!")
            reviews.shows("started!")
            wait_for(lambda: _is_completed(client, waiting.id))
            on_call.types("fulcrum doctor", "Nothing is wrong.")
        for pool in POOLS:
            for worker in client.read_workers_for_work_pool(pool):
                client.request("DELETE", f"/work_pools/{pool}/workers/{worker.name}")


def _is_completed(client: Any, run: Any) -> bool:
    state = client.read_flow_run(run).state
    assert state is not None
    assert not state.is_failed(), state.message
    return bool(state.is_completed())


@PLAYS.of("silence")
def _(on_call: OnCall) -> None:
    """On one machine on which nothing runs any more."""
    on_call.make_home(on_call.office.home)
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("PREFECT_API_URL")
        environment.setenv("FULCRUM_PORT", str(free_port(0)))
        environment.setenv("FULCRUM_DESK_PORT", "0")
        environment.setenv("FULCRUM_ALERTS_PORT", str(free_port(0)))
        on_call.types("fulcrum doctor", "none runs on this home", "start one: fulcrum up", code=1)
        with on_call.keeps("fulcrum up") as terminal:
            terminal.shows("Review queue", "Worker pool fulcrum", "Ctrl-C stops all of it.")
            logs = [on_call.office.home / "logs" / f"worker-{pool}.log" for pool in POOLS]
            wait_for(lambda: all("started!" in log.read_text(encoding="utf-8") for log in logs))
            on_call.types("fulcrum doctor", "Nothing is wrong.")
        assert (terminal.process.returncode, "Stopped" in terminal.told) == (0, True)
        on_call.types("fulcrum doctor", "none runs on this home", code=1)


@PLAYS.of("alerts")
def _(on_call: OnCall) -> None:
    """A failed run arrives where somebody listens; they take it on, and hear that it is over."""
    with on_call.keeps("fulcrum alerts listen") as terminal:
        terminal.shows("Alerts http://", "are kept in", "a silence is told after 900 s")
        on_call.inbox(export=blanks(5, "blank"))
        with pytest.raises(GateFailed):
            on_call.run()
        terminal.shows("[page] Invoice intake: run failed")
        listed: Told = on_call.types("fulcrum alerts list", "run.failed")
        (alarm,) = on_call.fulcrum("alerts", "list", "--json").json
        on_call.means["3f2a91c0"] = alarm["id"][:8]
        assert alarm["id"][:8] in listed.words
        on_call.types('fulcrum alerts ack 3f2a91c0 --by "Your Name"', "Your Name looks after invoice-intake")
        on_call.inbox(export=sound(1, "good"))
        on_call.run()
        terminal.shows("[over] Invoice intake: run failed")
        on_call.types("fulcrum alerts list", "Nothing stands.")
    assert terminal.process.returncode == 130
