"""The real device between other software: DCMTK, Orthanc and pynetdicom, each as sender and as destination.

usage: interop.py MAMORU_PROGRAM WRITE_EXAM_PROGRAM

Sends the phantom, on loopback only. What is not installed is printed as "not run: ...".
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator

import pydicom
import transcode
from device import Device, Program, free_port, rest
from orthanc import Orthanc, orthanc_program
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
    generate_uid,
)
from pynetdicom import AE, evt

# A summary and four heat maps.
RESULTS_PER_EXAM = 5
# The phantom's pixels are thinned out by this for the many transfer syntaxes: they are about bytes, not breasts.
THINNING = 8


def assert_exam(reports: list[dict]) -> None:
    """One study with four scored images of two breasts."""
    (report,) = reports
    assert [breast["laterality"] for breast in report["breasts"]] == ["R", "L"], report["breasts"]
    assert [image["outcome"] for image in report["images"]] == ["scored"] * 4, report["images"]


def dcmtk(program: str, folder: pathlib.Path, exam: list[pathlib.Path]) -> str:
    """storescu sends, storescp receives."""
    port, received = free_port(), folder / "received"
    received.mkdir()
    with (
        Program("storescp", "--aetitle", "PACS", "--output-directory", received, port, log=folder / "scp.log") as scp,
        Device(program, folder, "PACS", port) as device,
    ):
        scp.wait_until_listening(port)
        subprocess.run(["echoscu", "-aet", "UNIT", "-aec", "MAMORU", "127.0.0.1", str(device.port)], check=True)
        send = ["storescu", "-aet", "UNIT", "-aec", "MAMORU", "127.0.0.1", str(device.port), *exam]
        subprocess.run(send, check=True)
        assert_exam(device.settle(len(exam)))
    files = [pydicom.dcmread(file, force=True) for file in received.iterdir()]
    assert len(files) == RESULTS_PER_EXAM, [file.SOPInstanceUID for file in files]
    for file in files:
        assert_result(file, pydicom.dcmread(exam[0], stop_before_pixels=True))
    return f"storescu sent {len(exam)} images, storescp has {len(files)} results"


def assert_result(result: pydicom.Dataset, image: pydicom.Dataset) -> None:
    """A Secondary Capture of the image's patient and study, whose pixels can be read."""
    assert result.SOPClassUID == SecondaryCaptureImageStorage, result.SOPClassUID
    for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "StudyDate"):
        assert result[keyword].value == image[keyword].value, keyword
    assert len(result.PixelData) >= result.Rows * result.Columns * result.SamplesPerPixel


def orthanc(program: str, folder: pathlib.Path, exam: list[pathlib.Path]) -> str:
    """Orthanc has the exam, sends it, and gets the results into the same study."""
    dicom = free_port()
    with Orthanc(folder, dicom=dicom) as server:
        http = server.http
        with Device(program, folder, "ORTHANC", dicom) as device:
            modality = {"AET": "MAMORU", "Host": "127.0.0.1", "Port": device.port}
            rest(http, "/modalities/mamoru", json.dumps(modality).encode(), "PUT")
            stored = [rest(http, "/instances", file.read_bytes()) for file in exam]
            rest(http, "/modalities/mamoru/echo", b"{}")
            sent = rest(http, "/modalities/mamoru/store", stored[0]["ParentStudy"].encode())
            assert sent["InstancesCount"] == len(exam) and sent["FailedInstancesCount"] == 0, sent
            assert_exam(device.settle(len(exam)))
            (study,) = rest(http, "/studies")
            instances = rest(http, f"/studies/{study}/instances?expand")
            classes = [rest(http, f"/instances/{instance['ID']}/simplified-tags")["SOPClassUID"] for instance in instances]
            results = classes.count(SecondaryCaptureImageStorage)
            assert (len(classes), results) == (len(exam) + RESULTS_PER_EXAM, RESULTS_PER_EXAM), classes
    return f"Orthanc sent {len(exam)} images and has {results} results in the same study"


def pynetdicom(program: str, folder: pathlib.Path, exam: list[pathlib.Path]) -> str:
    """One image in each transfer syntax goes out, and every result comes in; equal pixels have equal scores."""
    files = list(in_each_syntax(folder, exam[0]))
    results: list[pydicom.Dataset] = []

    def take(event: evt.Event) -> int:
        results.append(event.dataset)
        return 0x0000

    entity = AE("PEER")
    entity.add_supported_context(SecondaryCaptureImageStorage)
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, take)])
    try:
        with Device(program, folder, "PEER", server.server_address[1]) as device:
            for name, file in files:
                send(device.port, name, file)
            reports = device.settle(len(files))
    finally:
        server.shutdown()
    outcomes = [image for report in reports for image in report["images"]]
    assert len(outcomes) == len(files)
    scores = {image.get("score") for image in outcomes}
    assert len(scores) == 1 and None not in scores, outcomes
    # A summary and one heat map of each study.
    assert len(results) == 2 * len(files), len(results)
    studies = {pydicom.dcmread(file, stop_before_pixels=True).StudyInstanceUID for _, file in files}
    assert {result.StudyInstanceUID for result in results} == studies
    for result in results:
        assert result.SOPClassUID == SecondaryCaptureImageStorage
    return f"pynetdicom sent {'; '.join(name for name, _ in files)}: one score; it has {len(results)} results"


def send(port: int, name: str, file: pathlib.Path) -> None:
    """C-STORE of one file in its own transfer syntax, and in no other."""
    image = pydicom.dcmread(file)
    entity = AE("UNIT")
    entity.add_requested_context(image.SOPClassUID, image.file_meta.TransferSyntaxUID)
    association = entity.associate("127.0.0.1", port, ae_title="MAMORU")
    assert association.is_established, f"{name}: not accepted"
    status = association.send_c_store(image)
    association.release()
    assert status and status.Status == 0x0000, f"{name}: {status}"


def in_each_syntax(folder: pathlib.Path, image: pathlib.Path) -> Iterator[tuple[str, pathlib.Path]]:
    """The image's pixels as one study per transfer syntax."""
    header = pydicom.dcmread(image)
    values = header.pixel_array[::THINNING, ::THINNING]
    frame = transcode.Frame("phantom", values, header.BitsStored, False)
    for name, file in transcode.files(folder, header, frame):
        yield name, under_new_names(file, folder)
    plain = transcode.write(folder, header, frame, pydicom.uid.ExplicitVRLittleEndian, None)
    for name, syntax in [
        ("implicit", ImplicitVRLittleEndian),
        ("deflated", DeflatedExplicitVRLittleEndian),
        ("big endian", ExplicitVRBigEndian),
    ]:
        dataset = pydicom.dcmread(plain)
        # Values are read as they are asked for, and in another byte order it would be too late.
        for _ in dataset.iterall():
            pass
        dataset.file_meta.TransferSyntaxUID = syntax
        if syntax == ExplicitVRBigEndian:
            dataset.PixelData = values.astype(">u2").tobytes()
        path = folder / f"{syntax}.dcm"
        encoding = {"implicit_vr": syntax.is_implicit_VR, "little_endian": syntax.is_little_endian}
        pydicom.dcmwrite(path, dataset, force_encoding=True, **encoding)
        yield name, under_new_names(path, folder)


def under_new_names(file: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """A copy with a study and an instance of its own."""
    dataset = pydicom.dcmread(file)
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    path = folder / f"named-{file.name}"
    dataset.save_as(path)
    return path


def main() -> None:
    program, write_exam = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        exam_folder = folder / "exam"
        exam_folder.mkdir()
        written = subprocess.run([write_exam, exam_folder], check=True, capture_output=True, text=True)
        exam = [pathlib.Path(line) for line in written.stdout.splitlines()]
        for peer, is_there in [(dcmtk, shutil.which("storescp")), (orthanc, orthanc_program()), (pynetdicom, True)]:
            if not is_there:
                print(f"not run: {peer.__name__} as sender and destination: it is not installed")
                continue
            own = folder / peer.__name__
            own.mkdir()
            print(peer(program, own, exam), flush=True)


if __name__ == "__main__":
    main()
