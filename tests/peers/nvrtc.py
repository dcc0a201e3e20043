"""Compiles the NVIDIA engine's kernels with NVIDIA's own compiler, without a GPU: warnings fail.

usage: nvrtc.py OUT_FOLDER

Writes the source as it was compiled (kernels.cu) and the PTX of each pair of compiler and architecture (12.6-sm_87.ptx) into
OUT_FOLDER, which the engine's tests then interpret. Multiply and add stay two roundings (--fmad=false), as in the reference.
"""

import ctypes
import glob
import os
import pathlib
import site
import sys

KERNELS = pathlib.Path(__file__).resolve().parents[2] / "appliance" / "engine-nvidia" / "kernels"
# The order of `SOURCE` in the engine's `kernels.rs`, which its tests compare with what is written here.
PARTS = ["common.cu", "crop.cu", "input.cu", "cam.cu"]
# Compiler's version: its library, what it needs beside it, and architectures (Xavier: 72, Orin: 87, Thor: 110).
COMPILERS = {
    "11.8": ("cuda_nvrtc/lib/libnvrtc.so.11.2", "cuda_nvrtc/lib/libnvrtc-builtins.so.11.8", ["sm_72"]),
    "12.6": ("cuda_nvrtc/lib/libnvrtc.so.12", "cuda_nvrtc/lib/libnvrtc-builtins.so.12.6", ["sm_72", "sm_87"]),
    "13.0": ("cu13/lib/libnvrtc.so.13", "cu13/lib/libnvrtc-builtins.so.13.0", ["sm_87", "sm_110"]),
}


class Compiler:
    """One version of NVRTC by its C interface."""

    def __init__(self, version: str) -> None:
        library, builtins, self.architectures = COMPILERS[version]
        folders = [pathlib.Path(folder) / "nvidia" for folder in site.getsitepackages()]
        folder = next(folder for folder in folders if (folder / library).exists())
        # NVRTC looks for its built-in functions by name: a library that is loaded already is found.
        ctypes.CDLL(str(folder / builtins), mode=ctypes.RTLD_GLOBAL)
        self.library = ctypes.CDLL(str(folder / library))
        self.library.nvrtcGetErrorString.restype = ctypes.c_char_p
        major, minor = ctypes.c_int(), ctypes.c_int()
        self.check(self.library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)))
        assert f"{major.value}.{minor.value}" == version, f"NVRTC is {major.value}.{minor.value}, not {version}"

    def check(self, status: int) -> None:
        assert status == 0, self.library.nvrtcGetErrorString(status).decode()

    def answer(self, program: ctypes.c_void_p, what: str) -> bytes:
        """What `nvrtcGet...` gives: ProgramLog, PTX or CUBIN."""
        length = ctypes.c_size_t()
        self.check(getattr(self.library, f"nvrtcGet{what}Size")(program, ctypes.byref(length)))
        buffer = ctypes.create_string_buffer(length.value)
        self.check(getattr(self.library, f"nvrtcGet{what}")(program, buffer))
        return buffer.raw

    def compile(self, source: str, architecture: str, what: str) -> tuple[str, bytes]:
        """The log, and PTX or CUBIN: empty when it does not compile."""
        program = ctypes.c_void_p()
        self.check(
            self.library.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernels.cu", 0, None, None)
        )
        options = [f"--gpu-architecture={architecture}", "--fmad=false", "--std=c++14"]
        array = (ctypes.c_char_p * len(options))(*[option.encode() for option in options])
        status = self.library.nvrtcCompileProgram(program, len(options), array)
        log = self.answer(program, "ProgramLog").rstrip(b"\0").decode().strip()
        compiled = self.answer(program, what) if status == 0 else b""
        self.check(self.library.nvrtcDestroyProgram(ctypes.byref(program)))
        return log, compiled


def main() -> None:
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for old in glob.glob(os.path.join(out, "*.ptx")):
        os.remove(old)
    source = "".join((KERNELS / part).read_text() for part in PARTS)
    failed = False
    for version in COMPILERS:
        compiler = Compiler(version)
        for architecture in compiler.architectures:
            log, ptx = compiler.compile(source, architecture.replace("sm_", "compute_"), "PTX")
            # Machine code as well: shared memory and registers must fit the device.
            code_log, code = compiler.compile(source, architecture, "CUBIN")
            sound = ptx and code and not log and not code_log
            failed |= not sound
            sizes = f"{len(ptx)} bytes of PTX, {len(code)} of machine code"
            print(f"NVRTC {version} {architecture}: {sizes if sound else 'FAILED'}")
            for text in filter(None, [log, code_log]):
                print(text)
            if sound:
                (out / f"{version}-{architecture}.ptx").write_bytes(ptx.rstrip(b"\0"))
        # What the compiler says to a warning is seen: else an empty log would prove nothing.
        planted = source + "__device__ int planted() { int unused; return 0; }\n"
        log, _ = compiler.compile(planted, compiler.architectures[0], "CUBIN")
        assert "unused" in log, f"NVRTC {version} does not warn: {log}"
    (out / "kernels.cu").write_text(source)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
