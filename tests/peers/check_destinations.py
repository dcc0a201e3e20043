"""The whole device and every kind of destination at once: Orthanc by C-STORE with storage commitment and by STOW-RS, and a web
service that gets documents by POST.

usage: check_destinations.py MAMORU_PROGRAM WRITE_EXAM_PROGRAM

On loopback only. What is not installed is printed as "not run: ...".
"""

import collections
import http.server
import json
import pathlib
import subprocess
import sys
import tempfile
import threading

from device import Device, free_port, rest
from interop import assert_exam
from orthanc import Orthanc, dicomweb_plugin, orthanc_program

OBJECTS = '["summary", "heatmap", "cad_sr", "comprehensive_sr", "presentation_state"]'
# A summary, four heat maps, two structured reports and four presentation states; an untrained model marks nothing in these.
CLASSES = {
    "1.2.840.10008.5.1.4.1.1.7": 5,
    "1.2.840.10008.5.1.4.1.1.88.50": 1,
    "1.2.840.10008.5.1.4.1.1.88.34": 1,
    "1.2.840.10008.5.1.4.1.1.11.1": 4,
    "1.2.840.10008.5.1.4.1.1.1.2": 4,
}


class Documents(http.server.ThreadingHTTPServer):
    """Takes documents; fails the first time, as a service that is just being restarted."""

    daemon_threads = True

    def __init__(self) -> None:
        self.posted: list[tuple[str, str, bytes]] = []
        super().__init__(("127.0.0.1", 0), Post)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class Post(http.server.BaseHTTPRequestHandler):
    """One document."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posted.append((self.headers["Content-Type"], self.headers["Idempotency-Key"], body))
        self.send_response(503 if len(self.server.posted) == 1 else 201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def main() -> None:
    program, write_exam = sys.argv[1:]
    if not (orthanc_program() and dicomweb_plugin()):
        print("not run: the device with every kind of destination: Orthanc or its DICOMweb plugin is not installed")
        return
    with tempfile.TemporaryDirectory() as name, Documents() as documents:
        folder = pathlib.Path(name)
        (folder / "exam").mkdir()
        written = subprocess.run([write_exam, folder / "exam"], check=True, capture_output=True, text=True)
        exam = [pathlib.Path(line) for line in written.stdout.splitlines()]
        dicom = free_port()
        with Orthanc(folder, dicom=dicom, web=True) as archive:
            web = archive.http
            more = f"""
                commitment = "required"
                objects = {OBJECTS}
                [[destinations]]
                name = "web"
                stow = {{ url = "http://127.0.0.1:{web}/dicom-web" }}
                objects = {OBJECTS}
                retry = {{ first_ms = 200, longest_ms = 1000, attempts_max = 5 }}
                [[destinations]]
                name = "documents"
                post = {{ url = "http://127.0.0.1:{documents.server_address[1]}/results" }}
                objects = ["json", "fhir"]
                retry = {{ first_ms = 200, longest_ms = 1000, attempts_max = 5 }}
            """
            with Device(program, folder, "ORTHANC", dicom, more) as device:
                # Orthanc reports on an association of its own, to where it knows the device.
                modality = {"AET": "MAMORU", "Host": "127.0.0.1", "Port": device.port}
                rest(web, "/modalities/mamoru", json.dumps(modality).encode(), "PUT")
                stored = [rest(web, "/instances", file.read_bytes()) for file in exam]
                rest(web, "/modalities/mamoru/store", stored[0]["ParentStudy"].encode())
                assert_exam(device.settle(len(exam)))
                lines = {line["name"]: line for line in device.status()["destinations"]}
                assert all(line["due"] == line["uncommitted"] == line["parked"] == 0 for line in lines.values()), lines
                deliveries = device.queue()
            instances = rest(web, "/instances")
            tags = [rest(web, f"/instances/{instance}/simplified-tags") for instance in instances]
        assert collections.Counter(tag["SOPClassUID"] for tag in tags) == CLASSES, tags
        assert len({tag["StudyInstanceUID"] for tag in tags}) == 1
        states = collections.Counter((delivery["destination"], delivery["state"]) for delivery in deliveries)
        results = sum(CLASSES.values()) - len(exam)
        assert states == {
            ("folder", "delivered"): 1,
            ("peer", "delivered"): results,
            ("web", "delivered"): results,
            ("documents", "delivered"): 2,
        }, states
        check_documents(documents.posted)
    print(f"Orthanc committed itself to {results} objects and has them by STOW-RS too; 2 documents were posted")


def check_documents(posted: list[tuple[str, str, bytes]]) -> None:
    """Each document once, after one failure with the same key and bytes; FHIR and the report of the same study."""
    assert len(posted) == 3, [content for content, _, _ in posted]
    assert posted[0] in posted[1:]
    assert len({key for _, key, _ in posted}) == 2
    documents = {content: json.loads(body) for content, _, body in posted}
    assert documents["application/fhir+json"]["resourceType"] == "Bundle"
    assert documents["application/json"]["studies"][0]["revision"] == 1


if __name__ == "__main__":
    main()
