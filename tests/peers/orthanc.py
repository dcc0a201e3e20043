"""Orthanc as a process of its own on loopback, with or without its DICOMweb plugin."""

import json
import pathlib
import shutil
from typing import Any

from device import Program, free_port

PLUGINS = [pathlib.Path("/usr/share/orthanc/plugins"), pathlib.Path("/usr/lib/orthanc")]
PLUGIN = "libOrthancDicomWeb.so"


def orthanc_program() -> str | None:
    """Debian puts it where only root looks."""
    return shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin")


def dicomweb_plugin() -> pathlib.Path | None:
    """The plugin's file, where there is one."""
    return next((folder / PLUGIN for folder in PLUGINS if (folder / PLUGIN).exists()), None)


class Orthanc(Program):
    """A server whose storage lies below `folder`. Its web port is `http`; with `dicom` it is a DICOM node ORTHANC too."""

    def __init__(self, folder: pathlib.Path, *, dicom: int | None = None, web: bool = False, **more: Any) -> None:
        self.http, config = free_port(), folder / "orthanc.json"
        settings: dict[str, Any] = {
            "Name": "peer",
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "storage"),
            "HttpPort": self.http,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomServerEnabled": dicom is not None,
            "Plugins": [str(dicomweb_plugin())] if web else [],
        }
        if dicom is not None:
            settings |= {"DicomPort": dicom, "DicomAet": "ORTHANC"}
        if web:
            settings |= {"DicomWeb": {"Enable": True, "Root": "/dicom-web/"}}
        config.write_text(json.dumps(settings | more))
        super().__init__(orthanc_program(), config, log=folder / "orthanc.log")
        for port in filter(None, (self.http, dicom)):
            self.wait_until_listening(port)
