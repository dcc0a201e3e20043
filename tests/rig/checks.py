"""The checks of a rig, each by the installed command alone."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import time
from typing import Any

from report import Failed, NotRun

# A build on the smallest device takes some minutes, and then all tactics are tried anew in single precision.
COMMAND_SECONDS_MAX = 2 * 3_600
# What half precision may make of a probability: `inference::golden::HALF_TOLERANCE`.
HALF_APART_MAX = 0.02
# Single precision on another device: sums in another order.
SINGLE_APART_MAX = 0.001
PRECISIONS = ("half", "single")


class Rig:
    """The command, how it is set up, and where what it says is kept."""

    def __init__(self, program: str, engine: str, out: pathlib.Path, images: int, model: list[str]) -> None:
        self.program, self.engine, self.out, self.images, self.model = program, engine, out, images, model
        self.calls = 0
        for precision in PRECISIONS:
            folder = json.dumps(str(self.plans(precision)))
            self.config(precision).write_text(
                f"state_dir = {json.dumps(str(out / 'state'))}\n[engine]\nname = \"{engine}\"\n"
                f"[engine.nvidia]\nprecision = \"{precision}\"\ncache_folder = {folder}\n"
            )

    def config(self, precision: str) -> pathlib.Path:
        """The configuration file for a precision."""
        return self.out / f"{precision}.toml"

    def plans(self, precision: str) -> pathlib.Path:
        """Where plans for a precision are kept."""
        return self.out / f"plans-{precision}"

    def run(self, *arguments: str, engine: str | None = None) -> tuple[int, str, str]:
        """Runs the command: its exit code and what it says on standard output and standard error."""
        environment = {**os.environ, "MAMORU_ENGINE": engine} if engine else {**os.environ}
        if not engine:
            environment.pop("MAMORU_ENGINE", None)
        self.calls += 1
        command = [self.program, *arguments]
        ended = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=COMMAND_SECONDS_MAX, check=False
        )
        log = self.out / "log" / f"{self.calls:04}.txt"
        log.parent.mkdir(exist_ok=True)
        log.write_text(f"{command}\nexit code {ended.returncode}\n{ended.stdout}\n{ended.stderr}\n")
        return ended.returncode, ended.stdout, ended.stderr

    def ask(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Runs the command with --json: its exit code and its document."""
        code, output, errors = self.run(*arguments, "--json")
        try:
            return code, json.loads(output)
        except ValueError:
            raise Failed(f"exit code {code}: {last_line(errors) or 'no JSON'}") from None

    def needs_gpu(self) -> None:
        """Ends a check that says nothing of the CPU engine."""
        if self.engine != "nvidia":
            raise NotRun("the CPU engine has no plan and no other precision")


def last_line(text: str) -> str:
    """What was said last."""
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""


def probe(rig: Rig) -> tuple[str, Any]:
    """Everything that the engine needs is found."""
    code, found = rig.ask("engine", "probe", "--config", str(rig.config("half")))
    if code != 0 or not found["ok"]:
        raise Failed(found["why"])
    return f"{found['engine']}: {found['why']}", found["steps"]


def environment(rig: Rig) -> tuple[str, Any]:
    """An engine that is none is refused, however it is named."""
    code, _, errors = rig.run("engine", "probe", engine="nonsense")
    if code != 3 or "MAMORU_ENGINE" not in errors:
        raise Failed(f"exit code {code}: {last_line(errors)}")
    return "refused", None


def build(rig: Rig, precision: str, cached: bool) -> tuple[str, Any]:
    """The plan is built, or is there already."""
    rig.needs_gpu()
    code, built = rig.ask("engine", "build", "--config", str(rig.config(precision)), *rig.model)
    if code != 0:
        raise Failed(f"exit code {code}")
    if built["cached"] != cached:
        raise Failed("it was built again" if cached else "it was there already")
    return f"{'there already' if cached else 'built'}, {built['seconds']:.1f} s, {built['plan_bytes']} bytes", built


def rebuild(rig: Rig) -> tuple[str, Any]:
    """Of a plan of which one byte is wrong nothing is used: it is built again."""
    rig.needs_gpu()
    files = list(rig.plans("half").rglob("*.plan"))
    if not files:
        raise Failed("there is no plan to damage")
    for path in files:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    return build(rig, "half", cached=False)


def conformance(rig: Rig, precision: str) -> tuple[str, Any]:
    """The suite of `inference::conformance`, and the model's golden vectors."""
    if precision != "half":
        rig.needs_gpu()
    code, checked = rig.ask("engine", "check", "--config", str(rig.config(precision)), *rig.model)
    failed = [check for check in checked["checks"] if check["verdict"] != "passed"]
    if code != 0 or not checked["ok"] or failed:
        raise Failed("; ".join(f"{check['name']}: {check['text']}" for check in failed) or f"exit code {code}")
    limit = HALF_APART_MAX if rig.engine == "nvidia" and precision == "half" else SINGLE_APART_MAX
    apart = checked["golden"]["probability"]
    if not apart <= limit:
        raise Failed(f"a golden probability is {apart:.1e} apart, {limit} is allowed")
    return "; ".join(check["text"] for check in checked["checks"]), checked["golden"]


def study(rig: Rig, folder: pathlib.Path | None) -> tuple[str, Any]:
    """A study's images are scored as on the CPU, whichever precision is used, and are scored, excluded or failed alike."""
    rig.needs_gpu()
    if folder is None:
        raise NotRun("no --study was given")
    reference = images_of(rig, folder, "half", "cpu")
    figures = {}
    for precision, limit in zip(PRECISIONS, (HALF_APART_MAX, SINGLE_APART_MAX)):
        found = images_of(rig, folder, precision, "nvidia")
        if found.keys() != reference.keys():
            raise Failed(f"{precision}: other files than on the CPU")
        apart = 0.0
        for file, (outcome, score, engine) in found.items():
            if outcome != reference[file][0]:
                raise Failed(f"{precision}: {file} is {outcome}, on the CPU {reference[file][0]}")
            if outcome == "scored":
                if engine != "nvidia":
                    raise Failed(f"{precision}: {file} was scored by {engine}")
                apart = max(apart, abs(score - reference[file][1]))
        figures[precision] = {"images": len(found), "apart_max": apart}
        if not apart <= limit:
            raise Failed(f"{precision}: a score is {apart:.1e} apart, {limit} is allowed")
    return f"{len(reference)} images, scores apart at the most {figures['half']['apart_max']:.1e}", figures


def images_of(rig: Rig, folder: pathlib.Path, precision: str, engine: str) -> dict[str, tuple[str, float, str]]:
    """Outcome, score and engine of each file of a study."""
    configuration = ("--config", str(rig.config(precision)), "--engine", engine)
    code, report = rig.ask("analyze", str(folder), *configuration, *rig.model)
    images = [image for study in report["studies"] for image in study["images"]]
    scored = sum(image["outcome"] == "scored" for image in images)
    if code not in (0, 5) or scored == 0:
        raise Failed(f"{engine}: exit code {code}, {scored} images scored")
    return {image["file"]: (image["outcome"], image.get("score"), image.get("engine", "")) for image in images}


def bench(rig: Rig, mode: str | None) -> tuple[str, Any]:
    """How long each stage takes, in a power mode."""
    if mode is not None:
        switched = subprocess.run(["nvpmodel", "-m", mode], capture_output=True, text=True, input="no\n", check=False)
        if switched.returncode != 0:
            raise NotRun(f"nvpmodel: {last_line(switched.stderr or switched.stdout)}")
    options = ("--images", str(rig.images), "--config", str(rig.config("half")))
    code, measured = rig.ask("engine", "bench", *options, *rig.model)
    if code != 0:
        raise Failed(f"exit code {code}")
    if measured["engine"] != {"nvidia": "nvidia", "cpu": "tract"}[rig.engine]:
        raise Failed(f"scored by {measured['engine']}")
    total = next(stage for stage in measured["stages"] if stage["name"] == "total")
    rate = measured["images_per_second"]
    return f"p50 {total['p50_ms']:.1f} ms, p99 {total['p99_ms']:.1f} ms, {rate:.2f} images/s", measured


def soak(rig: Rig, minutes: float) -> tuple[str, Any]:
    """Over a long time the engine says the same, and nothing ends."""
    if minutes <= 0:
        raise NotRun("no --soak was given")
    until = time.monotonic() + minutes * 60
    first, rounds, rates, hottest = None, 0, [], None
    while time.monotonic() < until:
        _, golden = conformance(rig, "half")
        first = first or golden
        if golden != first:
            raise Failed(f"round {rounds}: golden vectors give {golden}, at first {first}")
        _, measured = bench(rig, None)
        rates.append(measured["images_per_second"])
        hottest = max((degrees for degrees in (hottest, temperature()) if degrees is not None), default=None)
        rounds += 1
    figures = {"rounds": rounds, "images_per_second": [min(rates), max(rates)], "celsius_max": hottest}
    return f"{rounds} rounds, {min(rates):.2f} to {max(rates):.2f} images/s", figures


def temperature() -> float | None:
    """The hottest zone, in degrees Celsius."""
    found = []
    for zone in pathlib.Path("/sys/class/thermal").glob("thermal_zone*/temp"):
        # A zone that is switched off has no temperature.
        try:
            found.append(int(zone.read_text()) / 1_000)
        except (OSError, ValueError):
            continue
    return max(found, default=None)
