"""The plain loop: asyncio, the openai client on aiohttp, a semaphore, results into SQLite as they arrive."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.contenders.work import PROMPT, arguments, messages, open_results, read, report, request

if TYPE_CHECKING:
    from openai import AsyncOpenAI


async def main() -> None:
    """Do the work."""
    from openai import AsyncOpenAI, DefaultAioHttpClient

    chosen = arguments(__doc__)
    documents = read(chosen.source)
    client = AsyncOpenAI(
        api_key="none", base_url=chosen.address, http_client=DefaultAioHttpClient(trust_env=False), max_retries=2
    )
    answers: asyncio.Queue[tuple[str, str] | None] = asyncio.Queue()
    first = time.time()
    writer = asyncio.create_task(_write(chosen.home, answers))
    await _ask_all(client, documents, chosen.concurrency, answers)
    await answers.put(None)
    await writer
    report(first, time.time())
    await client.close()


async def _ask_all(
    client: AsyncOpenAI, documents: list[dict[str, str]], concurrency: int, answers: asyncio.Queue[Any]
) -> None:
    from flows.invoice_intake.documents import Invoice

    places = asyncio.Semaphore(concurrency)
    prompt, shared = PROMPT.read_text(encoding="utf-8"), request()

    async def ask(document: dict[str, str]) -> None:
        async with places:
            reply = await client.chat.completions.create(messages=messages(prompt, document["text"]), **shared)
        outcome = Invoice.model_validate_json(reply.choices[0].message.content or "")
        await answers.put((document["id"], outcome.model_dump_json()))

    await asyncio.gather(*(ask(document) for document in documents))


async def _write(home: Path, answers: asyncio.Queue[tuple[str, str] | None]) -> None:
    """Commit whatever has arrived, in a thread, as soon as the last commit is done."""
    results = open_results(home)
    over = False
    while not over:
        some = [await answers.get()]
        while not answers.empty():
            some.append(answers.get_nowait())
        over = None in some
        await asyncio.to_thread(_commit, results, [answer for answer in some if answer])


def _commit(results: Any, some: list[tuple[str, str]]) -> None:
    with results:
        results.executemany("INSERT INTO results VALUES (?, ?)", some)


if __name__ == "__main__":
    asyncio.run(main())
