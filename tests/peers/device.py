"""The device under test as a process of its own, and what all peers need: ports, waiting, programs that end."""

import json
import pathlib
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable
from typing import Any

# Analyses of full-size images on a shared machine.
WAIT_SECONDS = 180


def wait_for(what: str, look: Callable[[], Any]) -> Any:
    """The first true value of `look`."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not (found := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited in vain for {what}")
        time.sleep(0.05)
    return found


def free_port() -> int:
    """A port that nobody listens on, for programs that cannot choose one themselves."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def is_listening(port: int) -> bool:
    """Does somebody?"""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def rest(port: int, path: str, body: bytes | None = None, method: str | None = None) -> object:
    """Orthanc's answer."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body, method=method)
    with urllib.request.urlopen(request, timeout=120) as response:
        text = response.read()
    return json.loads(text) if text else None


class Program:
    """A process that is ended by its id when its block ends."""

    def __init__(self, *command: str | pathlib.Path | int, log: pathlib.Path) -> None:
        self.log = log
        with open(log, "wb") as output:
            self.process = subprocess.Popen([str(word) for word in command], stdout=output, stderr=output)

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def wait_until_listening(self, port: int) -> None:
        """Waits, as long as the process lives."""

        def look() -> bool:
            assert self.process.poll() is None, f"ended at once: {self.log.read_text(errors='replace')}"
            return is_listening(port)

        wait_for(f"port {port}", look)


class Device(Program):
    """`mamoru serve` with state, reports and configuration below `folder`; `more` goes on in the destination `peer`."""

    def __init__(self, program: str, folder: pathlib.Path, called_ae: str, port: int, more: str = "") -> None:
        self.program, self.config = program, folder / "mamoru.toml"
        self.reports = folder / "reports"
        self.config.write_text(f"""
            state_dir = "{folder / "state"}"
            model = "untrained"
            [receiver]
            listen = "127.0.0.1:0"
            [assembly]
            settle_ms = 100
            quiet_ms = 3000
            [[destinations]]
            name = "folder"
            folder = "{self.reports}"
            [[destinations]]
            name = "peer"
            address = "127.0.0.1:{port}"
            called_ae = "{called_ae}"
            retry = {{ first_ms = 200, longest_ms = 1000, attempts_max = 5 }}
            {more}
        """)
        super().__init__(program, "serve", "--json", "--config", self.config, log=folder / "mamoru.log")
        ready = wait_for("the device", lambda: [line for line in self.log_lines() if line.startswith('{"')])
        self.port = int(json.loads(ready[0])["listen"].rsplit(":", 1)[1])

    def __exit__(self, *_: object) -> None:
        super().__exit__(*_)
        assert self.process.returncode == 0, f"the device ended with {self.process.returncode}"

    def log_lines(self) -> list[str]:
        """What it has printed; the last line may be half."""
        assert self.process.poll() is None, f"the device ended: {self.log.read_text(errors='replace')}"
        return self.log.read_text(errors="replace").split("\n")[:-1]

    def status(self) -> dict:
        """`mamoru status`."""
        command = [self.program, "status", "--json", "--config", self.config]
        return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)

    def queue(self) -> list[dict]:
        """`mamoru queue`, with what is delivered."""
        command = [self.program, "queue", "--all", "--json", "--config", self.config]
        return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["deliveries"]

    def settle(self, instances: int) -> list[dict]:
        """Waits until so many instances are reported and every result is delivered; the last report of each study."""

        def look() -> bool:
            queue = self.status()["queue"]
            assert queue["deliveries_parked"] == 0, f"results are parked: {self.status()['destinations']}"
            is_sent = not queue["deliveries_due"] and not queue["deliveries_uncommitted"]
            return queue["decided"] == instances and not queue["studies_open"] and is_sent

        wait_for(f"{instances} instances to be reported and delivered", look)
        last: dict[str, dict] = {}
        for file in self.reports.glob("*.json"):
            for study in json.loads(file.read_text())["studies"]:
                if study["revision"] > last.get(study["study"], {"revision": 0})["revision"]:
                    last[study["study"]] = study
        return list(last.values())
