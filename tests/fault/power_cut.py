"""Cuts the power of a receiver under load, again and again, and checks that nothing acknowledged is lost.

usage: power_cut.py POWER_CUT_PROGRAM [CUTS] [SEED]

The program's state folder lies on an ext4 file system of its own, in an image on a loop device. A cut: the process is
stopped, what it has said is read, the file system is shut down without flushing its journal (EXT4_IOC_SHUTDOWN), so that
everything in the page cache is lost, and the process is killed; then the file system is mounted again, which replays
the journal, and the program opens its state and says what is there with all its bytes. Every `ack` and `report` that was
said before any cut must be there.

Kinder than reality in one way: what the drive itself holds in its cache is kept. Needs root and loop devices; without
them it prints "not run: ..." and ends with code 0.
"""

import contextlib
import fcntl
import os
import pathlib
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

IMAGE_BYTES = 1 << 30
# linux/fs/ext4/ext4.h: _IOR('X', 125, __u32), EXT4_GOING_FLAGS_NOLOGFLUSH
EXT4_IOC_SHUTDOWN = 0x8004587D
NOLOGFLUSH = 2
# From "ready" to the cut.
SECONDS_MIN, SECONDS_MAX = 0.3, 2.0
WAIT_SECONDS = 60


class Disk:
    """An ext4 file system on a loop device."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.image, self.mounted_at = folder / "disk.img", folder / "disk"
        self.mounted_at.mkdir()
        with open(self.image, "wb") as image:
            image.truncate(IMAGE_BYTES)
        subprocess.run(["mkfs.ext4", "-q", self.image], check=True, capture_output=True)

    def mount(self) -> None:
        subprocess.run(["mount", "-o", "loop", self.image, self.mounted_at], check=True, capture_output=True)

    def cut(self) -> None:
        """Everything that is not on the disk is lost; every access fails from now on."""
        folder = os.open(self.mounted_at, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, EXT4_IOC_SHUTDOWN, struct.pack("I", NOLOGFLUSH))
        finally:
            os.close(folder)

    def unmount(self) -> None:
        # The kernel lets go of a killed process's files a little after its end.
        wait_for("unmounting", lambda: subprocess.run(["umount", self.mounted_at], capture_output=True).returncode == 0)


class Victim:
    """The program under load, and what it has said."""

    def __init__(self, program: str, state: pathlib.Path, seed: int) -> None:
        self.process = subprocess.Popen(
            [program, "store", state, str(seed)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.said = b""
        os.set_blocking(self.process.stdout.fileno(), False)
        wait_for("the program to be ready", lambda: self.listen() or b"ready\n" in self.said)

    def listen(self) -> None:
        """Takes what was said since; no more than there is."""
        while chunk := self.process.stdout.read(1 << 16):
            self.said += chunk
        assert self.process.poll() is None, f"the program ended by itself: {self.process.stderr.read().decode()}"

    def run_for(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.listen()
            time.sleep(0.002)

    def freeze(self) -> None:
        """Stops it where it stands: what it says after the cut must not count, what it said before must."""
        self.process.send_signal(signal.SIGSTOP)
        stat = pathlib.Path(f"/proc/{self.process.pid}/stat")
        wait_for("the program to stop", lambda: stat.read_text().rsplit(")", 1)[1].split()[0] in "Tt")
        self.listen()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def lines(self) -> set[str]:
        """Whole lines that are promises."""
        whole = self.said.decode().split("\n")[:-1]
        return {line for line in whole if line.startswith(("ack ", "report "))}


def wait_for(what: str, condition) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited in vain for {what}")
        time.sleep(0.01)


def why_not() -> str | None:
    """Why power cannot be cut here."""
    if os.geteuid() != 0:
        return "needs root and loop devices"
    with tempfile.TemporaryDirectory() as folder:
        try:
            disk = Disk(pathlib.Path(folder))
            disk.mount()
        except (OSError, subprocess.CalledProcessError):
            return "needs loop devices and ext4"
        try:
            disk.cut()
        except OSError:
            return "needs an ext4 that can be shut down"
        finally:
            disk.unmount()
    return None


@contextlib.contextmanager
def new_disk() -> Iterator[Disk]:
    """A mounted disk, unmounted and removed in the end."""
    with tempfile.TemporaryDirectory() as folder:
        disk = Disk(pathlib.Path(folder))
        disk.mount()
        try:
            yield disk
        finally:
            disk.unmount()


def one_cut(program: str, disk: Disk, seed: int, chance: random.Random) -> tuple[set[str], str]:
    """What was promised before the cut, and what the program says of its state after it."""
    state = disk.mounted_at / "state"
    victim = Victim(program, state, seed)
    try:
        victim.run_for(chance.uniform(SECONDS_MIN, SECONDS_MAX))
        victim.freeze()
        disk.cut()
    finally:
        victim.kill()
    disk.unmount()
    disk.mount()
    check = subprocess.run([program, "check", state], capture_output=True, text=True)
    assert check.returncode == 0, f"the state cannot be opened: {check.stderr}"
    return victim.lines(), check.stdout


def main() -> None:
    program = os.path.abspath(sys.argv[1])
    cuts, seed = (int(text) for text in (sys.argv[2:] + ["10", "7"][len(sys.argv) - 2 :]))
    if why := why_not():
        print(f"not run: power cuts: {why}")
        return
    begun = time.monotonic()
    promised: set[str] = set()
    lost, corrupt, repaired = 0, 0, 0
    with new_disk() as disk:
        for cut in range(cuts):
            said, found = one_cut(program, disk, seed * 1000 + cut, random.Random(seed * 1000 + cut))
            promised |= said
            missing = promised - set(found.splitlines())
            lines = found.splitlines()
            corrupt += "corrupt" in lines
            repaired += sum("repaired" in line and "admitted=0 missing=0 unfinished=0" not in line for line in lines)
            if missing:
                lost += len(missing)
                print(f"seed {seed}, cut {cut}: {len(missing)} lost, for instance {sorted(missing)[:3]}", flush=True)
                promised -= missing
    acks = sum(line.startswith("ack ") for line in promised)
    print(
        f"{cuts} power cuts (seed {seed}) in {time.monotonic() - begun:.0f} s: {acks} instances and "
        f"{len(promised) - acks} reports acknowledged, {lost} lost, {corrupt} databases lost, {repaired} states repaired"
    )
    sys.exit(lost > 0 or corrupt > 0 or not promised)


if __name__ == "__main__":
    main()
