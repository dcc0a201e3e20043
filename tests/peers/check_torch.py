"""Holds the trainer's network against torchvision's: the same weights and images, all outputs within 1e-5 relative of
torchvision's in double precision, or within twice what torchvision's own single precision is away from it.

usage: check_torch.py FORWARD WORK
FORWARD is the trainer's example `forward`; WORK a folder for files. LIBTORCH names the library that FORWARD was built
with, which must not get in the way of Python's own.
"""

import copy
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import torch
import torchvision

TOLERANCE = 1e-5


def random_network(name: str) -> torch.nn.Module:
    """A network whose batch norms have seen images, so that activations neither vanish nor explode."""
    torch.manual_seed(0)
    network = getattr(torchvision.models, name)(weights=None)
    network.classifier[1] = torch.nn.Linear(network.classifier[1].in_features, 1)
    norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None
        torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
        torch.nn.init.uniform_(norm.bias, -0.5, 0.5)
    network.train()
    with torch.no_grad():
        for _ in range(2):
            network(torch.rand(8, 3, 240, 128))
    return network.eval()


def outputs(network: torch.nn.Module, images: torch.Tensor) -> dict[str, torch.Tensor]:
    with torch.no_grad():
        logit = network(images)
        weight = network.classifier[1].weight[:, :, None, None]
        cam = torch.nn.functional.conv2d(network.features(images), weight)
    return {"logit": logit, "probability": torch.sigmoid(logit), "cam": cam}


def write_weights(network: torch.nn.Module, work: pathlib.Path, name: str) -> list[pathlib.Path]:
    """The same weights as NumPy, safetensors and PyTorch write them."""
    state = network.state_dict()
    npz, safetensors, pt = (work / f"{name}.{ending}" for ending in ("npz", "safetensors", "pt"))
    np.savez(npz, **{key: value.numpy() for key, value in state.items()})
    # As torchvision publishes its own: a state dictionary with its `_metadata`.
    torch.save(state, pt)
    write_safetensors(state, safetensors)
    return [npz, safetensors, pt]


def write_safetensors(state: dict[str, torch.Tensor], path: pathlib.Path) -> None:
    """The format's whole text: length of the header, header, numbers."""
    header, numbers, end = {}, [], 0
    for key, value in state.items():
        own = value.contiguous().numpy().tobytes()
        kind = {torch.float32: "F32", torch.int64: "I64"}[value.dtype]
        header[key] = {"dtype": kind, "shape": list(value.shape), "data_offsets": [end, end + len(own)]}
        numbers.append(own)
        end += len(own)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(numbers))


def main() -> None:
    forward, work = sys.argv[1], pathlib.Path(sys.argv[2])
    work.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "LD_LIBRARY_PATH": f"{os.environ['LIBTORCH']}/lib"}
    for name, shape in (("efficientnet_b0", (3, 3, 97, 64)), ("efficientnet_b4", (2, 3, 955, 500))):
        network = random_network(name)
        images = torch.rand(shape, generator=torch.Generator().manual_seed(7))
        single = outputs(network, images)
        double = outputs(copy.deepcopy(network).double(), images.double())
        np.savez(work / "images.npz", image=images.numpy())
        for weights in write_weights(network, work, name):
            out = work / "out.npz"
            command = [forward, name, str(weights), str(work / "images.npz"), str(out)]
            subprocess.run(command, check=True, env=environment)
            found = np.load(out)
            for key, value in double.items():
                compare(f"{name} {weights.suffix} {key}", found[key], single[key].numpy(), value.numpy())


def compare(what: str, found: np.ndarray, single: np.ndarray, double: np.ndarray) -> None:
    if found.shape != double.shape:
        sys.exit(f"{what}: shape {found.shape}, torchvision has {double.shape}")
    difference = relative(found, double)
    own = relative(single, double)
    print(f"{what}: relative difference {difference:.1e}, torchvision's own rounding {own:.1e}")
    if not difference <= max(TOLERANCE, 2 * own):
        sys.exit(f"{what}: more than {TOLERANCE}")


def relative(values: np.ndarray, reference: np.ndarray) -> float:
    return float(np.abs(values - reference).max() / np.abs(reference).max())


if __name__ == "__main__":
    main()
