"""Looking whether all that Fulcrum stands on is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from deployments.cli.display import out, print_json, say, table

if TYPE_CHECKING:
    from deployments.doctor import Line

Flag = Annotated[bool, Parameter(negative="")]


def doctor(*, ask: Flag = False, json: Flag = False) -> None:
    """Look whether all that Fulcrum stands on is there; the command exits with 1 where something is wrong.

    Args:
        ask: Ask each model endpoint a small question, which a paid one bills.
        json: Print the lines as one line of JSON.
    """
    from pydantic import ValidationError  # noqa: PLC0415 - see deployments/cli/__init__.py

    from deployments.doctor import Verdict, examine  # noqa: PLC0415 - the same
    from deployments.doctor.lines import wrong  # noqa: PLC0415 - the same
    from fulcrum.settings import settings  # noqa: PLC0415 - the same

    try:
        chosen = settings()
    except ValidationError as error:
        names = ", ".join(f"FULCRUM_{str(part['loc'][0]).upper()}" for part in error.errors(include_input=False))
        lines = [wrong("settings", f"{names} cannot be read", "correct it in the environment")]
    else:
        if not json:
            say("Looking; what is away may take some seconds")
        lines = list(examine(chosen, ask=ask))
    sick = sum(line.verdict is Verdict.WRONG for line in lines)
    if json:
        print_json({"ok": not sick, "lines": [_row(line) for line in lines]})
    else:
        _show(lines, sick)
    if sick:
        raise SystemExit(1)


def _show(lines: Sequence[Line], sick: int) -> None:
    rows = [(line.check, line.verdict, [line.found, f"Do: {line.remedy}"] if line.remedy else line.found)
            for line in lines]  # fmt: skip
    table("What Fulcrum stands on", ("what", "", "found"), rows)
    out.print(f"\n{sick} of {len(lines)} are wrong." if sick else "\nNothing is wrong.")


def _row(line: Line) -> dict[str, str]:
    return {"check": line.check, "verdict": line.verdict, "found": line.found, "remedy": line.remedy}
