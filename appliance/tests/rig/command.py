#!/usr/bin/env python3
"""Says what `mamoru` would say on an NVIDIA device, for the tests of the rig. `FAULT` in the environment breaks one thing."""

import json
import os
import pathlib
import sys
import tomllib

FAULT = os.environ.get("FAULT", "")
arguments = sys.argv[1:]


def value_of(option: str) -> str | None:
    return arguments[arguments.index(option) + 1] if option in arguments else None


def say(document: dict, code: int = 0) -> None:
    print(json.dumps(document))
    sys.exit(code)


def build(plans: pathlib.Path) -> None:
    plans.mkdir(exist_ok=True)
    plan = plans / "a.plan"
    sound = b"plan" * 4_096
    cached = plan.exists() and (plan.read_bytes() == sound or FAULT == "damage")
    if FAULT == "cache":
        cached = False
    plan.write_bytes(sound)
    say({"cached": cached, "seconds": 95.0, "plan_bytes": len(sound)})


def analyze(engine: str, precision: str) -> None:
    apart = {"half": 1e-3, "single": 1e-5}[precision] if engine == "nvidia" else 0.0
    name = "tract" if engine == "cpu" else "tract in place of nvidia" if FAULT == "silence" else "nvidia"
    if FAULT == "scores" and engine == "nvidia":
        apart = 0.5
    scored = {"file": "a.dcm", "outcome": "scored", "score": 0.25 + apart, "engine": name}
    other = {"file": "b.dcm", "outcome": "failed" if FAULT == "outcome" and engine == "nvidia" else "excluded"}
    say({"studies": [{"images": [scored, other]}]})


def main() -> None:
    if arguments == ["--version"]:
        print("mamoru 0")
        return
    if os.environ.get("MAMORU_ENGINE") == "nonsense":
        print("mamoru: MAMORU_ENGINE: no engine", file=sys.stderr)
        sys.exit(0 if FAULT == "environment" else 3)
    config = tomllib.loads(pathlib.Path(value_of("--config") or "").read_text())
    nvidia = config["engine"]["nvidia"]
    if arguments[0] == "analyze":
        analyze(value_of("--engine") or "", nvidia["precision"])
    match arguments[1]:
        case "probe":
            found = FAULT != "probe"
            say({"ok": found, "engine": "nvidia", "why": "as the test wants it", "steps": []}, 0 if found else 1)
        case "build":
            build(pathlib.Path(nvidia["cache_folder"]))
        case "check":
            verdict = "failed" if FAULT == "check" else "passed"
            golden = {"logit": 0.0, "probability": 0.5 if FAULT == "golden" else 1e-4, "map": 0.0}
            checks = [{"name": "suite", "verdict": verdict, "text": "a <rule> & \u0007"}]
            say({"ok": verdict == "passed", "checks": checks, "golden": golden}, 0 if verdict == "passed" else 1)
        case "bench":
            if FAULT == "bench":
                print("mamoru: it fell off the bus", file=sys.stderr)
                sys.exit(1)
            stages = [{"name": "total", "p50_ms": 20.0, "p99_ms": 21.0, "max_ms": 22.0}]
            say({"engine": "nvidia", "images_per_second": 50.0, "stages": stages})


main()
