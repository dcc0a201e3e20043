"""Result objects by STOW-RS into Orthanc and its DICOMweb plugin, on loopback: in the clear, and through TLS with a password.

usage: check_stow.py STOW_PROGRAM WRITE_RESULTS_PROGRAM

What is not installed is printed as "not run: ...".
"""

import base64
import json
import pathlib
import select
import shutil
import socket
import socketserver
import ssl
import subprocess
import sys
import tempfile
import threading
import urllib.request

from orthanc import Orthanc, dicomweb_plugin, orthanc_program
from pydicom import dcmread

class Archive:
    """A running Orthanc."""

    def __init__(self, port: int, headers: dict[str, str] | None = None) -> None:
        self.url, self.headers = f"http://127.0.0.1:{port}", headers or {}

    def get(self, path: str, body: bytes | None = None) -> bytes:
        """What its own interface answers."""
        request = urllib.request.Request(self.url + path, data=body, headers=self.headers)
        with urllib.request.urlopen(request, timeout=120) as response:
            return response.read()

    def json(self, path: str, body: bytes | None = None) -> object:
        """The same as JSON."""
        return json.loads(self.get(path, body))

    def contents(self) -> dict[str, tuple[bytes, object]]:
        """File and metadata of each instance by its SOP Instance UID."""
        found = {}
        for identifier in self.json("/instances"):
            uid = self.json(f"/instances/{identifier}/simplified-tags")["SOPInstanceUID"]
            metadata = self.json(f"/instances/{identifier}/metadata?expand")
            found[uid] = (self.get(f"/instances/{identifier}/file"), metadata)
        return found


def stow(program: str, url: str, files: list[pathlib.Path], ca: object = "-", authorization: object = "-") -> list[str]:
    """What the check and each of the files ended with."""
    command = [str(word) for word in (program, url, ca, authorization, *files)]
    check, *answers = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    assert check.startswith("check: ") and len(answers) == len(files), (check, answers)
    return [check.removeprefix("check: "), *answers]


def assert_stored(archive: Archive, url: str, program: str, files: list[pathlib.Path], *trust: object) -> None:
    """Each object is there byte for byte, and a second sending changes nothing at all."""
    check, *answers = stow(program, url, files, *trust)
    assert check.startswith("Ok("), check
    assert answers == ["Taken"] * len(files), answers
    first = archive.contents()
    expected = {dcmread(file).SOPInstanceUID: file.read_bytes() for file in files}
    assert {uid: content for uid, (content, _) in first.items()} == expected
    assert stow(program, f"{url}/", files, *trust)[1:] == ["Taken"] * len(files)
    assert archive.contents() == first


def in_the_clear(program: str, folder: pathlib.Path, files: list[pathlib.Path]) -> str:
    """On this machine itself, as beside an archive."""
    with Orthanc(folder, web=True) as server:
        archive = Archive(server.http)
        # Where nobody listens to objects: nothing is taken.
        for answer in stow(program, f"{archive.url}/nowhere", files[:1])[1:]:
            assert answer.startswith("Unreachable") and "404" in answer, answer
        assert archive.contents() == {}
        assert_stored(archive, f"{archive.url}/dicom-web", program, files)
    return f"Orthanc has {len(files)} objects by STOW-RS, byte for byte, and the same ones after a second sending"


class TlsFront(socketserver.ThreadingTCPServer):
    """TLS by OpenSSL before an HTTP server, as a hospital's reverse proxy: Debian's Orthanc ends at its first TLS connection."""

    daemon_threads = True

    def __init__(self, certificate: pathlib.Path, port: int) -> None:
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(certificate)
        self.behind = port
        super().__init__(("127.0.0.1", 0), TlsConnection)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class TlsConnection(socketserver.BaseRequestHandler):
    """One connection, until one side ends it."""

    def handle(self) -> None:
        self.request.settimeout(120)
        try:
            with (
                self.server.context.wrap_socket(self.request, server_side=True) as outer,
                socket.create_connection(("127.0.0.1", self.server.behind), timeout=120) as inner,
            ):
                self.relay(outer, inner)
        except OSError:
            # A client that does not trust the certificate ends here.
            return

    def relay(self, outer: ssl.SSLSocket, inner: socket.socket) -> None:
        """Both directions in one thread: an SSL connection is not to be used by two."""
        while True:
            ready = [outer] if outer.pending() else select.select([outer, inner], [], [], 120)[0]
            if not ready:
                return
            for side in ready:
                data = side.recv(65536)
                if not data:
                    return
                (inner if side is outer else outer).sendall(data)


def over_tls(program: str, folder: pathlib.Path, files: list[pathlib.Path]) -> str:
    """With a certificate of an authority of its own, and a password."""
    ca, other = folder / "ca.pem", folder / "other.pem"
    certificate = signed_for_loopback(folder, ca)
    new_authority(other, folder / "other.key")
    password = base64.b64encode(b"mamoru:only-for-this-test").decode()
    token, wrong = folder / "authorization", folder / "wrong"
    token.write_text(f"Basic {password}\n")
    wrong.write_text(f"Basic {base64.b64encode(b'mamoru:wrong').decode()}\n")
    users = {"mamoru": "only-for-this-test"}
    with (
        Orthanc(folder, web=True, AuthenticationEnabled=True, RegisteredUsers=users) as server,
        TlsFront(certificate, server.http) as front,
    ):
        archive, url = Archive(server.http, {"Authorization": f"Basic {password}"}), "https://{}:{}/dicom-web"
        named, by_address = url.format("localhost", front.server_address[1]), url.format(*front.server_address)
        for where, ca_file, authorization, words in [
            (by_address, ca, wrong, "401"),
            (by_address, ca, "-", "401"),
            (by_address, other, token, "not trusted"),
            (named, ca, token, "another name"),
        ]:
            for answer in stow(program, where, files[:1], ca_file, authorization):
                assert words in answer and answer.startswith(("Err", "Unreachable")), (words, answer)
        assert archive.contents() == {}
        assert_stored(archive, by_address, program, files, ca, token)
    return f"the same with {len(files)} objects through a TLS front with a password; nothing where trust or password are wrong"


def openssl(*words: object) -> None:
    """Certificates without another Python package."""
    subprocess.run(["openssl", *[str(word) for word in words]], check=True, capture_output=True)


def new_authority(certificate: pathlib.Path, key: pathlib.Path) -> None:
    """An authority's certificate and key."""
    new_key = ("-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate)
    openssl("req", "-x509", *new_key, "-subj", "/CN=hospital", "-days", 2)


def signed_for_loopback(folder: pathlib.Path, ca: pathlib.Path) -> pathlib.Path:
    """Certificate and key for 127.0.0.1 in one file, as Orthanc wants them."""
    ca_key, key, request, certificate = (folder / name for name in ("ca.key", "key.pem", "request", "certificate"))
    extensions, both = folder / "extensions", folder / "both.pem"
    new_authority(ca, ca_key)
    openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj", "/CN=archive")
    extensions.write_text("subjectAltName=IP:127.0.0.1\n")
    signer = ("-CA", ca, "-CAkey", ca_key, "-CAcreateserial")
    openssl("x509", "-req", "-in", request, *signer, "-days", 2, "-extfile", extensions, "-out", certificate)
    both.write_text(certificate.read_text() + key.read_text())
    return both


def objects(write_results: str, folder: pathlib.Path) -> list[pathlib.Path]:
    """Every kind of DICOM object, and two of them again with texts in Japanese."""
    subprocess.run([write_results, folder], check=True, capture_output=True)
    files = sorted(folder.glob("positive/*.dcm")) + sorted(folder.glob("japanese/*.dcm"))
    classes = {dcmread(file, stop_before_pixels=True).SOPClassUID.keyword for file in files}
    kinds = {
        "SecondaryCaptureImageStorage",
        "MammographyCADSRStorage",
        "Comprehensive3DSRStorage",
        "GrayscaleSoftcopyPresentationStateStorage",
    }
    assert kinds <= classes, classes
    return files


def main() -> None:
    program, write_results = sys.argv[1:]
    if not orthanc_program() or not dicomweb_plugin():
        print("not run: STOW-RS to Orthanc: orthanc or orthanc-dicomweb is not installed")
        return
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        files = objects(write_results, folder / "objects")
        for peer, is_there in [(in_the_clear, True), (over_tls, shutil.which("openssl"))]:
            if not is_there:
                print("not run: STOW-RS over TLS to Orthanc: openssl is not installed")
                continue
            own = folder / peer.__name__
            own.mkdir()
            print(peer(program, own, files), flush=True)


if __name__ == "__main__":
    main()
