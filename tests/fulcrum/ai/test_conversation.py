"""Calls over a real loopback endpoint: every fault becomes an answer, and no more run at once than allowed."""

from __future__ import annotations

import json
import socket
import threading
from decimal import Decimal
from typing import Any

import pytest

from fulcrum.ai import line
from fulcrum.ai.check import Door
from fulcrum.ai.confidence import field_confidence
from fulcrum.ai.conversation import Conversation, ask_once
from fulcrum.ai.endpoint import Endpoint
from fulcrum.ai.prices import model_call
from fulcrum.ai.prompt import request
from fulcrum.ai.question import Answer, Fault, Question
from fulcrum.errors import EndpointMisconfigured


def question(endpoint: Endpoint, number: int = 0) -> Question:
    """Ask about a door, for the case of a number."""
    return request(endpoint, "Read.", Door, f"Door {number}").question(f"case{number}", "read")


def everything(conversation: Conversation) -> list[Answer]:
    """Take answers until none is outstanding."""
    taken: list[Answer] = []
    while arrived := conversation.arrivals():
        taken += arrived
    return taken


def test_an_answer_carries_all_that_the_ledger_records(faults: Any) -> None:
    """Text, tokens, model version, times and confidence come back, and the call is priced by the endpoint's prices."""
    endpoint = faults.endpoint("ok")
    answer = ask_once(endpoint, question(endpoint))
    assert (answer.text, answer.error, answer.model) == ('{"colour":"red","number":12}', None, "ok-v1")
    assert field_confidence(Door, answer.text or "", answer.logprobs).keys() == {"colour", "number"}
    call = model_call(endpoint, answer)
    assert (call.tokens_in, call.tokens_out, call.cost, call.currency) == (1000, 100, Decimal("0.0012"), "USD")
    assert call.asked_at.utcoffset() is not None
    assert call.seconds > 0


@pytest.mark.parametrize(
    ("behaviour", "fault", "transient"),
    [
        ("429", Fault.RATE_LIMITED, True),
        ("no-quota", Fault.REFUSED, True),
        ("500", Fault.SERVER_ERROR, True),
        ("503", Fault.SERVER_ERROR, True),
        ("html", Fault.SERVER_ERROR, True),
        ("401", Fault.REFUSED, True),
        ("404", Fault.REFUSED, True),
        ("408", Fault.TIMEOUT, True),
        ("400", Fault.BAD_REQUEST, False),
        ("422", Fault.BAD_REQUEST, False),
        ("cut", Fault.CUT, False),
        ("refusal", Fault.REFUSAL, False),
        ("filtered", Fault.REFUSAL, False),
        ("empty", Fault.NO_CONTENT, False),
        ("no-choices", Fault.NO_CONTENT, False),
    ],
)
def test_a_fault_is_an_answer_without_content(faults: Any, behaviour: str, fault: Fault, transient: bool) -> None:
    """Whatever goes wrong comes back as a short word, with nothing of what the endpoint said in it."""
    endpoint = faults.endpoint(behaviour)
    answer = ask_once(endpoint, question(endpoint))
    assert (answer.error, answer.text, answer.transient) == (fault, None, transient)
    assert "SECRET" not in repr(answer)
    assert "Door" not in repr(answer)


@pytest.mark.parametrize("behaviour", ["cut", "refusal", "empty"])
def test_a_useless_answer_is_paid(faults: Any, behaviour: str) -> None:
    """Tokens of an answer that does not count are on the bill."""
    endpoint = faults.endpoint(behaviour)
    assert model_call(endpoint, ask_once(endpoint, question(endpoint))).cost == Decimal("0.0012")


def test_the_client_waits_and_asks_again(faults: Any) -> None:
    """A 429 with Retry-After is repeated by the client and costs one answer."""
    endpoint = faults.endpoint("limited-once", retries=2)
    assert ask_once(endpoint, question(endpoint)).error is None
    assert faults.calls("limited-once") == 2


def test_a_hanging_endpoint_is_a_timeout(faults: Any) -> None:
    """An endpoint that takes the request and says nothing is given up after timeout_s."""
    endpoint = faults.endpoint("hang", timeout_s=0.2)
    assert ask_once(endpoint, question(endpoint)).error is Fault.TIMEOUT


def test_a_trickling_endpoint_is_a_timeout(faults: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply that keeps sending but never ends is bounded too."""
    monkeypatch.setattr(line, "WAITS_S", 0.0)
    endpoint = faults.endpoint("trickle", timeout_s=0.4)
    assert ask_once(endpoint, question(endpoint)).error is Fault.TIMEOUT


def test_the_embedded_model_is_asked_like_any_other(faults: Any) -> None:
    """The default endpoint answers through the same client, in this process, for nothing and without a key."""
    endpoint = Endpoint()
    answer = ask_once(endpoint, question(endpoint))
    assert answer.error is None
    assert set(json.loads(answer.text or "")) == {"colour", "number"}
    assert answer.counted
    assert model_call(endpoint, answer).cost == 0


def test_nobody_at_the_address_is_a_connection_fault(faults: Any) -> None:
    """A refused connection is told from a time-out."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        endpoint = faults.endpoint("gone", base_url=f"http://127.0.0.1:{held.getsockname()[1]}/v1")
        assert ask_once(endpoint, question(endpoint)).error is Fault.CONNECTION


def test_a_dropped_connection_is_a_connection_fault(faults: Any) -> None:
    """An endpoint that hangs up in the middle is no time-out."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            listener.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        endpoint = faults.endpoint("rude", base_url=f"http://127.0.0.1:{listener.getsockname()[1]}/v1")
        assert ask_once(endpoint, question(endpoint)).error is Fault.CONNECTION
        thread.join()


def test_missing_counts_are_estimated(faults: Any) -> None:
    """An endpoint that counts no tokens is still not free."""
    endpoint = faults.endpoint("uncounted")
    answer = ask_once(endpoint, question(endpoint))
    assert not answer.counted
    assert model_call(endpoint, answer).cost > 0


def test_no_more_calls_than_allowed_run_at_once(faults: Any) -> None:
    """Two conversations in two threads share the endpoint's places; each gets its own answers."""
    endpoint = faults.endpoint("slow", concurrency=4)
    got: dict[int, set[str]] = {}

    def talk(first: int) -> None:
        with Conversation(endpoint) as conversation:
            for number in range(first, first + 20):
                conversation.send(question(endpoint, number))
            got[first] = {answer.question.case_id for answer in everything(conversation)}

    threads = [threading.Thread(target=talk, args=(first,)) for first in (0, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert got == {first: {f"case{n}" for n in range(first, first + 20)} for first in (0, 100)}
    assert faults.most == 4


def test_several_threads_share_a_conversation(faults: Any) -> None:
    """Each answer goes to one of the threads that wait."""
    endpoint = faults.endpoint("slow", concurrency=8)
    got: list[str] = []
    with Conversation(endpoint) as conversation:
        for number in range(30):
            conversation.send(question(endpoint, number))
        threads = [
            threading.Thread(target=lambda: got.extend(a.question.case_id for a in everything(conversation)))
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
    assert sorted(got) == sorted(f"case{n}" for n in range(30))


def test_a_dead_endpoint_is_given_up(faults: Any) -> None:
    """After eight failures in a row what waits is unavailable without a call, and a later conversation tries again."""
    endpoint = faults.endpoint("500", concurrency=1)
    with Conversation(endpoint) as conversation:
        for number in range(30):
            conversation.send(question(endpoint, number))
        faults_seen = [answer.error for answer in everything(conversation)]
    assert faults_seen == [Fault.SERVER_ERROR] * 8 + [Fault.UNAVAILABLE] * 22
    assert faults.calls("500") == 8
    assert ask_once(endpoint, question(endpoint)).error is Fault.SERVER_ERROR


def test_a_success_in_between_keeps_the_line_open(faults: Any) -> None:
    """Only failures with nothing heard in between count."""
    endpoint = faults.endpoint("fails-except-8", concurrency=1)
    with Conversation(endpoint) as conversation:
        for number in range(20):
            conversation.send(question(endpoint, number))
        errors = [answer.error for answer in everything(conversation)]
    assert errors == [Fault.SERVER_ERROR] * 7 + [None] + [Fault.SERVER_ERROR] * 8 + [Fault.UNAVAILABLE] * 4


def test_refused_requests_do_not_count_as_failures(faults: Any) -> None:
    """An endpoint that answers 400 is there; each question is asked."""
    endpoint = faults.endpoint("400", concurrency=1)
    with Conversation(endpoint) as conversation:
        for number in range(12):
            conversation.send(question(endpoint, number))
        assert {answer.error for answer in everything(conversation)} == {Fault.BAD_REQUEST}


def test_leaving_cancels_what_is_outstanding(faults: Any) -> None:
    """Nothing is under way after the block, nothing more is taken, and the line still serves others."""
    endpoint = faults.endpoint("hang", concurrency=2)
    with Conversation(endpoint) as conversation:
        for number in range(5):
            conversation.send(question(endpoint, number))
        assert conversation.outstanding == 5
    assert conversation.outstanding == 0
    assert conversation.arrivals() == []
    with pytest.raises(RuntimeError, match="over"):
        conversation.send(question(endpoint))
    with Conversation(endpoint) as other:
        other.send(question(endpoint))
        assert other.arrivals(timeout=0.1) == []
        assert other.outstanding == 1


def test_an_answer_that_waits_is_outstanding(faults: Any) -> None:
    """A question counts until its answer is taken, so that a loop over `outstanding` loses none."""
    endpoint = faults.endpoint("ok")
    with Conversation(endpoint) as conversation:
        conversation.send(question(endpoint))
        with conversation._changed:
            assert conversation._changed.wait_for(lambda: conversation._arrived, timeout=20)
        assert conversation.outstanding == 1
        assert len(conversation.arrivals()) == 1
        assert conversation.outstanding == 0


def test_nothing_asked_is_nothing_to_wait_for(faults: Any) -> None:
    """Without an outstanding question there is nothing to wait for."""
    with Conversation(faults.endpoint("ok")) as conversation:
        assert conversation.arrivals() == []


def test_a_request_that_cannot_be_made_is_raised(faults: Any) -> None:
    """A fault of our own code reaches the caller; it is no answer."""
    endpoint = faults.endpoint("ok")
    broken = Question(case_id="c", step="s", key="k", body=question(endpoint).body | {"seed": object()})
    with Conversation(endpoint) as conversation:
        conversation.send(broken)
        with pytest.raises(TypeError, match="not JSON serializable"):
            conversation.arrivals()


def test_the_lines_can_be_closed_and_made_again(faults: Any) -> None:
    """Closing ends the loop's thread; the next conversation starts anew."""
    endpoint = faults.endpoint("ok")
    ask_once(endpoint, question(endpoint))
    line.close()
    assert all(thread.name != "fulcrum-model-calls" for thread in threading.enumerate())
    assert ask_once(endpoint, question(endpoint)).error is None


def test_conversations_share_one_line_by_the_endpoints_value(faults: Any) -> None:
    """Equal endpoints share client and places; another setting has its own."""
    _, first = line.connect(faults.endpoint("ok"))
    _, again = line.connect(faults.endpoint("ok"))
    _, other = line.connect(faults.endpoint("ok", concurrency=3))
    assert first is again
    assert first is not other


def test_a_key_is_needed_away_from_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key a remote endpoint is refused before any call, and the remedy is named."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(EndpointMisconfigured, match="OPENAI_API_KEY"):
        Conversation(Endpoint(name="far", base_url="https://api.openai.com/v1", model="gpt-4o-mini"))


def test_the_environments_key_is_read_at_use(faults: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that changes in the environment is used from the next conversation on; an own key wins."""
    endpoint = faults.endpoint("ok")
    for key in ("one", "two"):
        monkeypatch.setenv("OPENAI_API_KEY", key)
        ask_once(endpoint, question(endpoint))
    ask_once(faults.endpoint("ok", api_key="own"), question(endpoint))
    assert [body["authorization"] for body in faults.seen] == ["Bearer one", "Bearer two", "Bearer own"]
