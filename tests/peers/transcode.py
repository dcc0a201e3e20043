"""Decodes frames in each compressed lossless transfer syntax and compares all pixels with the uncompressed ones.

usage: transcode.py MAMMOGRAM.dcm PIXEL_DIGEST_PROGRAM

The frames are a real mammogram, and blank and textured ones of full size, of 12 to 16 bits, also signed. Encoders
are GDCM (RLE, JPEG Lossless, JPEG-LS) and imagecodecs (JPEG 2000 by OpenJPEG, HTJ2K by OpenJPH, JPEG Lossless). The
expected digest is computed here, so that the uncompressed file is checked too. Prints a line per case.
"""

import copy
import hashlib
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import NamedTuple

import gdcm
import imagecodecs
import numpy
import pydicom
from pydicom.encaps import encapsulate

FULL_SIZE = (4084, 3328)
TILE = (1024, 1024)


class Frame(NamedTuple):
    """Stored values, with what the header says of them."""

    name: str
    values: numpy.ndarray
    bits: int
    signed: bool

    def pixels(self) -> numpy.ndarray:
        """Stored values in 16 bits."""
        return self.values.astype("<i2" if self.signed else "<u2")

    def digest(self) -> str:
        """What `pixel_digest` is to print: the SHA-256 of the values, of signed ones with the smallest at 0."""
        bias = 1 << (self.bits - 1) if self.signed else 0
        return hashlib.sha256((self.values.astype(numpy.int32) + bias).astype("<u2").tobytes()).hexdigest()


def frames(mammogram: pydicom.Dataset) -> Iterator[Frame]:
    """The real frame, blank ones at the values that codecs treat differently, and textured ones."""
    yield Frame("mammogram", mammogram.pixel_array, mammogram.BitsStored, bool(mammogram.PixelRepresentation))
    for bits, signed in [(12, False), (14, False), (16, False), (12, True), (16, True)]:
        low = -(1 << (bits - 1)) if signed else 0
        high = low + (1 << bits) - 1
        kind = f"{bits} bits{' signed' if signed else ''}"
        for value in [low, (low + high + 1) // 2, high]:
            yield Frame(f"blank {value}, {kind}", numpy.full(FULL_SIZE, value, numpy.int32), bits, signed)
        yield Frame(f"textured, {kind}", texture(low, high), bits, signed)


def texture(low: int, high: int) -> numpy.ndarray:
    """Waves with noise and a flat border, like a breast before its background, that reach both ends of the range."""
    y, x = numpy.mgrid[0 : FULL_SIZE[0], 0 : FULL_SIZE[1]].astype(numpy.float32)
    waves = 0.5 + 0.3 * numpy.sin(x / 97) * numpy.cos(y / 131) + 0.2 * numpy.sin((x + y) / 23)
    noise = numpy.random.default_rng(7).normal(0, 0.01, FULL_SIZE)
    values = numpy.clip(numpy.rint(low + (waves + noise) * (high - low)), low, high).astype(numpy.int32)
    values[:, FULL_SIZE[1] * 2 // 3 :] = low
    values[0, :2] = low, high
    return values


def write(
    folder: pathlib.Path, header: pydicom.Dataset, frame: Frame, syntax: str, stream: bytes | None
) -> pathlib.Path:
    """A file with `header`'s attributes; the pixels as they are when there is no `stream`."""
    dataset = copy.deepcopy(header)
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    dataset.Rows, dataset.Columns = frame.values.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, frame.bits, frame.bits - 1
    dataset.PixelRepresentation = int(frame.signed)
    dataset.PixelData = frame.pixels().tobytes() if stream is None else encapsulate([stream])
    dataset["PixelData"].VR = "OW" if stream is None else "OB"
    dataset["PixelData"].is_undefined_length = stream is not None
    path = folder / f"{syntax}.dcm"
    dataset.save_as(path)
    return path


def by_gdcm(syntax: int) -> Callable[[pathlib.Path, pathlib.Path], None]:
    """Transcodes a whole file."""

    def transcode(source: pathlib.Path, destination: pathlib.Path) -> None:
        reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
        reader.SetFileName(str(source))
        assert reader.Read()
        change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
        change.SetInput(reader.GetImage())
        assert change.Change(), "GDCM cannot encode it"
        writer.SetFile(reader.GetFile())
        writer.SetFileName(str(destination))
        writer.SetImage(change.GetOutput())
        assert writer.Write()

    return transcode


def jpeg_lossless(frame: Frame) -> bytes:
    """Predictor 6; signed values as their pattern of bits."""
    pattern = (frame.values & ((1 << frame.bits) - 1)).astype(numpy.uint16)
    return imagecodecs.ljpeg_encode(pattern, bitspersample=frame.bits)


def jpeg_2000(**options: object) -> Callable[[Frame], bytes]:
    """Reversible, by OpenJPEG."""
    common = {"level": 0, "codecformat": "j2k", "reversible": True, "numthreads": 2}
    common |= options
    return lambda frame: imagecodecs.jpeg2k_encode(frame.pixels(), bitspersample=frame.bits, **common)


def htj2k(**options: object) -> Callable[[Frame], bytes]:
    """Reversible, by OpenJPH, which always orders packets as RPCL.

    The encoder knows 16 bits only. A stream of fewer, and of unsigned values, is that of signed ones around zero with
    another depth in its header (T.800 annexes A.5.1 and G.1): the level shift is the only difference.
    """

    def encode(frame: Frame) -> bytes:
        if frame.bits == 16:
            return imagecodecs.htj2k_encode(frame.pixels(), reversible=True, **options)
        shift = 0 if frame.signed else 1 << (frame.bits - 1)
        stream = bytearray(imagecodecs.htj2k_encode((frame.values - shift).astype("<i2"), reversible=True, **options))
        depth = 4 + 38
        assert stream[:4] == b"\xff\x4f\xff\x51" and stream[depth] == 0x80 | 15
        stream[depth] = (0x80 if frame.signed else 0) | (frame.bits - 1)
        assert numpy.array_equal(imagecodecs.htj2k_decode(bytes(stream)), frame.values), "OpenJPH reads it otherwise"
        return bytes(stream)

    return encode


FILES = {
    "1.2.840.10008.1.2.5": ("RLE", by_gdcm(gdcm.TransferSyntax.RLELossless)),
    "1.2.840.10008.1.2.4.70": ("JPEG Lossless SV1", by_gdcm(gdcm.TransferSyntax.JPEGLosslessProcess14_1)),
    "1.2.840.10008.1.2.4.80": ("JPEG-LS", by_gdcm(gdcm.TransferSyntax.JPEGLSLossless)),
}
STREAMS = {
    "1.2.840.10008.1.2.4.57": ("JPEG Lossless", imagecodecs.LJPEG, jpeg_lossless),
    "1.2.840.10008.1.2.4.90": ("JPEG 2000 lossless", imagecodecs.JPEG2K, jpeg_2000()),
    "1.2.840.10008.1.2.4.91": ("JPEG 2000, reversible", imagecodecs.JPEG2K, jpeg_2000(resolutions=3)),
    "1.2.840.10008.1.2.4.201": ("HTJ2K lossless", imagecodecs.HTJ2K, htj2k()),
    "1.2.840.10008.1.2.4.202": ("HTJ2K lossless RPCL", imagecodecs.HTJ2K, htj2k(tlm=True)),
    "1.2.840.10008.1.2.4.203": ("HTJ2K, reversible, tiles", imagecodecs.HTJ2K, htj2k(tile=TILE)),
}


def files(folder: pathlib.Path, header: pydicom.Dataset, frame: Frame) -> Iterator[tuple[str, pathlib.Path]]:
    """The frame's files, one at a time: the name of each syntax and the file."""
    plain = write(folder, header, frame, pydicom.uid.ExplicitVRLittleEndian, None)
    yield "uncompressed", plain
    for syntax, (name, transcode) in FILES.items():
        transcode(plain, folder / f"{syntax}.dcm")
        yield name, folder / f"{syntax}.dcm"
    for syntax, (name, codec, encode) in STREAMS.items():
        if codec.available:
            yield name, write(folder, header, frame, syntax, encode(frame))


def main() -> None:
    mammogram, program = sys.argv[1:]
    header = pydicom.dcmread(mammogram)
    cases, failures = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for frame in frames(header):
            for name, path in files(pathlib.Path(folder), header, frame):
                assert pydicom.dcmread(path, specific_tags=[]).file_meta.TransferSyntaxUID == path.stem
                run = subprocess.run([program, path], capture_output=True, text=True)
                equal = run.stdout.split(" ")[0] == frame.digest()
                outcome = "equal" if equal else f"DIFFERENT {run.stderr.strip()}"
                print(f"{frame.name}: {name}, {path.stat().st_size} bytes: {outcome}", flush=True)
                cases, failures = cases + 1, failures + (not equal)
    for name, codec, _ in STREAMS.values():
        if not codec.available:
            print(f"skipped: {name}, imagecodecs is built without its encoder on this platform")
    print(f"{cases} files, {failures} with other pixels")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
