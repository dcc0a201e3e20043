"""The trainer from pictures to the appliance, on a small set that this script makes: fit, SIGKILL, fit --resume, and an
uninterrupted run to compare with, evaluate, pack, and `mamoru analyze` on the same DICOM files.

usage: trainer_smoke.py MAMORU_TRAIN MAMORU WRITE_EXAM WORK
Needs pydicom. LIBTORCH names the library of MAMORU_TRAIN. The full disk needs root, and is printed as not run without it.
"""

import csv
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

import pydicom

ENVIRONMENT = {**os.environ, "LD_LIBRARY_PATH": f"{os.environ['LIBTORCH']}/lib"}
SETTINGS = {
    "threads": 1, "preprocess.input": "{rows=96, columns=48}", "network.topology": "efficientnet_b0",
    "network.trained_from": "features.0", "network.dropout": 0.2, "batch.breasts": 4, "training.epochs": 3,
    "optimiser.average_decay": 0.9, "optimiser.rate": 1e-3, "data.background": "black",
}


def picture(path: pathlib.Path, generator: random.Random, spot: bool) -> None:
    """A breast on the left with some texture, and a bright spot in it if it is to have one."""
    rows, columns = 192, 96
    middle = (generator.randrange(50, 140), generator.randrange(10, 30))
    pixels = bytearray()
    for row in range(rows):
        edge = 60 - abs(row - 96) // 3
        for column in range(columns):
            value = 80 + generator.randrange(30) if column < edge else 0
            if spot and (row - middle[0]) ** 2 + (column - middle[1]) ** 2 < 60:
                value = 240
            pixels.append(value)
    path.write_bytes(b"P5\n%d %d\n255\n" % (columns, rows) + bytes(pixels))


def make_data(folder: pathlib.Path, write_exam: str) -> list[pathlib.Path]:
    """24 patients with two pictures each, a quarter of them for validation, and the phantom's four DICOM files, also for
    validation. Gives the DICOM files."""
    folder.mkdir(parents=True)
    generator = random.Random(1)
    lines = ["file,patient_id,laterality,cancer,split,view"]
    for patient in range(24):
        split = "validation" if patient % 4 == 3 else "train"
        for view in ("CC", "MLO"):
            name = f"{patient}-{view}.pgm"
            picture(folder / name, generator, patient % 2 == 1)
            lines.append(f"{name},{patient},L,{patient % 2},{split},{view}")
    (folder / "exam").mkdir()
    run([write_exam, str(folder / "exam")])
    files = sorted(path for path in (folder / "exam").rglob("*") if path.is_file())
    for file in files:
        header = pydicom.dcmread(file, stop_before_pixels=True)
        cancer = int(header.ImageLaterality == "L")
        place = file.relative_to(folder)
        lines.append(f"{place},exam,{header.ImageLaterality},{cancer},validation,{header.ViewPosition}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return files


def run(command: list[str], **options: object) -> subprocess.CompletedProcess:
    return subprocess.run(command, check=True, env=ENVIRONMENT, **options)


def fit(train: str, data: pathlib.Path, folder: pathlib.Path, cache: pathlib.Path) -> list[str]:
    settings = [f"--set={key}={value}" for key, value in {**SETTINGS, "data.cache": cache}.items()]
    return [train, "fit", "--run", str(folder), "--data", str(data), *settings]


def kill_after_a_checkpoint(command: list[str], folder: pathlib.Path) -> None:
    """SIGKILL in the epoch after the first checkpoint."""
    process = subprocess.Popen(command, env=ENVIRONMENT)
    deadline = time.monotonic() + 300
    while not (folder / "state.json").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit("the run has ended or hangs before its first checkpoint")
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    if json.loads((folder / "state.json").read_text())["finished"]:
        sys.exit("the run was over before it could be killed")


def same(one: pathlib.Path, other: pathlib.Path) -> None:
    """The same best weights, bit for bit, and the same losses."""
    if (one / "best.safetensors").read_bytes() != (other / "best.safetensors").read_bytes():
        sys.exit("the resumed run's best weights are others than the uninterrupted run's")
    columns = ("epoch", "train_loss", "validation_loss", "image_auc", "breast_auc", "rate", "images")
    losses = [[[line[key] for key in columns] for line in csv.DictReader((folder / "metrics.csv").open())]
              for folder in (one, other)]
    if losses[0] != losses[1] or len(losses[0]) != SETTINGS["training.epochs"]:
        sys.exit(f"the resumed run's metrics are others: {losses}")


def fill_a_disk(train: str, data: pathlib.Path, folder: pathlib.Path, cache: pathlib.Path) -> bool:
    """The run's disk is full before the second checkpoint; with more room the run is resumed. False when not run."""
    folder.mkdir()
    # A checkpoint of the B0 with Adam's moments and the average has 65 MB, its best weights 16 MB.
    mount = ["mount", "-t", "tmpfs", "-o", "size=110m", "mamoru-full", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        return False
    try:
        failed = subprocess.run(fit(train, data, folder / "run", cache), env=ENVIRONMENT, capture_output=True, text=True)
        if failed.returncode != 1 or "space" not in failed.stderr or "tensors-" not in failed.stderr:
            sys.exit(f"a full disk is not said: {failed.returncode} {failed.stderr}")
        print("full disk:", failed.stderr.strip().splitlines()[-1])
        run(["mount", "-o", "remount,size=400m", str(folder)])
        run([train, "fit", "--resume", "--run", str(folder / "run")])
        shutil.copytree(folder / "run", folder.with_name("full-resumed"))
    finally:
        subprocess.run(["umount", str(folder)], check=True)
    return True


def check_faults(train: str, data: pathlib.Path, work: pathlib.Path) -> None:
    """Each fault in the data ends the run with the table's line or the file in the message."""
    faults = {
        "missing file": (("0-CC.pgm,", "gone.pgm,"), ["gone.pgm", "line 2"]),
        "wrong label": ((",L,1,train,CC", ",L,yes,train,CC"), ["labels.csv:4", "cancer"]),
        "patient in two splits": (("0-MLO.pgm,0,L,0,train", "0-MLO.pgm,0,L,0,validation"), ["labels.csv:3", "line 2"]),
        "constant image": (("0-CC.pgm,", "blank.pgm,"), ["blank.pgm", "line 2"]),
    }
    good = (data / "labels.csv").read_text()
    (data / "blank.pgm").write_bytes(b"P5\n8 8\n255\n" + bytes([9] * 64))
    try:
        for number, (fault, ((old, new), words)) in enumerate(faults.items()):
            (data / "labels.csv").write_text(good.replace(old, new, 1))
            command = fit(train, data, work / f"fault{number}", work / "cache")
            failed = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
            said = failed.stderr.strip().splitlines()[-1] if failed.stderr.strip() else ""
            if failed.returncode != 1 or not all(word in said for word in words):
                sys.exit(f"{fault}: {failed.returncode} {failed.stderr}")
            print(f"{fault}: {said}")
    finally:
        (data / "labels.csv").write_text(good)


def check_appliance(mamoru: str, bundle: pathlib.Path, files: list[pathlib.Path], expected: dict[str, float]) -> None:
    """`expected` by the file's name."""
    command = [mamoru, "analyze", str(files[0].parent), "--model", str(bundle), "--json"]
    studies = json.loads(run(command, capture_output=True, text=True).stdout)["studies"]
    found = {image["instance"]: image.get("score") for study in studies for image in study["images"]}
    for file in files:
        uid = str(pydicom.dcmread(file, stop_before_pixels=True).SOPInstanceUID)
        difference = abs(found[uid] - expected[file.name])
        print(f"{file.name}: trainer {expected[file.name]:.6f}, appliance {found[uid]:.6f}, difference {difference:.1e}")
        if not difference <= 1e-4:
            sys.exit("the appliance's probability is not the trainer's")


def main() -> None:
    train, mamoru, write_exam, work = sys.argv[1], sys.argv[2], sys.argv[3], pathlib.Path(sys.argv[4])
    shutil.rmtree(work, ignore_errors=True)
    data, whole, killed, cache = work / "data", work / "whole", work / "killed", work / "cache"
    files = make_data(data, write_exam)
    run(fit(train, data, whole, cache))
    kill_after_a_checkpoint(fit(train, data, killed, cache), killed)
    run([train, "fit", "--resume", "--run", str(killed)])
    same(whole, killed)
    print("a killed and resumed run equals an uninterrupted one")

    check_faults(train, data, work)
    if fill_a_disk(train, data, work / "full", cache):
        same(whole, work / "full-resumed")
        print("a run that met a full disk and was resumed equals an uninterrupted one")
    else:
        print("not run: the trainer on a full disk: mounting a small one needs root")

    run([train, "predict", "--run", str(whole), "--out", str(work / "predictions.csv")])
    bundle, out = work / "bundle", work / "evaluation"
    run([train, "pack", "--run", str(whole), "--out", str(bundle), "--name", "smoke", "--model-version", "1"])
    run([train, "evaluate", "--bundle", str(bundle), "--data", str(data), "--out", str(out), "--set",
         "data.background=black"])
    # The image's name in the table is the file's.
    lines = csv.DictReader((out / "predictions.csv").open())
    check_appliance(mamoru, bundle, files, {line["image_id"].rsplit("/", 1)[-1]: float(line["probability"]) for line in lines})


if __name__ == "__main__":
    main()
