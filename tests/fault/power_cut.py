#!/usr/bin/env python3
"""Cuts the power of a file system under the queue, again and again, and holds its promises against what is left.

A cut: the child is stopped, what it said so far is read, the file system is shut down without writing its journal
(EXT4_IOC_SHUTDOWN), the child is killed, and the image is mounted anew. Everything that the child had promised must be
there. Kinder than a real cut: the drive's own cache is not lost and no sector is torn.

usage: power_cut.py ENDURE_PROGRAM [CUTS] [SEED]
"""

import fcntl
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time

IMAGE_BYTES = 192 << 20
# _IOR('X', 125, __u32) and EXT4_GOING_FLAGS_NOLOGFLUSH, linux/ext4.h.
EXT4_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def not_run(why):
    print(f"not run: simulated power cuts: {why}")
    sys.exit(0)


def mount(image, folder):
    run("mount", "-o", "loop", image, folder)


def shut_down(folder):
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.ioctl(handle, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
    finally:
        os.close(handle)


def one_cut(program, image, folder, seconds):
    """Lets the child work for a while, cuts, and returns the lines that it had said."""
    child = subprocess.Popen([program, "work", os.path.join(folder, "state")], stdout=subprocess.PIPE)
    # The first promise means that the state is open; from then on the time counts.
    said = child.stdout.readline()
    time.sleep(seconds)
    child.send_signal(signal.SIGSTOP)
    os.set_blocking(child.stdout.fileno(), False)
    while True:
        try:
            more = os.read(child.stdout.fileno(), 1 << 20)
        except BlockingIOError:
            break
        if not more:
            break
        said += more
    shut_down(folder)
    child.kill()
    child.wait()
    run("umount", folder)
    mount(image, folder)
    # A line that was cut in half was not a promise yet.
    return said[: said.rfind(b"\n") + 1]


def main():
    program = os.path.abspath(sys.argv[1])
    cuts = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    if os.geteuid() != 0:
        not_run("needs root")
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as work:
        image, folder = os.path.join(work, "image"), os.path.join(work, "mounted")
        os.mkdir(folder)
        with open(image, "wb") as file:
            file.truncate(IMAGE_BYTES)
        try:
            run("mkfs.ext4", "-q", "-F", image)
            mount(image, folder)
        except (OSError, subprocess.CalledProcessError) as error:
            not_run(f"no loop device with ext4 ({error})")
        try:
            said = b""
            for cut in range(cuts):
                said += one_cut(program, image, folder, chance.uniform(0.05, 1.5))
                judged = subprocess.run(
                    [program, "judge", os.path.join(folder, "state")], input=said, capture_output=True, check=False
                )
                if judged.returncode != 0:
                    sys.exit(f"cut {cut + 1} with seed {seed}: {judged.stderr.decode()}")
                print(f"cut {cut + 1}: {judged.stdout.decode().strip()}")
        finally:
            subprocess.run(["umount", folder], check=False, stderr=subprocess.DEVNULL)
    print(f"{cuts} cuts, nothing promised was lost")


if __name__ == "__main__":
    main()
