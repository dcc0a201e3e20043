"""DICOM over TLS between ours and other software, in both directions, with good and with bad certificates.

usage: check_tls.py RECEIVE_PROGRAM STORE_TLS_PROGRAM

RECEIVE_PROGRAM is the example `receive` of receiver, STORE_TLS_PROGRAM the example `store_tls` of scu. On loopback only. Prints
what each pairing did as a table. What is not installed is printed as "not run: ...".
"""

import contextlib
import pathlib
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from commitment import instance
from device import WAIT_SECONDS, Program, free_port
from pydicom.uid import DigitalMammographyXRayImageStorageForPresentation as MAMMOGRAM
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.sop_class import Verification

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class Certificates:
    """Two authorities, and what they sign, as PEM files."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        for authority in ["ours", "others"]:
            self.openssl(
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={authority}", "-days", "30",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign",
                "-keyout", f"{authority}-ca.key", "-out", f"{authority}-ca.pem",
            )  # fmt: skip
        self.issue("device")
        self.issue("unit")
        self.issue("foreign", authority="others")
        self.issue("expired", dates=("20200101000000Z", "20210101000000Z"))

    def openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)

    def issue(self, name: str, authority: str = "ours", dates: tuple[str, str] | None = None) -> None:
        """A certificate for loopback, with its key."""
        (self.folder / "extensions").write_text(
            "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\nbasicConstraints=CA:FALSE\n"
        )
        self.openssl(
            "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", "request"
        )
        # `openssl x509` of version 3.0 cannot set dates; `openssl ca` can, and wants its books.
        books = self.folder / f"books-{name}"
        books.mkdir()
        (books / "index").touch()
        (books / "serial").write_text("1000\n")
        (books / "config").write_text(
            f"[ca]\ndefault_ca=d\n[d]\ndatabase={books}/index\nserial={books}/serial\nnew_certs_dir={books}\n"
            "default_md=sha256\npolicy=p\nemail_in_dn=no\nunique_subject=no\n[p]\ncommonName=supplied\n"
        )
        span = ["-startdate", dates[0], "-enddate", dates[1]] if dates else ["-days", "30"]
        self.openssl(
            "ca", "-batch", "-notext", "-config", f"{books}/config", "-in", "request", "-out", f"{name}.pem",
            "-cert", f"{authority}-ca.pem", "-keyfile", f"{authority}-ca.key", "-extfile", "extensions", *span,
        )  # fmt: skip
        (self.folder / f"{name}.key").chmod(0o600)

    def ca(self, authority: str) -> str:
        return str(self.folder / f"{authority}-ca.pem")

    def pair(self, name: str | None) -> list[str]:
        """Certificate and key; dashes where there are none."""
        return ["-", "-"] if name is None else [str(self.folder / f"{name}.pem"), str(self.folder / f"{name}.key")]

    def context(self, purpose: ssl.Purpose, version: str, name: str | None, authority: str) -> ssl.SSLContext:
        """Python's TLS of one version, that trusts `authority` and asks for a certificate."""
        context = ssl.create_default_context(purpose, cafile=self.ca(authority))
        context.minimum_version = context.maximum_version = VERSIONS[version]
        context.verify_mode = ssl.CERT_REQUIRED
        if name is not None:
            context.load_cert_chain(*self.pair(name))
        return context


@contextlib.contextmanager
def receiving(program: str, folder: pathlib.Path, certificates: Certificates, asked: str) -> Iterator[int]:
    """Our receiver; its port for TLS."""
    command = [program, str(folder), "--tls", *certificates.pair("device"), certificates.ca("ours"), asked]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
    try:
        process.stdout.readline()
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        assert process.wait(WAIT_SECONDS) == 0


def pynetdicom_sends(certificates: Certificates, port: int, version: str, name: str | None, trusts: str, uid: str) -> bool:
    """Did C-ECHO and C-STORE of pynetdicom succeed?"""
    context = certificates.context(ssl.Purpose.SERVER_AUTH, version, name, trusts)
    entity = AE("UNIT")
    entity.add_requested_context(Verification)
    entity.add_requested_context(MAMMOGRAM, ExplicitVRLittleEndian)
    association = entity.associate("127.0.0.1", port, ae_title="MAMORU", tls_args=(context, "localhost"))
    if not association.is_established:
        return False
    statuses = [association.send_c_echo().Status, association.send_c_store(instance(uid)).Status]
    association.release()
    assert statuses == [0, 0], statuses
    return True


def dcmtk_sends(certificates: Certificates, port: int, name: str | None, trusts: str, file: pathlib.Path) -> bool:
    """Did echoscu and storescu succeed?"""
    certificate, key = certificates.pair(name)
    own = ["+tla"] if name is None else ["+tls", key, certificate]
    options = [*own, "+cf", certificates.ca(trusts), "-aet", "UNIT", "-aec", "MAMORU", "127.0.0.1", str(port)]
    results = [
        subprocess.run(command, capture_output=True, timeout=WAIT_SECONDS).returncode == 0
        for command in [["echoscu", *options], ["storescu", *options, str(file)]]
    ]
    assert results[0] == results[1], results
    return results[0]


# Who sends to us: its certificate, whom it trusts, what we ask for, and whether it gets in.
TO_US = [
    ("unit", "ours", "required", True),
    ("foreign", "ours", "required", False),
    ("expired", "ours", "required", False),
    (None, "ours", "required", False),
    (None, "ours", "optional", True),
    ("foreign", "ours", "optional", False),
    (None, "ours", "none", True),
    ("unit", "others", "required", False),
]


def to_us(receive: str, certificates: Certificates, folder: pathlib.Path, file: pathlib.Path) -> Iterator[list[str]]:
    """Rows of what came to our receiver."""
    for asked in ["required", "optional", "none"]:
        state = folder / f"state-{asked}"
        with receiving(receive, state, certificates, asked) as port:
            got_in = 0
            for name, trusts, _, expected in [case for case in TO_US if case[2] == asked]:
                what = f"{name or 'no certificate'}, trusts {trusts}, {asked}"
                for version in VERSIONS:
                    uid = f"1.2.3.4.{len(what)}.{got_in}"
                    done = pynetdicom_sends(certificates, port, version, name, trusts, uid)
                    assert done == expected, (what, version)
                    got_in += done
                    yield ["pynetdicom -> ours", version, what, "stored" if done else "refused"]
                if shutil.which("storescu"):
                    done = dcmtk_sends(certificates, port, name, trusts, file)
                    assert done == expected, what
                    yield ["DCMTK -> ours", "its own", what, "stored" if done else "refused"]
            spooled = len(list((state / "spool").glob("*.dcm")))
            assert spooled >= got_in, (asked, spooled, got_in)


# To whom we send: its certificate, what we have, whom we trust, which name we want; and what we say of it.
FROM_US = [
    ("device", "unit", "ours", "-", "0000"),
    ("device", "unit", "ours", "localhost", "0000"),
    ("device", None, "ours", "-", "over TLS"),
    ("device", "foreign", "ours", "-", "over TLS"),
    ("device", "unit", "others", "-", "signed by nobody who is trusted here"),
    ("foreign", "unit", "ours", "-", "signed by nobody who is trusted here"),
    ("expired", "unit", "ours", "-", "has expired"),
    ("device", "unit", "ours", "pacs.example", "for another name"),
]


@contextlib.contextmanager
def pynetdicom_listens(certificates: Certificates, version: str, name: str) -> Iterator[tuple[int, list]]:
    """pynetdicom as SCP that asks for certificates; its port, and what it stored."""
    stored: list = []

    def take(event: evt.Event) -> int:
        stored.append(event.request.AffectedSOPInstanceUID)
        return 0x0000

    entity = AE("PACS")
    entity.add_supported_context(Verification)
    entity.add_supported_context(MAMMOGRAM, ExplicitVRLittleEndian)
    context = certificates.context(ssl.Purpose.CLIENT_AUTH, version, name, "ours")
    server = entity.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, take)], ssl_context=context
    )
    try:
        yield server.server_address[1], stored
    finally:
        server.shutdown()


@contextlib.contextmanager
def dcmtk_listens(certificates: Certificates, folder: pathlib.Path, name: str) -> Iterator[int]:
    """storescp that asks for certificates; its port."""
    port, out = free_port(), folder / f"storescp-{name}"
    out.mkdir(exist_ok=True)
    certificate, key = certificates.pair(name)
    command = ["storescp", "+tls", key, certificate, "+cf", certificates.ca("ours"), "-od", out, "-aet", "PACS", port]
    with Program(*command, log=folder / "storescp.log") as program:
        program.wait_until_listening(port)
        yield port


def we_send(program: str, certificates: Certificates, port: int, case: tuple, file: pathlib.Path) -> str:
    """What our client says."""
    _, own, trusts, server_name, expected = case
    command = [program, f"PACS@127.0.0.1:{port}", "MAMORU", certificates.ca(trusts), *certificates.pair(own)]
    ended = subprocess.run([*command, server_name, str(file)], capture_output=True, text=True, timeout=WAIT_SECONDS)
    assert ended.returncode == 0, ended.stderr
    said = ended.stdout.strip().replace("\n", " ")
    # A TLS 1.2 peer says in the handshake what it thinks of us.
    matches = said == "0000 0000" if expected == "0000" else expected in said
    is_word_of_peer = expected == "over TLS" and said.startswith("error: TLS: peer ")
    assert matches or is_word_of_peer, (case, said)
    return said


def from_us(store: str, certificates: Certificates, folder: pathlib.Path, file: pathlib.Path) -> Iterator[list[str]]:
    """Rows of what our client sent."""
    for case in FROM_US:
        name, own, trusts, server_name, expected = case
        what = f"it has {name}, we have {own or 'none'}, trust {trusts}" + (
            "" if server_name == "-" else f", want {server_name}"
        )
        for version in VERSIONS:
            with pynetdicom_listens(certificates, version, name) as (port, stored):
                said = we_send(store, certificates, port, case, file)
            assert len(stored) == (expected == "0000"), stored
            yield ["ours -> pynetdicom", version, what, said]
        if shutil.which("storescp"):
            with dcmtk_listens(certificates, folder, name) as port:
                yield ["ours -> DCMTK", "its own", what, we_send(store, certificates, port, case, file)]
    if shutil.which("storescp"):
        assert list((folder / "storescp-device").iterdir()), "storescp stored nothing"


def main() -> None:
    receive, store = sys.argv[1:]
    if not shutil.which("openssl"):
        print("not run: DICOM over TLS with other software: openssl is not installed")
        return
    if not (shutil.which("storescu") and shutil.which("storescp")):
        print("not run: DICOM over TLS with DCMTK: dcmtk is not installed")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        certificates = Certificates(folder)
        file = folder / "image.dcm"
        image = instance("1.2.3.4.5")
        image.file_meta.MediaStorageSOPClassUID, image.file_meta.MediaStorageSOPInstanceUID = MAMMOGRAM, "1.2.3.4.5"
        image.save_as(file, enforce_file_format=True)
        rows = [*to_us(receive, certificates, folder, file), *from_us(store, certificates, folder, file)]
    rows.insert(0, ["who", "TLS", "certificates", "outcome"])
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        print("  ".join([*(text.ljust(width) for text, width in zip(row, widths)), row[3]]))
    print(f"{len(rows) - 1} pairings, each as it should be")


if __name__ == "__main__":
    main()
