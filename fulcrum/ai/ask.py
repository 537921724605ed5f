"""Asking a model about a batch: every answer is durable before it is used, and none is paid twice."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from fulcrum.ai.budget import Budget
from fulcrum.ai.confidence import agreement, carried, consensus, field_confidence
from fulcrum.ai.conversation import AHEAD, Conversation
from fulcrum.ai.endpoint import Endpoint
from fulcrum.ai.judge import judge, repair
from fulcrum.ai.prices import cost, estimate, model_call
from fulcrum.ai.prompt import Example, request
from fulcrum.ai.question import Answer, Fault, Question
from fulcrum.cases import Batch, Case, Json, ModelCall, Proposal, Status
from fulcrum.errors import LeaseLost, LedgerUnavailable
from fulcrum.examples import from_catalogues, shown
from fulcrum.ledger import Ledger
from fulcrum.process import AiStep, Process


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Cases without a proposal, each with why: the fault of the endpoint, an unusable answer, or no budget left."""

    faults: Mapping[str, str]
    unusable: Mapping[str, str]
    over_budget: frozenset[str]


@dataclass(slots=True)
class _Dialogue:
    """One case's questions: what was proposed before, and what its samples said so far."""

    case: Case
    wanted: int
    before: Proposal | None = None
    samples: list[Json | None] = field(default_factory=list)
    confidence: dict[str, float] = field(default_factory=dict)
    model: str | None = None
    problem: str | None = None

    @property
    def complete(self) -> bool:
        """Tell whether every sample has been heard."""
        return len(self.samples) == self.wanted


class Inquiry:
    """The questions of one batch to one endpoint, in one step of the process."""

    def __init__(
        self, ledger: Ledger, process: Process, step: AiStep, endpoint: Endpoint, budget: Budget, batch: Batch
    ) -> None:
        self._ledger = ledger
        self._process = process
        self._step = step
        self._place = process.place(step.name)
        self._answer = process.bounded(step.answer)
        self._endpoint = endpoint
        self._budget = budget
        self._batch = batch
        self._dialogues: dict[str, _Dialogue] = {}
        self._waiting: deque[Question] = deque()
        self._reserved: dict[str, Decimal] = {}
        self._faults: dict[str, str] = {}
        self._over_budget: set[str] = set()

    def make(self) -> Unanswered:
        """Ask about every case of the batch that this step is next for; record proposals, return what got none."""
        standing = standing_before(self._ledger, self._batch, self._place)
        before = {case.id: proposal for case, proposal in standing}
        cases = [case for case, _ in standing]
        asked = self._record_known(cases) if self._place == 0 else cases
        for case in asked:
            self._dialogues[case.id] = _Dialogue(case, self._endpoint.samples, before[case.id])
        examples = self._examples(asked)
        self._recall([question for case in asked for question in self._questions(case, examples.get(case.id, ()))])
        if self._waiting:
            # An answer without a price would be paid and could not be recorded, so none is asked for.
            cost(self._endpoint, 0, 0)
            # A rule may have to load what it judges by; an answer that is paid must not wait for that to be kept.
            self._process.complete(asked[0].input, {})
            with Conversation(self._endpoint, clock=self._ledger.store.now) as conversation:
                try:
                    self._converse(conversation)
                except (LeaseLost, LedgerUnavailable):
                    self._hear_out(conversation)
                    raise
        unusable = {
            case_id: dialogue.problem or "no sound answer"
            for case_id, dialogue in self._dialogues.items()
            if dialogue.complete and consensus(dialogue.samples) is None
        }
        return Unanswered(self._faults, unusable, frozenset(self._over_budget))

    def _record_known(self, cases: Sequence[Case]) -> list[Case]:
        """Propose what the input says exactly, for which no model is asked; return the other cases."""
        known = [(case, self._process.known(case.input)) for case in cases]
        exact = [
            self._proposal(case, "rule", values, None, {}, None, step=self._process.ai_steps[-1])
            for case, values in known
            if values is not None
        ]
        self._record([], exact)
        return [case for case, values in known if values is None]

    def _text(self, case: Case) -> str:
        before = self._dialogues[case.id].before
        return self._step.text(case.input, before.values if before else {})

    def _examples(self, cases: Sequence[Case]) -> dict[str, list[Example]]:
        """Choose what each case's request shows, by what was known before the case arrived.

        Whatever is decided or loaded meanwhile changes no request, so that its answer is found again.
        """
        step = self._step
        if not step.examples or not cases:
            return {}
        moments = [case.received_at for case in cases]
        also = from_catalogues(self._process, step)
        nearest = self._ledger.examples.nearest(self._process.name, step.text, max(moments), also)
        chosen = shown(self._process, step, nearest, [self._text(case) for case in cases], moments)
        return {case.id: examples for case, examples in zip(cases, chosen, strict=True)}

    def _questions(self, case: Case, examples: Sequence[Example]) -> list[Question]:
        step = self._step
        asked = request(self._endpoint, step.prompt_text, self._answer, self._text(case), examples)
        return [asked.question(case.id, step.name, sample) for sample in range(self._endpoint.samples)]

    def _recall(self, questions: Sequence[Question]) -> None:
        """Use the answers that are in the ledger already; what is left waits to be asked."""
        while questions:
            stored = self._ledger.work.answers(question.key for question in questions)
            self._waiting.extend(question for question in questions if question.key not in stored)
            again: list[Question] = []
            done: list[str] = []
            for question in questions:
                if question.key in stored:
                    call, text = stored[question.key]
                    again.extend(self._hear(question, text, call.field_confidence or {}, call.model))
                    done.append(question.case_id)
            self._record([], self._proposals(done))
            questions = again

    def _converse(self, conversation: Conversation) -> None:
        self._feed(conversation)
        while self._waiting or conversation.outstanding:
            self._take(conversation.arrivals())
            self._feed(conversation)

    def _feed(self, conversation: Conversation) -> None:
        """Hand over as many questions as the endpoint can be busy with and the budget covers."""
        while self._waiting and conversation.outstanding < self._endpoint.at_once * AHEAD:
            question = self._waiting[0]
            price = estimate(self._endpoint, question) if self._budget.limited else Decimal(0)
            if not self._budget.reserve(price):
                if conversation.outstanding:
                    return
                self._over_budget.add(self._waiting.popleft().case_id)
                continue
            self._waiting.popleft()
            self._reserved[question.key] = price
            conversation.send(question)

    def _hear_out(self, conversation: Conversation) -> None:
        """Keep the answers that the endpoint is busy with: they are paid, whoever makes use of them."""
        conversation.ask_no_more()
        while conversation.outstanding:
            answers = [answer for answer in conversation.arrivals() if answer.error is not Fault.UNAVAILABLE]
            self._keep([self._call(answer) for answer in answers])

    def _take(self, answers: Iterable[Answer]) -> None:
        """Make what has arrived durable in one transaction, and only then use it."""
        calls: list[ModelCall] = []
        heard: list[str] = []
        again: list[Question] = []
        for answer in answers:
            question = answer.question
            call = self._call(answer)
            self._budget.settle(self._reserved.pop(question.key), call.cost)
            if answer.error is not Fault.UNAVAILABLE:
                calls.append(call)
            if answer.text is not None:
                again.extend(self._hear(question, answer.text, call.field_confidence or {}, answer.model))
                heard.append(question.case_id)
            elif answer.transient:
                self._faults[question.case_id] = str(answer.error)
            else:
                self._miss(question.case_id, f"no usable answer ({str(answer.error).replace('_', ' ')})")
                heard.append(question.case_id)
        self._record(calls, self._proposals(heard))
        self._waiting.extendleft(again)

    def _call(self, answer: Answer) -> ModelCall:
        sure = field_confidence(self._answer, answer.text, answer.logprobs) if answer.text else None
        return model_call(self._endpoint, answer, sure)

    def _hear(self, question: Question, text: str, sure: dict[str, float], model: str) -> list[Question]:
        """Judge an answer; an unsound first one is asked again, once, with what is wrong with it."""
        judged = judge(self._answer, text)
        if judged.values is None and question.attempt == 1:
            return [repair(question, text, judged.problem or "")]
        dialogue = self._dialogues[question.case_id]
        dialogue.model = model
        if judged.values is None:
            self._miss(question.case_id, "it does not fit the outcome's form")
        else:
            dialogue.samples.append(judged.values)
            dialogue.confidence = dialogue.confidence or sure
        return []

    def _miss(self, case_id: str, problem: str) -> None:
        dialogue = self._dialogues[case_id]
        dialogue.samples.append(None)
        dialogue.problem = problem

    def _proposals(self, case_ids: Iterable[str]) -> list[Proposal]:
        """Make the proposals of the cases whose last sample was just heard."""
        proposals = []
        for case_id in dict.fromkeys(case_ids):
            dialogue = self._dialogues[case_id]
            values = consensus(dialogue.samples) if dialogue.complete else None
            if values is None:
                continue
            fields = agreement(values, dialogue.samples) or dialogue.confidence
            sure = self._sure(fields, dialogue.before)
            proposals.append(self._proposal(dialogue.case, "ai", values, sure, fields, dialogue.model))
        return proposals

    def _sure(self, fields: dict[str, float], before: Proposal | None) -> float | None:
        """Take the lowest confidence of the required fields that this step answers, and of the steps before."""
        required = [name for name in self._process.review.required if name in self._answer.model_fields]
        return carried(fields, required, before.confidence if before else None, first=before is None)

    def _proposal(
        self,
        case: Case,
        kind: str,
        answer: Json,
        confidence: float | None,
        fields: dict[str, float],
        model: str | None,
        *,
        step: AiStep | None = None,
    ) -> Proposal:
        """Make the proposal of an answer: with what the steps before have said, and what follows by rule."""
        step = step or self._step
        dialogue = self._dialogues.get(case.id)
        before = dialogue.before if dialogue else None
        return Proposal(
            case_id=case.id,
            step=step.name,
            place=self._process.place(step.name),
            kind=kind,
            values=self._process.complete(case.input, (before.values if before else {}) | answer),
            confidence=confidence,
            field_confidence=(before.field_confidence if before else {}) | fields,
            evidence=before.evidence if before else {},
            model=model,
            sop_version=self._process.sop_version,
            prompt_version=step.prompt_version,
        )

    def _record(self, calls: Sequence[ModelCall], proposals: Sequence[Proposal]) -> None:
        if calls or proposals:
            keys = {proposal.case_id: self._process.business_key(proposal.values) for proposal in proposals}
            try:
                self._ledger.work.record(self._batch, calls, proposals, keys)
            except (LeaseLost, LedgerUnavailable):
                # The answers are paid; who holds the cases next finds them.
                self._keep(calls)
                raise

    def _keep(self, calls: Sequence[ModelCall]) -> None:
        """Record calls alone; a transaction whose connection was cut may have recorded them already."""
        stored = self._ledger.work.answers(call.key for call in calls)
        self._ledger.work.record(self._batch, [call for call in calls if call.key not in stored], [], {})


def standing_before(ledger: Ledger, batch: Batch, place: int) -> list[tuple[Case, Proposal | None]]:
    """Find the batch's cases that an AI step is next for, with what the step before it has proposed."""
    if place == 0:
        return [(case, None) for case in ledger.work.cases(batch, Status.CHECKED)]
    return list(ledger.work.behind(batch, place - 1))
