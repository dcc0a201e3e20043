"""Storage commitment between ours and other software, in both roles and both ways of reporting.

usage: commitment.py COMMIT_PROGRAM RECEIVE_PROGRAM

COMMIT_PROGRAM is the example `commit` of scu, RECEIVE_PROGRAM the example `receive` of receiver. On loopback only. What is
not installed is printed as "not run: ...".
"""

import contextlib
import json
import pathlib
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator

from device import WAIT_SECONDS, free_port, rest, wait_for
from orthanc import Orthanc, orthanc_program
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalMammographyXRayImageStorageForPresentation as MAMMOGRAM
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid
from pynetdicom import AE, build_role, evt
from pynetdicom.fsm import InvalidEventError
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance

NO_SUCH_INSTANCE = 0x0112
CLASS_INSTANCE_CONFLICT = 0x0119
HELD, UNKNOWN = "1.2.3.4.1", "1.2.3.4.2"


class Receive:
    """The receiver as a process, with storage commitment on."""

    def __init__(self, program: str, folder: pathlib.Path, *addresses: str) -> None:
        command = [program, str(folder / "state"), "--commitment", *addresses]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self.port = int(self.process.stdout.readline())
        self.lines: queue.Queue[str] = queue.Queue()
        self.reader = threading.Thread(target=lambda: [self.lines.put(line.strip()) for line in self.process.stdout])
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        self.reader.join(WAIT_SECONDS)
        assert self.process.wait(WAIT_SECONDS) == 0

    def report(self, lines: int) -> list[str]:
        """The next report that it got, of so many lines."""
        return [self.lines.get(timeout=WAIT_SECONDS) for _ in range(lines)]


def ask(program: str, title: str, port: int, wait_ms: int, transaction: str) -> list[str]:
    """What ours prints when it asks about an instance that the peer has, and one that it has not."""
    instances = [f"{MAMMOGRAM}={HELD}", f"{MAMMOGRAM}={UNKNOWN}"]
    command = [program, f"{title}@127.0.0.1:{port}", "MAMORU", str(wait_ms), transaction, *instances]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_SECONDS)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.split("\n")[:-1]


def instance(uid: str, sop_class: str = MAMMOGRAM) -> Dataset:
    """The smallest mammogram that the receiver takes."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, uid
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.PatientID = "1.2.3.5", "1.2.3.6", "phantom"
    dataset.Rows = dataset.Columns = 16
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.PixelData = bytes(512)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def reference(uid: str, sop_class: str = MAMMOGRAM, reason: int | None = None) -> Dataset:
    """An item of a sequence of references."""
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
    if reason is not None:
        item.FailureReason = reason
    return item


def report_of(request: Dataset) -> Dataset:
    """A report of success for what is held, and of failure for what is not."""
    report = Dataset()
    report.TransactionUID = request.TransactionUID
    uids = [item.ReferencedSOPInstanceUID for item in request.ReferencedSOPSequence]
    report.ReferencedSOPSequence = [reference(uid) for uid in uids if uid == HELD]
    report.FailedSOPSequence = [reference(uid, reason=NO_SUCH_INSTANCE) for uid in uids if uid != HELD]
    return report


def pynetdicom_as_scp(commit: str, receive: str, folder: pathlib.Path) -> str:
    """pynetdicom reports on the association of the request, and on one of its own."""
    statuses: queue.Queue[int] = queue.Queue()
    asked: queue.Queue[Dataset] = queue.Queue()
    on_its_own = threading.Event()

    def take(event: evt.Event) -> tuple[int, None]:
        asked.put(event.action_information)
        return 0x0000, None

    def sent(event: evt.Event) -> None:
        if type(event.message).__name__ == "N_ACTION_RSP" and not on_its_own.is_set():
            threading.Thread(target=report, args=(event.assoc,)).start()

    def report(association) -> None:
        information = report_of(asked.get(timeout=WAIT_SECONDS))
        status, _ = association.send_n_event_report(
            information, 2, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
        )
        statuses.put(status.Status)

    entity = AE("PACS")
    entity.add_supported_context(StorageCommitmentPushModel)
    entity.add_requested_context(StorageCommitmentPushModel)
    handlers = [(evt.EVT_N_ACTION, take), (evt.EVT_DIMSE_SENT, sent)]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    expected = [f"committed {HELD}", f"failed {UNKNOWN} {NO_SUCH_INSTANCE:04X}"]
    try:
        lines = ask(commit, "PACS", server.server_address[1], 20_000, "1.2.77.1")
        assert lines == ["status 0000", "transaction 1.2.77.1", *expected], lines
        assert statuses.get(timeout=WAIT_SECONDS) == 0x0000
        on_its_own.set()
        lines = ask(commit, "PACS", server.server_address[1], 100, "1.2.77.2")
        assert lines == ["status 0000", "no report"], lines
        with Receive(receive, folder) as device:
            role = build_role(StorageCommitmentPushModel, scp_role=True)
            association = entity.associate("127.0.0.1", device.port, ae_title="MAMORU", ext_neg=[role])
            assert association.is_established
            report(association)
            association.release()
            lines = device.report(3)
        assert lines == ["transaction 1.2.77.2 of PACS", *expected], lines
        assert statuses.get(timeout=WAIT_SECONDS) == 0x0000
    finally:
        server.shutdown()
    return "pynetdicom as SCP reported on the same association and on one of its own"


@contextlib.contextmanager
def listening(take) -> Iterator[int]:
    """pynetdicom as UNIT that takes reports: its port."""
    entity = AE("UNIT")
    entity.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)
    handlers = [(evt.EVT_N_EVENT_REPORT, take)]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()


def pynetdicom_as_scu(commit: str, receive: str, folder: pathlib.Path) -> str:
    """pynetdicom sends an image and asks; it stays for the report, and it leaves before."""
    reports: queue.Queue[tuple[str, int, Dataset]] = queue.Queue()

    def take(where: str):
        def taken(event: evt.Event) -> tuple[int, None]:
            reports.put((where, event.request.EventTypeID, event.event_information))
            return 0x0000, None

        return taken

    def only_its_own_race(fault: threading.ExceptHookArgs) -> None:
        # pynetdicom's reactor may answer our report after its user has left.
        if fault.exc_type is not InvalidEventError:
            sys.__excepthook__(fault.exc_type, fault.exc_value, fault.exc_traceback)

    threading.excepthook = only_its_own_race
    request = Dataset()
    request.ReferencedSOPSequence = [
        reference(HELD),
        reference(UNKNOWN),
        reference("1.2.3.4.3", SecondaryCaptureImageStorage),
    ]
    entity = AE("UNIT")
    entity.add_requested_context(MAMMOGRAM, ExplicitVRLittleEndian)
    entity.add_requested_context(StorageCommitmentPushModel)
    with listening(take("elsewhere")) as port, Receive(receive, folder, f"UNIT=127.0.0.1:{port}") as device:
        # Leaving, it can say nothing of the report, or crosses it, or says that it takes none there.
        for where, leave in [("here", "release"), ("elsewhere", "abort"), ("elsewhere", "release")]:
            request.TransactionUID = generate_uid()
            handlers = [(evt.EVT_N_EVENT_REPORT, take("here"))] if where == "here" else []
            association = entity.associate("127.0.0.1", device.port, ae_title="MAMORU", evt_handlers=handlers)
            assert association.is_established
            for uid in [HELD, "1.2.3.4.3"]:
                assert association.send_c_store(instance(uid)).Status == 0x0000
            status, _ = association.send_n_action(
                request, 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
            )
            assert status.Status == 0x0000, status
            if where == "elsewhere":
                getattr(association, leave)()
            came, event_type, report = reports.get(timeout=WAIT_SECONDS)
            if where == "here":
                association.release()
            failed = [(item.ReferencedSOPInstanceUID, item.FailureReason) for item in report.FailedSOPSequence]
            committed = [item.ReferencedSOPInstanceUID for item in report.ReferencedSOPSequence]
            assert (came, event_type) == (where, 2), (came, event_type)
            assert report.TransactionUID == request.TransactionUID and committed == [HELD], report
            assert failed == [(UNKNOWN, NO_SUCH_INSTANCE), ("1.2.3.4.3", CLASS_INSTANCE_CONFLICT)], failed
    return "pynetdicom as SCU was told what is held, on its association and after it had left"


def orthanc(commit: str, receive: str, folder: pathlib.Path) -> str:
    """Orthanc asks ours and is told on its own server; ours asks Orthanc and is told on our receiver."""
    dicom = free_port()
    with Receive(receive, folder, f"ORTHANC=127.0.0.1:{dicom}") as device:
        modality = {"AET": "MAMORU", "Host": "127.0.0.1", "Port": device.port, "AllowStorageCommitment": True}
        with Orthanc(folder, dicom=dicom, DicomModalities={"mamoru": modality}) as server:
            http = server.http
            entity = AE("MAMORU")
            entity.add_requested_context(MAMMOGRAM, ExplicitVRLittleEndian)
            for title, port in [("ORTHANC", dicom), ("MAMORU", device.port)]:
                association = entity.associate("127.0.0.1", port, ae_title=title)
                assert association.send_c_store(instance(HELD)).Status == 0x0000
                association.release()
            # Orthanc asks.
            for uids, expected in [([HELD], "Success"), ([HELD, UNKNOWN], "Failure")]:
                body = json.dumps({"DicomInstances": [[MAMMOGRAM, uid] for uid in uids]}).encode()
                path = rest(http, "/modalities/mamoru/storage-commitment", body)["Path"]
                told = wait_for(
                    "Orthanc's report",
                    lambda path=path: (now := rest(http, path))["Status"] != "Pending" and now,
                )
                assert told["Status"] == expected and told["RemoteAET"] == "MAMORU", told
            assert [(item["SOPInstanceUID"], item["FailureReason"]) for item in told["Failures"]] == [
                (UNKNOWN, NO_SUCH_INSTANCE)
            ], told
            # Orthanc is asked.
            lines = ask(commit, "ORTHANC", dicom, 100, "1.2.77.3")
            assert lines == ["status 0000", "no report"], lines
            lines = device.report(3)
            expected = [f"committed {HELD}", f"failed {UNKNOWN} {NO_SUCH_INSTANCE:04X}"]
            assert lines == ["transaction 1.2.77.3 of ORTHANC", *expected], lines
    return "Orthanc asked ours and was told, and was asked and told ours, each on a new association"


def main() -> None:
    commit, receive = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        for check, is_there in [(pynetdicom_as_scp, True), (pynetdicom_as_scu, True), (orthanc, orthanc_program())]:
            if not is_there:
                print(f"not run: storage commitment with {check.__name__}: it is not installed")
                continue
            own = pathlib.Path(folder) / check.__name__
            own.mkdir()
            print(check(commit, receive, own), flush=True)


if __name__ == "__main__":
    main()
