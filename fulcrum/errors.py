"""What can go wrong, one class each. A class's docstring is its message: what happened, what to do."""

from __future__ import annotations

from typing import ClassVar


class FulcrumError(Exception):
    """Something went wrong in Fulcrum."""

    exit_code: ClassVar[int] = 1

    def __init__(self, **facts: object) -> None:
        """Take the facts that the docstring's {placeholders} name; none of them is a case's content."""
        self.facts = facts
        template = " ".join((type(self).__doc__ or "").split())
        super().__init__(template.format(**facts))

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by the facts, because Prefect carries exceptions between processes."""
        return (_rebuild, (type(self), self.facts))


def _rebuild(kind: type[FulcrumError], facts: dict[str, object]) -> FulcrumError:
    return kind(**facts)


class UsageError(FulcrumError):
    """{problem}"""

    exit_code = 2


class SourceNotFound(FulcrumError):
    """Nothing to read at {source}: no such file, folder or match. Give a .jsonl, .csv, .txt or .pdf file,
    a folder, a glob in quotes, or - for standard input."""

    exit_code = 2


class SourceUnreadable(FulcrumError):
    """{source} cannot be read as {kind}: {reason}. Nothing was taken in from it; mend it and run again."""

    exit_code = 2


class AuditFailed(FulcrumError):
    """{count} flaws: the ledger is not what was written. Keep it as it is, find out who had access to the database, and
    compare with a backup: fulcrum audit show CASE"""


class HistoryCutShort(FulcrumError):
    """The sample history was replayed into the ledger {url} before, but not to its end. Nothing was added; replay it
    into an empty ledger."""

    exit_code = 2


class OriginalNotFound(FulcrumError):
    """There is no original {digest}… in {folder}. It was never kept there, or housekeeping has removed it."""

    exit_code = 2


class LogUnreadable(FulcrumError):
    """The event log cannot be read: {problem}. Nothing was imported; name the columns with --map, or mend the file."""

    exit_code = 2


class UnknownProcess(FulcrumError):
    """There is no process {name}. The processes here are: {known}."""

    exit_code = 2


class NotReady(FulcrumError):
    """Process {process} is not ready: {lines}. Nothing was changed. Mend what this names:
    fulcrum readiness {process}"""


class NameUnusable(FulcrumError):
    """{name} cannot be the name of a process: {problem}. Nothing was written; choose another name."""

    exit_code = 2


class ScaffoldRefused(FulcrumError):
    """Process {name} cannot be made here: {problem}. Nothing was written; {remedy}."""

    exit_code = 2


class ScaffoldFailed(FulcrumError):
    """Process {name} could not be made: {file} cannot be written ({reason}). What was written has been removed."""


class DefinitionError(FulcrumError):
    """The definition of process {process} is not sound: {field} {problem}. Mend it in its process.py."""


class CatalogueUnusable(FulcrumError):
    """The catalogue in {where} cannot be used: {problem}. Nothing was changed; mend it and run again."""

    exit_code = 2


class ParagraphUnusable(FulcrumError):
    """The approved paragraph {path} cannot be used: it {problem}. No case was touched; mend the file and run again."""

    exit_code = 2


class IllegalTransition(FulcrumError):
    """Case {case_id} is {status}; {transition} is not possible from there. Nothing was changed.
    See its history: fulcrum case {case_id}"""


class LeaseLost(FulcrumError):
    """The lease on {count} case(s) of this batch has lapsed and another run holds them, the first {case_id}.
    Nothing was changed; that run finishes them."""


class ProcessHalted(FulcrumError):
    """Process {process} is halted by {by}, so it clears nothing. Nothing was changed; its cases go to people until
    somebody resumes it: fulcrum resume {scope} --by NAME --reason TEXT"""


class NotHalted(FulcrumError):
    """There is no halt of {what} to end. See what is halted: fulcrum halt --list"""

    exit_code = 2


class CaseNotFound(FulcrumError):
    """There is no case {case_id}. List them: fulcrum cases PROCESS"""

    exit_code = 2


class CaseErased(FulcrumError):
    """The contents of case {case_id} were erased when their retention had ended, so it cannot be reopened: nobody could
    say what is to be reversed. Nothing was changed; correct it in the target by hand."""

    exit_code = 2


class ReviewNotFound(FulcrumError):
    """There is no open review {review_id}. List the open ones: fulcrum reviews"""

    exit_code = 2


class AlreadyDecided(FulcrumError):
    """Review {review_id} was decided before: {verdict} by {reviewer}. This answer changed nothing.
    To put the case back: fulcrum reopen {case_id} --by NAME --reason TEXT"""


class DecisionRefused(FulcrumError):
    """The decision on review {review_id} is refused: {problem}. Nothing was changed; correct it and send it again."""

    exit_code = 2


class BundleNotFound(FulcrumError):
    """There is no bundle {bundle}. Run decide-many without it first: that lists the cases and gives the number."""

    exit_code = 2


class BundleRefused(FulcrumError):
    """Bundle {bundle} cannot be decided so: {problem}. Nothing was changed; run decide-many without a bundle again."""

    exit_code = 2


class NotRegistered(FulcrumError):
    """{name} is not registered as a reviewer. Ask {owner} ({email}) to run: fulcrum reviewers add NAME --queue QUEUE"""

    exit_code = 2


class ReviewerUnknown(FulcrumError):
    """There is no reviewer {name}. List them: fulcrum reviewers list"""

    exit_code = 2


class ReviewerKnown(FulcrumError):
    """{name} is registered already. Change it: fulcrum reviewers add "{name}" --replace"""

    exit_code = 2


class ReviewerLocked(DecisionRefused):
    """The decision on review {review_id} is refused: {problem}. Nothing was changed. If it was not {reviewer} who typed
    the codes, somebody uses that name: tell the process's owner."""


class KeyUnusable(FulcrumError):
    """The key of the reviewers' secrets cannot be used: {problem}. Give the right one in FULCRUM_REVIEWERS_KEY or in
    the Prefect Secret block fulcrum-reviewers-key; where it is lost, enroll the reviewers anew."""


class KeyMissing(FulcrumError):
    """There is no key for the reviewers' secrets. Make one with fulcrum reviewers key, and give it to workers and
    commands as FULCRUM_REVIEWERS_KEY or as the Prefect Secret block fulcrum-reviewers-key."""

    exit_code = 2


class ReviewsNotDeployed(FulcrumError):
    """The Prefect server has no deployment {deployment}, which shows reviews. They wait in the ledger; deploy it with
    fulcrum bootstrap, and the next run shows them. Meanwhile: fulcrum reviews"""


class GateFailed(FulcrumError):
    """Gate {gate} refused a batch of {process}: {failed} of {total} cases fail, more than the tolerated {tolerated}.
    Failing: {expectations}. The batch is quarantined, nothing is lost. Mend the source, then put the cases back:
    fulcrum release {process} --by NAME --reason TEXT"""


class GateBroken(FulcrumError):
    """Gate {gate} could not be evaluated: {expectation} raised {reason}. No case was judged;
    mend the gate's definition and run again."""


class MasterDataUnusable(FulcrumError):
    """The master data at {path} cannot be used: {problem}. No case was touched; mend the file and run again."""

    exit_code = 2


class LedgerUnavailable(FulcrumError):
    """The ledger at {url} cannot be reached or is locked: {reason}. Check FULCRUM_LEDGER_URL and that the database
    is up; nothing is lost, run again when it answers."""


class LedgerOutdated(FulcrumError):
    """The ledger at {url} is at schema {found} and this release needs {needed}. Migrate it: fulcrum migrate"""


class EndpointMisconfigured(FulcrumError):
    """Model endpoint {endpoint} cannot be used: {problem}."""

    exit_code = 2


class OutcomeUnsupported(FulcrumError):
    """{field} has open keys, which a strict JSON schema cannot say. Give the outcome model named fields there."""


class PriceUnknown(FulcrumError):
    """No price is known for model {model} at {endpoint}, and an unknown price is never taken as 0. Set input_price and
    output_price (per million tokens) in the block model-endpoint/{endpoint}."""


class DeliveryRefused(FulcrumError):
    """Target {target} refused the delivery for good: {reason}. A person decides; it is not tried again by itself."""


class DeliveryFailed(FulcrumError):
    """Target {target} did not take the delivery: {reason}. It stays in the outbox and the next run tries again."""


class TargetMisconfigured(DeliveryFailed):
    """Target {target} is not set up to take deliveries: {reason}. Nothing was delivered and nothing is lost: what waits
    stays in the outbox. Mend it, and the next run delivers."""


class ReviewsNotShown(FulcrumError):
    """The Prefect server could not make {failed} of {total} review runs. The reviews stay open in the ledger; the next
    run shows them. List them meanwhile: fulcrum reviews"""


class ServerAway(FulcrumError):
    """The Prefect server has not answered for as long as a run waits for it ({reason}). What was done is in the ledger;
    bring the server back, and the next run goes on."""


class NotSignedOn(FulcrumError):
    """The Prefect server did not let the command in: it wants to know who asks. Set PREFECT_API_AUTH_STRING to its
    user:password, and give the command again."""


class RunFailed(FulcrumError):
    """Run {run} ended as {state}: {message} See its log in the UI or in the folder logs of FULCRUM_HOME. Running it
    again repeats nothing that is done."""


class StackError(FulcrumError):
    """{problem} {remedy}"""
