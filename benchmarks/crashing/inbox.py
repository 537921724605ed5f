"""The messages of the crash test: each names its reference, most of them clear, and one in twelve needs a person."""

from __future__ import annotations

import json
from pathlib import Path

PROCESS = "ticket-triage"
CLEAR = """Hello, the coffee machine in our office has not been heating since this morning, the water stays cold.
Could you please send somebody? Kind regards, the kitchen of the third floor.
Reference {reference}
"""
FOREIGN = """Buongiorno, la macchina del caffè del nostro ufficio non scalda più da questa mattina e l'acqua resta
fredda.
Potete mandare qualcuno a ripararla, per favore? Cordiali saluti dalla cucina del terzo piano.
Reference {reference}
"""
"""In a language that the desk does not answer in, so that it goes to a person."""
ONE_IN = 12


class Inbox:
    """A folder that messages arrive in, a file at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir()
        self.arrived = 0

    def arrive(self, count: int) -> str:
        """Let so many further messages arrive in a file of their own; give its path."""
        file = self.folder / f"messages-{self.arrived:06}.jsonl"
        references = [f"C{number:06}" for number in range(self.arrived, self.arrived + count)]
        file.write_text("".join(json.dumps(_message(each)) + "\n" for each in references), encoding="utf-8")
        self.arrived += count
        return str(file)


def _message(reference: str) -> dict[str, str]:
    foreign = int(reference[1:]) % ONE_IN == 0
    return {"id": reference, "text": (FOREIGN if foreign else CLEAR).format(reference=reference)}
