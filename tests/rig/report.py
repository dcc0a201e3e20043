"""What a run on a rig came to: a verdict for each check, as JSON and as JUnit's XML."""

from __future__ import annotations

import json
import pathlib
import time
import xml.etree.ElementTree as xml
from collections.abc import Callable
from typing import Any

PASSED, FAILED, NOT_RUN = "passed", "failed", "not run"


class Failed(Exception):
    """The check was run, and what it looks at is wrong."""


class NotRun(Exception):
    """The check cannot be run here; the text says why."""


class Report:
    """The checks so far."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self.facts = facts
        self.checks: list[dict[str, Any]] = []

    def check(self, name: str, work: Callable[[], tuple[str, Any]]) -> bool:
        """Runs `work`, which gives a text and figures. Says whether it passed."""
        begun = time.monotonic()
        figures = None
        try:
            text, figures = work()
            verdict = PASSED
        except NotRun as reason:
            verdict, text = NOT_RUN, str(reason)
        # A check that breaks has not shown what it is to show.
        except Exception as error:
            verdict, text = FAILED, str(error) if isinstance(error, Failed) else f"{type(error).__name__}: {error}"
        seconds = round(time.monotonic() - begun, 3)
        self.checks.append({"name": name, "verdict": verdict, "text": text, "seconds": seconds, "figures": figures})
        print(f"{name}: {verdict}: {text}", flush=True)
        return verdict == PASSED

    def count(self, verdict: str) -> int:
        """How many checks ended so."""
        return sum(check["verdict"] == verdict for check in self.checks)

    def write(self, folder: pathlib.Path) -> bool:
        """Writes `results.json` and `junit.xml`. Says whether something passed and nothing failed."""
        is_good = self.count(PASSED) > 0 and self.count(FAILED) == 0
        document = {**self.facts, "ok": is_good, "checks": self.checks}
        (folder / "results.json").write_text(json.dumps(document, indent=2) + "\n")
        suite = xml.Element("testsuite", name="mamoru rig", tests=str(len(self.checks)))
        suite.set("failures", str(self.count(FAILED)))
        suite.set("skipped", str(self.count(NOT_RUN)))
        for check in self.checks:
            case = xml.SubElement(suite, "testcase", classname="rig", name=check["name"], time=str(check["seconds"]))
            if check["verdict"] == FAILED:
                xml.SubElement(case, "failure", message=printable(check["text"]))
            elif check["verdict"] == NOT_RUN:
                xml.SubElement(case, "skipped", message=printable(check["text"]))
            xml.SubElement(case, "system-out").text = printable(json.dumps(check["figures"]))
        xml.ElementTree(suite).write(folder / "junit.xml", encoding="utf-8", xml_declaration=True)
        return is_good


def printable(text: str) -> str:
    """The text without what XML cannot hold."""
    return "".join(character if character >= " " or character in "\t\n" else "?" for character in text)
