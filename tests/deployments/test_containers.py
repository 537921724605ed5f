"""The image and compose.yaml, as far as they can be checked without a container engine."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from fulcrum.settings import project_root
from tests.production import variables

ROOT = project_root()
FOLDER = ROOT / "deployments"
CONTAINER = FOLDER / "container"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = sorted(name for name, service in SERVICES.items() if "build" in service)
PINNED = re.compile(r"[a-z]+:\d+\.\d+(\.\d+)?-[a-z-]+")
"""An image's tag that names a release to the patch, and the system that it is built on."""


def _instructions() -> list[tuple[str, str]]:
    """Read the Dockerfile's instructions, continued lines joined, without comments."""
    lines = (FOLDER / "Dockerfile").read_text(encoding="utf-8").splitlines()
    joined = "\n".join(line for line in lines if not line.lstrip().startswith("#")).replace("\\\n", " ")
    words = (line.strip().partition(" ") for line in joined.splitlines() if line.strip())
    return [(name, " ".join(rest.split())) for name, _, rest in words]


INSTRUCTIONS = _instructions()


def _values(name: str) -> list[str]:
    return [value for instruction, value in INSTRUCTIONS if instruction == name]


def test_compose_has_the_topology() -> None:
    """One part each, and the one-shots before them."""
    assert " ".join(sorted(SERVICES)) == "api bootstrap postgres redis review-worker schema services worker"


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_part_waits_for_can_happen(name: str) -> None:
    """It waits for services that there are: for health where it is checked, for the end of what ends."""
    for other, how in SERVICES[name].get("depends_on", {}).items():
        assert other in SERVICES
        ends = SERVICES[other].get("restart") == "no"
        assert how["condition"] == ("service_completed_successfully" if ends else "service_healthy")
        assert ends or "healthcheck" in SERVICES[other]


@pytest.mark.parametrize("name", SERVICES)
def test_what_stays_up_is_checked_and_restarted(name: str) -> None:
    """A part that does not end has a health check and a restart policy."""
    service = SERVICES[name]
    if service["restart"] != "no":
        assert service["restart"] == "unless-stopped"
        assert {"test", "interval", "timeout", "retries"} <= set(service["healthcheck"])


def test_only_the_api_is_published_and_only_here() -> None:
    """Its one port is this machine's alone; databases are on a network that leads nowhere."""
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"api": ["127.0.0.1:4200:4200"]}
    assert COMPOSE["networks"]["inside"]["internal"] is True
    assert {name: SERVICES[name]["networks"] for name in ("postgres", "redis")} == {
        "postgres": ["inside"],
        "redis": ["inside"],
    }
    assert not any("network_mode" in service or "privileged" in service for service in SERVICES.values())


@pytest.mark.parametrize("name", SERVICES)
def test_names_within_it_lead_somewhere(name: str) -> None:
    """Networks, volumes and secrets that a part uses are declared, and a file that is mounted is there."""
    service = SERVICES[name]
    assert set(service.get("networks", [])) <= set(COMPOSE["networks"])
    assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])
    for source in (volume.partition(":")[0] for volume in service.get("volumes", [])):
        assert source in COMPOSE["volumes"] or (FOLDER / source).is_file()
    assert not service.get("env_file") or (FOLDER / service["env_file"]).is_file()


def test_each_setting_is_told() -> None:
    """The page on production explains every setting of production.env, and names no other as one of them."""
    page = (ROOT / "docs" / "production.md").read_text(encoding="utf-8")
    table = page[page.index("## Settings") : page.index("Beside it each part needs")]
    assert set(re.findall(r"`([A-Z][A-Z_0-9]+)`", table)) == set(variables())


def test_each_address_and_secret_is_told() -> None:
    """So it does with what compose.yaml gives a part beside it."""
    page = (ROOT / "docs" / "production.md").read_text(encoding="utf-8")
    named = {name.removesuffix("_FILE") for part in OURS for name in SERVICES[part]["environment"]}
    assert named - {"PGPASSWORD"} <= set(re.findall(r"`([A-Z][A-Z_0-9]+)`", page))


def test_no_secret_stands_in_it() -> None:
    """What is secret is named by a file: no variable holds one, no address a password, in production.env neither."""
    pairs = [pair for service in SERVICES.values() for pair in service.get("environment", {}).items()]
    pairs += variables().items()
    secret = re.compile(r"PASSWORD|SECRET|TOKEN|_KEY\b|AUTH_STRING|DOCKET_URL|MESSAGING_URL")
    assert [name for name, _ in pairs if secret.search(name) and not name.endswith("_FILE")] == []
    assert [name for name, value in pairs if re.search(r"://[^/@]*:[^/@]*@", str(value))] == []
    assert all(str(value).startswith("/run/secrets/") for name, value in pairs if name.endswith("_FILE"))
    assert all(entry["file"].startswith("${FULCRUM_SECRETS:?") for entry in COMPOSE["secrets"].values())


@pytest.mark.parametrize("name", SERVICES)
def test_a_part_has_the_secrets_that_it_reads_and_no_others(name: str) -> None:
    """Each file below /run/secrets that a part names is granted to it; what it has it reads."""
    service = SERVICES[name]
    told = json.dumps([service.get(key) for key in ("environment", "command", "healthcheck")])
    named = set(re.findall(r"/run/secrets/(\w+)", told))
    if name == "postgres":
        named |= {"prefect_database_password", "fulcrum_database_password"}
    assert named == set(service.get("secrets", []))


@pytest.mark.parametrize("name", OURS)
def test_the_projects_own_parts_may_do_little(name: str) -> None:
    """No capability, no new privileges, and what they run is a program of the image."""
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["command"][0] in {"prefect", "fulcrum"}


@pytest.mark.parametrize("image", [*(SERVICES[n]["image"] for n in ("postgres", "redis")), *_values("FROM")])
def test_what_it_is_built_on_is_pinned(image: str) -> None:
    """A base image has a tag of one release, not one that moves to the next major or minor."""
    assert PINNED.fullmatch(image.partition(" ")[0]), image


def test_the_image_is_the_release() -> None:
    """The tag in compose.yaml is the version of the project."""
    import tomllib

    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert {SERVICES[name]["image"] for name in OURS} == {f"fulcrum:{version}"}


def test_the_image_runs_as_nobody_special() -> None:
    """The last user is not root, by a name that the image makes."""
    assert _values("USER")[-1:] == ["fulcrum"]
    assert "useradd --system --uid 10001" in " ".join(_values("RUN"))
    assert [name for name, _ in INSTRUCTIONS].index("USER") > max(
        index for index, (name, _) in enumerate(INSTRUCTIONS) if name in {"RUN", "COPY"}
    )


def test_the_image_takes_nothing_unchecked() -> None:
    """Packages are those of the lock with their hashes; nothing is added from an address, no secret is an argument."""
    assert not _values("ADD")
    installs = [value for value in _values("RUN") if "pip install" in value]
    assert all("--require-hashes" in value or ("--no-deps" in value and "--no-index" in value) for value in installs)
    text = "\n".join(f"{name} {value}" for name, value in INSTRUCTIONS)
    assert not re.findall(r"https?://(?!127\.0\.0\.1)\S+", text)
    assert not re.search(r"curl|wget|index-url|apt-get|sudo|:latest", text)
    assert not _values("ARG")


def test_the_image_ends_with_one_command_in_the_exec_form() -> None:
    """Entry point, command and health check are one each and need no shell to pass signals on."""
    for name in ("ENTRYPOINT", "CMD", "HEALTHCHECK"):
        assert len(_values(name)) == 1
    assert json.loads(_values("ENTRYPOINT")[0])[-1] == "/srv/fulcrum/deployments/container/entrypoint.sh"
    assert json.loads(_values("CMD")[0]) == SERVICES["api"]["command"]
    assert json.loads(_values("HEALTHCHECK")[0].partition("CMD ")[2]) == SERVICES["api"]["healthcheck"]["test"][1:]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Copy what the Dockerfile copies, and nothing else, into a folder that stands for /srv/fulcrum."""
    folder = tmp_path_factory.mktemp("image") / "fulcrum"
    folder.mkdir()
    for value in (value for value in _values("COPY") if "--from" not in value):
        *sources, _target = value.split()
        for source in sources:
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, folder / source, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, folder / source)
    yield folder
    shutil.rmtree(folder)


def test_the_image_holds_what_runs(image: Path) -> None:
    """From what is copied alone, the ignored aside, every process is read and every deployment declared."""
    kept = (FOLDER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert {f"!{path.name}" for path in image.iterdir()} == {line for line in kept if line.startswith("!")}
    program = (
        "import json, fulcrum; from flows import registry; from deployments.declared import declared;"
        "found = [registry.process(n).name for n in registry.names()];"
        "print(json.dumps([fulcrum.__file__, sorted(found), len(list(declared(None)))]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(image)}
    said = subprocess.run(
        [sys.executable, "-c", program], cwd=image, env=environment, capture_output=True, text=True, check=True
    )
    file, names, declared = json.loads(said.stdout)
    assert Path(file).is_relative_to(image)
    assert names == ["complaint-response", "invoice-intake", "ticket-triage"]
    assert declared == len(yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"])


def _entered(environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    entry = ["sh", str(CONTAINER / "entrypoint.sh"), *command]
    given = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(entry, env=given, capture_output=True, text=True, check=False)


def test_a_secret_comes_from_its_file(tmp_path: Path) -> None:
    """NAME_FILE becomes NAME for the project's names; another program's file stays a path."""
    file = tmp_path / "secret"
    file.write_text("p$a'ss \"w`ord\n", encoding="utf-8")
    given = {"PGPASSWORD_FILE": str(file), "PREFECT_API_AUTH_STRING_FILE": str(file), "SSL_CERT_FILE": "/etc/ca.crt"}
    said = _entered(given, sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))")
    told = json.loads(said.stdout)
    assert told["PGPASSWORD"] == told["PREFECT_API_AUTH_STRING"] == "p$a'ss \"w`ord"
    assert told["SSL_CERT_FILE"] == "/etc/ca.crt"
    assert not {"PGPASSWORD_FILE", "PREFECT_API_AUTH_STRING_FILE", "SSL_CERT"} & set(told)


def test_a_secret_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    """It says which, and the command does not run."""
    said = _entered({"FULCRUM_LEDGER_URL_FILE": str(tmp_path / "none")}, "echo", "ran")
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.startswith("FULCRUM_LEDGER_URL_FILE names ")


def test_the_command_takes_the_entry_points_place() -> None:
    """Its exit code is the container's."""
    assert _entered({}, "sh", "-c", "exit 7").returncode == 7


def test_secrets_are_made_once(tmp_path: Path) -> None:
    """Each that compose.yaml names, random, in a folder of its owner's; a second time nothing changes."""
    folder = tmp_path / "secrets"
    made: list[dict[str, str]] = []
    for _ in range(2):
        subprocess.run(["sh", str(CONTAINER / "secrets.sh"), str(folder)], check=True)
        made.append({file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()})
    assert made[0] == made[1]
    assert set(made[0]) == set(COMPOSE["secrets"])
    assert made[0]["redis_url"] == f"redis://:{made[0]['redis_password']}@redis:6379/0"
    assert len(urlsafe_b64decode(made[0]["encryption_key"])) == 32
    assert len(set(made[0].values())) == len(made[0])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("script", sorted(path.name for path in CONTAINER.glob("*.sh")))
def test_a_script_is_sound(script: str) -> None:
    """Its own shell parses it."""
    shell = "bash" if "bash" in (CONTAINER / script).read_text(encoding="utf-8").splitlines()[0] else "sh"
    subprocess.run([shell, "-n", str(CONTAINER / script)], check=True)


def test_docker_reads_compose(tmp_path: Path) -> None:
    """Where docker's compose plugin is installed, it takes the file; no engine is asked."""
    asked = ["docker", "compose", "version"]
    if not shutil.which("docker") or subprocess.run(asked, capture_output=True, check=False).returncode:
        pytest.skip("docker's compose plugin is not installed here")
    command = ["docker", "compose", "--file", str(FOLDER / "compose.yaml"), "config", "--quiet"]
    environment = {**os.environ, "FULCRUM_SECRETS": str(tmp_path)}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
