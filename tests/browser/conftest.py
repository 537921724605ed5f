"""A real browser on the real server, with a real worker that takes the answers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Start Chromium, or skip for want of it; where it is required (FULCRUM_REQUIRE_BROWSER=1), fail.

    It ends with its module: Playwright leaves an event loop running in the thread, in which Prefect's sync calls and
    asyncio.run of other tests would fail.
    """
    if not CHROMIUM.exists():
        message = f"no Chromium at {CHROMIUM}"
        if os.environ.get("FULCRUM_REQUIRE_BROWSER") == "1":
            pytest.fail(message)
        pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """Open a window of its own for a test; what it waits for may take a minute on a busy machine."""
    context = chromium.new_context(viewport={"width": 1280, "height": 1400}, locale="en-GB", timezone_id="UTC")
    context.set_default_timeout(60_000)
    page = context.new_page()
    yield page
    context.close()


@pytest.fixture(scope="module")
def seal(prefect_server: Any) -> Any:
    """Give what opens reviewers' secrets; loaded in a thread without Playwright's event loop."""
    from tasks.review_keys import reviewers_seal

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(copy_context().run, reviewers_seal).result()


@pytest.fixture(scope="module")
def reviews_worker(chromium: Any, prefect_server: Any) -> Iterator[None]:
    """Run the review desk's worker of the pool `reviews` while the browser's tests run."""
    from deployments.stack import ReviewWorker
    from fulcrum.settings import settings

    worker = ReviewWorker(settings(), prefect_server.url, pool="reviews", limit=2)
    worker.start()
    yield
    worker.stop()


@pytest.fixture
def keep_screenshot(tmp_path: Path) -> Any:
    """Give a function that takes a screenshot, into FULCRUM_SCREENSHOTS or else into a temporary folder."""
    folder = Path(os.environ.get("FULCRUM_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)

    def keep(page: Any, name: str) -> Path:
        path = folder / f"{name}.png"
        page.screenshot(path=path)
        return path

    return keep
