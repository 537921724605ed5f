"""Bootstrap: everything a server needs, made once, and what an operator changed left alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from deployments.bootstrap import Change, bootstrap
from deployments.declared import declared
from deployments.pools import QUEUES
from deployments.stack.environment import child_environment
from fulcrum.errors import StackError
from fulcrum.settings import Settings, project_root
from tests.own_server import server_of_its_own

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient


@pytest.fixture(scope="module")
def settings(make_home: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Give a home for this module's server."""
    return Settings(home=make_home(tmp_path_factory.mktemp("bootstrap") / "home"))


@pytest.fixture(scope="module")
def url(settings: Settings) -> Iterator[str]:
    """Start a server that nothing was registered on, and point this process at it."""
    with server_of_its_own(settings) as server:
        yield server.url


@pytest.fixture
def client(url: str) -> Iterator[SyncPrefectClient]:
    """Give a client of that server."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        yield client


def test_the_first_time_makes_all_and_the_second_nothing(
    url: str, settings: Settings, client: SyncPrefectClient, standin: Path
) -> None:
    """Each thing made is reported once; the defaults are complete. Asked what it would do, it does nothing."""
    wanted = bootstrap(url, settings, file=standin, check=True)
    assert client.read_work_pools() == []
    assert client.read_automations() == []
    assert not settings.home.joinpath("ledger.db").exists()
    first = bootstrap(url, settings, file=standin)
    assert wanted == first
    assert {change.kind for change in first} == {
        "ledger",
        "block type",
        "block",
        "work pool",
        "work queue",
        "deployment",
        "automation",
    }
    assert {change.done for change in first} == {"created"}
    blocks = {change.name for change in first if change.kind == "block"}
    assert blocks >= {"model-endpoint/default", "case-ledger/default", "sql-target/erp-postings"}
    assert not {name for name in blocks if name.startswith("webhook-target/")}
    assert bootstrap(url, settings, file=standin) == []
    assert bootstrap(url, settings, file=standin, check=True) == []
    assert settings.home.joinpath("ledger.db").exists()
    assert {pool.name: pool.type for pool in client.read_work_pools()} == {"fulcrum": "process", "reviews": "process"}


def test_what_is_urgent_has_a_queue_before_the_rest(
    url: str, settings: Settings, client: SyncPrefectClient, standin: Path
) -> None:
    """Processes before what looks after them, answers before the desk; an order that was changed is set again."""

    def order(pool: str) -> dict[str, int]:
        return {queue.name: queue.priority for queue in client.read_work_queues(work_pool_name=pool)}

    bootstrap(url, settings, file=standin)
    assert order("fulcrum") == {"processes": 1, "operations": 2, "default": 3}
    assert order("reviews") == {"answers": 1, "desk": 2, "default": 3}
    (queue,) = [each for each in client.read_work_queues(work_pool_name="reviews") if each.name == "desk"]
    client.update_work_queue(queue.id, priority=1, concurrency_limit=1)
    assert bootstrap(url, settings, file=standin) == [Change("work queue", "reviews/desk", "updated")]
    assert bootstrap(url, settings, file=standin) == []
    assert order("reviews") == {"answers": 1, "desk": 2, "default": 3}
    assert client.read_work_queue(queue.id).concurrency_limit == 1


def test_the_limit_of_an_endpoint_is_that_of_its_block(
    url: str, settings: Settings, client: SyncPrefectClient, standin: Path
) -> None:
    """Of one that runs share; one whose block is not sound is refused, and hinders nothing else."""
    from blocks import ModelEndpoint

    bootstrap(url, settings, file=standin)
    ModelEndpoint(base_url="http://127.0.0.1:1/v1", model="m", concurrency=7).save("shared", overwrite=True)
    name = "model-endpoint.shared.calls"
    assert [str(change) for change in bootstrap(url, settings, file=standin, check=True)] == [f"created limit {name}"]
    assert bootstrap(url, settings, file=standin) == [Change("limit", name, "created")]
    assert client.read_global_concurrency_limit_by_name(name).limit == 7
    ModelEndpoint(base_url="http://127.0.0.1:1/v1", model="m", concurrency=9).save("shared", overwrite=True)
    assert bootstrap(url, settings, file=standin) == [Change("limit", name, "updated")]
    ModelEndpoint(base_url="ftp://127.0.0.1", model="m").save("broken")
    (refused,) = bootstrap(url, settings, file=standin)
    assert (refused.name, refused.done) == ("model-endpoint/broken", "refused")
    assert "base_url" in refused.why
    for name in ("shared", "broken"):
        client.delete_block_document(client.read_block_document_by_name(name, "model-endpoint").id)
    assert bootstrap(url, settings, file=standin) == []


def test_the_default_target_is_a_table_in_the_home(url: str, settings: Settings, standin: Path) -> None:
    """Until an operator points it at the real system."""
    from blocks import SqlTarget

    bootstrap(url, settings, file=standin)
    target = SqlTarget.load("erp-postings")
    assert isinstance(target, SqlTarget)
    assert target.url.get_secret_value() == f"sqlite:///{settings.home}/erp.db"
    assert target.table == "erp_postings"


READY = "deployments.readiness.step.ready"
DESK = "http://127.0.0.1:4280"
TICKETS = f"{DESK}/tickets"
ELSEWHERE = "http://127.0.0.1:4281"


@pytest.fixture
def processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give a function that makes the processes the only ones there are: each by its name and its definition's code."""
    import flows
    from flows import registry

    folder = tmp_path / "flows"
    monkeypatch.setattr(registry, "FOLDER", folder)
    monkeypatch.setattr(flows, "__path__", [*flows.__path__, str(folder)])

    def make(**definitions: str) -> None:
        for name, code in definitions.items():
            (folder / name).mkdir(parents=True)
            (folder / name / "__init__.py").touch()
            (folder / name / "process.py").write_text(code, encoding="utf-8")

    return make


def _naming(*targets: str) -> str:
    """Write a definition that names these targets."""
    return (
        "from dataclasses import replace\n"
        "from flows.invoice_intake.process import INVOICE_INTAKE\n"
        f"PROCESS = replace(INVOICE_INTAKE, name=__name__.split('.')[1].replace('_', '-'), targets={targets!r})\n"
    )


def _made(changes: list[Change]) -> dict[str, str]:
    return {change.name: change.done for change in changes if change.kind == "block"}


def test_each_target_that_a_process_names_gets_a_default(
    url: str, settings: Settings, standin: Path, processes: Callable[..., None]
) -> None:
    """By its type, in the home or at the sample help desk; what is no target gets none."""
    from blocks import FolderTarget, SqlTarget, WebhookTarget
    from deployments.desk.secret import secret_of

    processes(
        made_tables=_naming("sql-target/two-words", "folder-target/two-words"),
        made_desks=_naming(
            "webhook-target/desk-one", "sql-target/two-words", "sql-target", "other/thing", "sql-target/A b"
        ),
    )
    made = {"sql-target/two-words": "created", "folder-target/two-words": "created"}
    assert _made(bootstrap(url, settings, file=standin)).items() >= made.items()
    assert bootstrap(url, settings, file=standin) == []
    assert _made(bootstrap(url, settings, file=standin, desk=DESK)) == {"webhook-target/desk-one": "created"}
    assert bootstrap(url, settings, file=standin, desk=DESK) == []
    table, folder, hook = (
        kind.load(name)
        for kind, name in ((SqlTarget, "two-words"), (FolderTarget, "two-words"), (WebhookTarget, "desk-one"))
    )
    assert isinstance(table, SqlTarget)
    assert (table.url.get_secret_value(), table.table) == (f"sqlite:///{settings.home}/erp.db", "two_words")
    assert isinstance(folder, FolderTarget)
    assert folder.folder == settings.home / "outbox" / "two-words"
    assert isinstance(hook, WebhookTarget)
    assert (hook.url, hook.status_url) == (TICKETS, TICKETS)
    assert hook.secret is not None
    assert hook.secret.get_secret_value() == secret_of(settings.home)


@pytest.mark.parametrize("broken", ["raise ImportError('planted')", "no python", "PROCESS = None", "import nowhere"])
def test_a_definition_that_cannot_be_read_breaks_nothing(
    url: str, settings: Settings, standin: Path, processes: Callable[..., None], broken: str
) -> None:
    """The others get what they name."""
    name = f"spare-{abs(hash(broken))}"
    processes(**{f"a_broken_{abs(hash(broken))}": broken, f"made_{abs(hash(broken))}": _naming(f"sql-target/{name}")})
    assert _made(bootstrap(url, settings, file=standin))[f"sql-target/{name}"] == "created"


def test_a_block_follows_the_sample_help_desk(
    url: str, settings: Settings, standin: Path, processes: Callable[..., None]
) -> None:
    """To its new port, with all else that was set in it; without a desk it is left where it was."""
    from blocks import WebhookTarget

    processes(made_following=_naming("webhook-target/following"))
    bootstrap(url, settings, file=standin, desk=DESK)
    block = WebhookTarget.load("following")
    assert isinstance(block, WebhookTarget)
    block.model_copy(update={"tries": 7, "status_url": None}).save("following", overwrite=True)
    assert bootstrap(url, settings, file=standin) == []
    assert bootstrap(url, settings, file=standin, desk=ELSEWHERE) == [
        Change("block", "webhook-target/following", "updated")
    ]
    assert bootstrap(url, settings, file=standin, desk=ELSEWHERE) == []
    moved = WebhookTarget.load("following")
    assert isinstance(moved, WebhookTarget)
    assert (moved.url, moved.status_url, moved.tries) == (f"{ELSEWHERE}/tickets", None, 7)
    assert moved.secret == block.secret


@pytest.mark.parametrize(
    "own",
    [
        {"url": "https://desk.example/tickets", "status_url": "https://desk.example/tickets"},
        {"url": "http://127.0.0.1:4280/hooks"},
        {"url": TICKETS, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
        {"url": TICKETS, "secret": None},
    ],
)
def test_an_operators_webhook_stays(
    url: str, settings: Settings, standin: Path, processes: Callable[..., None], own: dict[str, Any]
) -> None:
    """Another address, another path or another secret is not the sample's."""
    from blocks import WebhookTarget
    from deployments.desk.secret import secret_of

    processes(made_operators=_naming("webhook-target/operators"))
    mine = WebhookTarget(**{"secret": secret_of(settings.home), **own})
    mine.save("operators", overwrite=True)
    bootstrap(url, settings, file=standin, desk=DESK)
    assert bootstrap(url, settings, file=standin, desk=ELSEWHERE) == []
    after = WebhookTarget.load("operators")
    assert isinstance(after, WebhookTarget)
    assert (after.url, after.status_url, after.secret) == (mine.url, mine.status_url, mine.secret)


def test_what_an_operator_configured_stays(url: str, settings: Settings, standin: Path) -> None:
    """A default block is made when it is missing and never written again."""
    from blocks import ModelEndpoint

    bootstrap(url, settings, file=standin)
    ModelEndpoint(concurrency=3).save("default", overwrite=True)
    assert bootstrap(url, settings, file=standin) == []
    loaded = ModelEndpoint.load("default")
    assert isinstance(loaded, ModelEndpoint)
    assert loaded.concurrency == 3


def test_a_changed_declaration_is_applied(
    url: str, settings: Settings, client: SyncPrefectClient, standin: Path
) -> None:
    """And said; pausing is the operator's and stays."""
    bootstrap(url, settings, file=standin)
    deployment = client.read_deployment_by_name("stand-in/daily")
    assert deployment.global_concurrency_limit is not None
    assert deployment.global_concurrency_limit.limit == 2
    assert [(schedule.active, schedule.schedule.timezone) for schedule in deployment.schedules] == [
        (False, "Europe/Berlin")
    ]
    client.pause_deployment(deployment.id)
    standin.write_text(standin.read_text().replace("note: done", "note: changed"), encoding="utf-8")
    assert bootstrap(url, settings, file=standin) == [Change("deployment", "stand-in/daily", "updated")]
    changed = client.read_deployment_by_name("stand-in/daily")
    assert (changed.id, changed.parameters, changed.paused) == (deployment.id, {"note": "changed"}, True)


CANCEL = "concurrency_limit: {limit: 1, collision_strategy: CANCEL_NEW}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{interval: 300, timezone: UTC}", "{interval: 600, timezone: UTC}"),
        ("{interval: 300}", "{interval: 300, active: false}"),
        ("{interval: 86400, timezone: Europe/Berlin}", "{interval: 86400, timezone: Europe/Paris}"),
        (
            "{interval: 300, anchor_date: '2026-01-01T00:00:00Z'}",
            "{interval: 300, anchor_date: '2026-01-01T00:02:00Z'}",
        ),
        ("{rrule: 'FREQ=HOURLY;INTERVAL=2'}", "{rrule: 'FREQ=HOURLY;INTERVAL=3'}"),
    ],
)
def test_any_schedule_is_applied_once(url: str, settings: Settings, standin: Path, before: str, after: str) -> None:
    """An interval without an anchor, a limit with a strategy: the second time there is nothing to change."""

    def declare(schedule: str) -> None:
        content = yaml.safe_load(standin.read_text(encoding="utf-8"))
        content["deployments"][0] |= yaml.safe_load(f"schedules: [{schedule}]\n{CANCEL}")
        standin.write_text(yaml.safe_dump(content), encoding="utf-8")

    for schedule in (before, after):
        declare(schedule)
        (change,) = [change for change in bootstrap(url, settings, file=standin) if change.kind == "deployment"]
        assert change.done in {"created", "updated"}
        assert bootstrap(url, settings, file=standin) == []


def test_an_interval_goes_on_from_where_it_began(
    url: str, settings: Settings, client: SyncPrefectClient, standin: Path
) -> None:
    """Another change to its deployment does not shift its hours."""

    def anchor() -> Any:
        (schedule,) = client.read_deployment_by_name("stand-in/daily").schedules
        return schedule.schedule.anchor_date

    content = yaml.safe_load(standin.read_text(encoding="utf-8"))
    content["deployments"][0] |= {"schedules": [{"interval": 3600}]}
    standin.write_text(yaml.safe_dump(content), encoding="utf-8")
    bootstrap(url, settings, file=standin)
    before = anchor()
    standin.write_text(standin.read_text().replace("note: done", "note: changed"), encoding="utf-8")
    assert bootstrap(url, settings, file=standin) == [Change("deployment", "stand-in/daily", "updated")]
    assert anchor() == before


def _deployments(client: SyncPrefectClient) -> dict[str, Any]:
    """Read what the declared deployments are, apart from what the server makes of each anew."""
    each_anew: dict[str, Any] = {"id": True, "created": True, "updated": True}
    its_own = each_anew | dict.fromkeys(
        ("created_by", "updated_by", "flow_id", "version_id", "status", "last_polled", "concurrency_limit_id"), True
    )
    its_own["schedules"] = {"__all__": each_anew | {"deployment_id": True, "schedule": {"anchor_date"}}}
    its_own["global_concurrency_limit"] = each_anew | {"name": True}
    names = (
        "invoice-intake/invoice-intake", "review-case/review-case", "review-desk/review-desk",
        "decide-many/decide-many",
    )  # fmt: skip
    read = {name: client.read_deployment_by_name(name) for name in names}
    return {name: one.model_dump(mode="json", exclude=its_own) for name, one in read.items()}


def test_the_projects_own_file_is_applied_once(url: str, settings: Settings, client: SyncPrefectClient) -> None:
    """Everything that prefect.yaml declares: the second time there is nothing to change."""
    bootstrap(url, settings)
    assert bootstrap(url, settings) == []
    desk = client.read_deployment_by_name("review-desk/review-desk")
    assert [schedule.schedule.interval.total_seconds() for schedule in desk.schedules] == [300]
    assert desk.global_concurrency_limit is not None
    assert desk.global_concurrency_limit.limit == 1


def test_prefect_deploy_makes_the_same_deployments(url: str, settings: Settings, client: SyncPrefectClient) -> None:
    """What is applied here is what `prefect deploy --all` applies, from the same file."""
    bootstrap(url, settings)
    ours = _deployments(client)
    for name in ours:
        client.delete_deployment(client.read_deployment_by_name(name).id)
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"],
        cwd=project_root(),
        env=child_environment(settings, url),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert _deployments(client) == ours
    assert [change for change in bootstrap(url, settings) if change.kind == "deployment"] == []


def test_each_deployment_says_all_that_an_operator_needs() -> None:
    """What it does, where it waits, and for a process when it runs, in whose time zone, once that is switched on."""
    for stanza in declared():
        pool = stanza["work_pool"]
        assert pool["work_queue_name"] in QUEUES[pool["name"]]
        assert stanza["description"]
        for schedule in stanza.get("schedules", []):
            assert schedule["timezone"]
        if "process" in stanza["tags"]:
            assert stanza["build"] == [{READY: {"process": stanza["name"]}}]
            assert [schedule["active"] for schedule in stanza["schedules"]] == [False]


def test_prefect_deploy_asks_whether_a_process_is_ready(
    url: str, settings: Settings, client: SyncPrefectClient, tmp_path: Path
) -> None:
    """As its build step, which ends the command with a sentence; nothing is deployed."""
    from prefect.exceptions import ObjectNotFound

    content = yaml.safe_load((project_root() / "prefect.yaml").read_text(encoding="utf-8"))
    bootstrap(url, settings)
    stanza = next(each for each in content["deployments"] if each["name"] == "ticket-triage")
    content["deployments"] = [stanza | {"name": "unready", "build": [{READY: {"process": "nobody-has-it"}}]}]
    file = tmp_path / "prefect.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file)],
        cwd=project_root(),
        env=child_environment(settings, url),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("There is no process nobody-has-it. ")
    assert "Traceback" not in done.stdout + done.stderr
    with pytest.raises(ObjectNotFound):
        client.read_deployment_by_name("ticket-triage/unready")


def test_the_declared_version_is_the_release() -> None:
    """One number, in pyproject.toml and on every deployment."""
    import tomllib

    release = tomllib.loads((project_root() / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert {stanza["version"] for stanza in declared()} == {release}


def test_declared_parameters_are_the_flows_own() -> None:
    """Each that is set is one that the flow takes, its form says what it is for, and the samples are there."""
    from prefect.flows import load_flow_from_entrypoint
    from prefect.utilities.callables import parameter_schema

    stanzas = {stanza["name"]: stanza for stanza in declared()}
    for stanza in stanzas.values():
        taken = parameter_schema(load_flow_from_entrypoint(stanza["entrypoint"])).properties
        assert set(stanza.get("parameters", {})) <= set(taken)
        assert [name for name, schema in taken.items() if not schema.get("description")] == []
    assert any((project_root() / stanzas["invoice-intake"]["parameters"]["source"]).iterdir())


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"build": [{"prefect.deployments.steps.run_shell_script": {}}]}, "gives deployment daily prefect.deploy"),
        ({"triggers": []}, "gives deployment daily triggers, which is not applied here"),
        ({"entrypoint": "nowhere.to_be.found"}, "nowhere.to_be.found is not loaded"),
    ],
)
def test_what_cannot_be_applied_is_refused_by_name(
    url: str, settings: Settings, standin: Path, change: dict[str, Any], problem: str
) -> None:
    """Rather than left out in silence."""
    content = yaml.safe_load(standin.read_text(encoding="utf-8"))
    content["deployments"][0] |= change
    standin.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(StackError, match=problem):
        bootstrap(url, settings, file=standin)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """With what to do about it."""
    with pytest.raises(StackError, match=r"There is no .*prefect\.yaml\. Run fulcrum in the folder"):
        declared(tmp_path / "prefect.yaml")


STANZA = """
deployments:
  - name: {name}
    entrypoint: flows.{folder}.flow.{folder}
    version: "1"
    description: A draft.
    work_pool:
      name: fulcrum
"""

FLOW = """
from prefect import flow

@flow(name="{name}")
def {folder}():
    pass
"""


@pytest.fixture
def draft(processes: Callable[..., None], tmp_path: Path) -> tuple[str, Path]:
    """Make a process that is not ready, for it has no test and no golden set, with a stanza; give its name and file."""
    folder = f"draft_{tmp_path.name.rpartition('_')[2]}_{abs(hash(str(tmp_path))) % 10_000}"
    name = folder.replace("_", "-")
    definition = _naming("sql-target/erp-postings").replace("targets=", "folder=Path(__file__).parent, targets=")
    processes(**{folder: f"from pathlib import Path\n{definition}"})
    (tmp_path / "flows" / folder / "flow.py").write_text(FLOW.format(name=name, folder=folder), encoding="utf-8")
    file = tmp_path / "prefect.yaml"
    file.write_text(STANZA.format(name=name, folder=folder), encoding="utf-8")
    return name, file


def test_a_process_that_is_not_ready_is_not_deployed(
    url: str, settings: Settings, client: Any, draft: tuple[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said, with the lines that fail and what to do; all else is made as ever."""
    from prefect.exceptions import ObjectNotFound

    from deployments.readiness.step import ready

    name, file = draft
    with pytest.raises(SystemExit):
        ready(name)
    assert f"Process {name} is not ready: " in capsys.readouterr().err
    (refused,) = [change for change in bootstrap(url, settings, file=file) if change.kind == "deployment"]
    assert (refused.name, refused.done) == (f"{name}/{name}", "refused")
    assert "golden set" in refused.why
    assert f"fulcrum readiness {name}" in str(refused)
    with pytest.raises(ObjectNotFound):
        client.read_deployment_by_name(f"{name}/{name}")


def test_a_draft_is_deployed_to_watch_only(url: str, settings: Settings, draft: tuple[str, Path]) -> None:
    """Its autonomy is lowered to shadow, with the reason on record; the second time nothing changes."""
    from fulcrum.ledger import Ledger
    from fulcrum.process import Autonomy

    name, file = draft
    (made,) = [c for c in bootstrap(url, settings, file=file, allow_draft=True) if c.kind == "deployment"]
    assert (made.name, made.done) == (f"{name}/{name}", "created")
    assert "in shadow only" in made.why
    assert bootstrap(url, settings, file=file, allow_draft=True) == []
    with Ledger.open(settings.ledger_url) as ledger:
        assert ledger.runs.standing(name).autonomy is Autonomy.SHADOW
        (change,) = ledger.runs.standings(name)
    assert "golden set" in change["reason"]
