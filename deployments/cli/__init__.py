"""The `fulcrum` command. Each command's module is imported when it is called, so that help is quick."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

from cyclopts import App, Parameter

app = App(
    name="fulcrum",
    help="Run redesigned business processes in which AI steps and people handle the same cases.",
    version="0.1.0",
    # The default, markdown, takes as long to import as the rest of the help does.
    help_format="plaintext",
)
app.command("deployments.cli.running:run", name="run", help="Run a process in the foreground over a source.")
app.command(
    "deployments.cli.running:demo", name="demo", help="Run the sample processes on a local stack, from nothing."
)
app.command("deployments.cli.scaffolding:new", name="new", help="Make a new process, which runs at once in shadow.")
app.command("deployments.cli.stack:up", name="up", help="Keep the local stack running: server, UI and workers.")
app.command("deployments.cli.halting:halt", name="halt", help="Let a process, or all, clear nothing until resumed.")
app.command("deployments.cli.halting:resume", name="resume", help="Let a halted process go on.")
app.command("deployments.cli.cases:cases", name="cases", help="List a process's cases.")
app.command("deployments.cli.cases:case", name="case", help="Show one case's whole history.")
app.command("deployments.cli.deciding:reviews", name="reviews", help="List what waits for a person.")
app.command("deployments.cli.deciding:decide", name="decide", help="Decide a review from the terminal.")
app.command("deployments.cli.deciding:reopen", name="reopen", help="Reverse a finished case and put it back in review.")
app.command("deployments.cli.deciding:release", name="release", help="Put back what was quarantined with its batch.")
app.command(
    "deployments.cli.evaluating:evaluate", name="evaluate", help="Measure the AI step on records with the truth."
)
app.command("deployments.cli.watching:drift", name="drift", help="Show what has changed since autonomy was granted.")
app.command(
    "deployments.cli.scoreboard:scoreboard", name="scoreboard", help="Show how each process does against before."
)
app.command("deployments.cli.logs:import_log", name="import-log", help="Import the event log of the work before.")
app.command("deployments.cli.measuring:kpis", name="kpis", help="Show a process in figures, now and before.")
app.command("deployments.cli.standard:sop", name="sop", help="Show a process's procedure as a document.")
app.command("deployments.cli.standard:readiness", name="readiness", help="Check what a process needs to be deployed.")
app.command("deployments.cli.stack:bootstrap", name="bootstrap", help="Register blocks, pools and deployments.")
app.command("deployments.cli.doctor:doctor", name="doctor", help="Look whether all that Fulcrum stands on is there.")
app.command("deployments.cli.stack:migrate", name="migrate", help="Bring the ledger's schema up to date.")

autonomy = App(name="autonomy", help="Show or set what a process may do alone; fulcrum autonomy PROCESS shows it.")
autonomy.command("deployments.cli.autonomy:show", name="show", help="Show it, who set it when and why, and its alarms.")
autonomy.command("deployments.cli.autonomy:change", name="set", help="Set it, with who and why.")
app.command(autonomy)


@autonomy.default
def _show_autonomy(process: str, *, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Show what a process may do alone, who set it when and why, and what it has noticed about itself.

    Args:
        process: Name of the process, as invoice-intake.
        json: Print it as one JSON list, the newest first.
    """
    from deployments.cli.autonomy import show  # noqa: PLC0415 - a default command is imported at once

    show(process, json=json)


alerts = App(name="alerts", help="Receive alerts, list what stands, take one on.")
alerts.command("deployments.cli.alerts:listen", name="listen", help="Receive alerts and signs of life here.")
alerts.command("deployments.cli.alerts:listed", name="list", help="List what was told and is not over.")
alerts.command("deployments.cli.alerts:ack", name="ack", help="Take an alert on.")
app.command(alerts)

audit = App(name="audit", help="Check that the ledger says what was written.")
audit.command("deployments.cli.audit:verify", name="verify", help="Check every history, and what runs have published.")
audit.command("deployments.cli.audit:show", name="show", help="Tell a case's whole story.")
app.command(audit)

reviewers = App(name="reviewers", help="Register who may decide, give them codes, see how it goes.")
reviewers.command("deployments.cli.reviewers:add", name="add", help="Register somebody who may decide cases.")
reviewers.command("deployments.cli.reviewers:listed", name="list", help="List the registered people.")
reviewers.command("deployments.cli.reviewers:remove", name="remove", help="Let somebody decide no more.")
reviewers.command("deployments.cli.reviewers:enroll", name="enroll", help="Give somebody a secret for their codes.")
reviewers.command("deployments.cli.reviewers:key", name="key", help="Print a new key for the reviewers' secrets.")
reviewers.command("deployments.cli.reviewers:report", name="report", help="Show an owner how the reviewing goes.")
app.command(reviewers)

examples = App(name="examples", help="Load or count the examples that an AI step is shown.")
examples.command("deployments.cli.examples:load", name="load", help="Load labelled records as examples.")
examples.command("deployments.cli.examples:listed", name="list", help="Count the examples by label.")
app.command(examples)

catalogue = App(name="catalogue", help="Show or change the options that a process chooses among.")
catalogue.command("deployments.cli.catalogues:show", name="show", help="Show the options in force.")
catalogue.command("deployments.cli.catalogues:take", name="import", help="Put other options in force.")
catalogue.command("deployments.cli.catalogues:export", name="export", help="Write the options to a file.")
app.command(catalogue)

model = App(name="model", help="Serve the embedded model, or check an endpoint.")
model.command("deployments.cli.models:serve", name="serve", help="Serve the embedded model to other tools.")
model.command("deployments.cli.models:check", name="check", help="Ask an endpoint once and say what it is good for.")
app.command(model)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, this process's unless given; a known problem is told in words on standard error."""
    from fulcrum.errors import FulcrumError  # noqa: PLC0415 - after cyclopts, for a quick help

    try:
        _call(arguments)
    except FulcrumError as error:
        print(f"fulcrum: {error}", file=sys.stderr)  # noqa: T201 - this is the terminal
        raise SystemExit(error.exit_code) from None
    except BrokenPipeError:
        sys.stderr.close()
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        print("fulcrum: stopped", file=sys.stderr)  # noqa: T201 - this is the terminal
        raise SystemExit(130) from None


def _call(arguments: Sequence[str] | None) -> None:
    """Call the command; that the Prefect server let nobody in without a sign-on is a known problem as well."""
    try:
        app(arguments)
    except Exception as error:
        if not _kept_out(error):
            raise
        from fulcrum.errors import NotSignedOn  # noqa: PLC0415 - see above

        raise NotSignedOn from None


def _kept_out(error: Exception) -> bool:
    """Tell whether a Prefect server wants a sign-on; whoever has asked none knows no such error."""
    known = sys.modules.get("prefect.exceptions")
    return known is not None and isinstance(error, known.PrefectHTTPStatusError) and error.response.status_code == 401  # noqa: PLR2004
