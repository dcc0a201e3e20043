"""Holds the trainer's arithmetic against PyTorch's and torchvision's: optimisers, schedules, losses, augmentation, sampler.
With --steps it also prints how long a training step takes in both, one after the other on the same machine.

usage: check_training.py NUMERICS WORK [--steps STEP | --steps-full STEP]
NUMERICS and STEP are the trainer's examples `numerics` and `step`; WORK a folder for files. LIBTORCH names the library that
they were built with, which must not get in the way of Python's own.
"""

import json
import os
import pathlib
import subprocess
import sys
import time

import numpy as np
import torch
import torchvision
import torchvision.transforms.functional

ENVIRONMENT = {**os.environ, "LD_LIBRARY_PATH": f"{os.environ['LIBTORCH']}/lib"}


class Peer:
    """The trainer, asked by files."""

    def __init__(self, numerics: str, work: pathlib.Path) -> None:
        self.numerics, self.work = numerics, work

    def ask(self, **request: dict) -> dict[str, np.ndarray]:
        (self.work / "request.json").write_text(json.dumps(request))
        out = self.work / "numerics.npz"
        subprocess.run([self.numerics, str(self.work / "request.json"), str(out)], check=True, env=ENVIRONMENT)
        return dict(np.load(out))


def compare(what: str, found: np.ndarray, expected: np.ndarray, tolerance: float) -> None:
    if found.shape != expected.shape:
        sys.exit(f"{what}: shape {found.shape}, PyTorch has {expected.shape}")
    difference = float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-30))
    print(f"{what}: relative difference {difference:.1e}")
    if not difference <= tolerance:
        sys.exit(f"{what}: more than {tolerance}")


def check_optimisers(peer: Peer) -> None:
    for method, decay, clip in [("adam", 0.0, 0.0), ("adam", 0.01, 0.0), ("adam_w", 0.05, 0.0), ("adam_w", 0.0, 0.5)]:
        rate, steps = 1e-3, 20
        found = peer.ask(optimiser={"method": method, "rate": rate, "decay": decay, "clip": clip, "steps": steps})
        names = [name.removeprefix("before.") for name in found if name.startswith("before.")]
        names = [name for name in names if ".running_" not in name]
        parameters = {name: torch.tensor(found[f"before.{name}"], requires_grad=True) for name in names}
        decayed = [parameter for parameter in parameters.values() if parameter.dim() > 1]
        others = [parameter for parameter in parameters.values() if parameter.dim() <= 1]
        groups = [{"params": decayed, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
        optimiser = {"adam": torch.optim.Adam, "adam_w": torch.optim.AdamW}[method](groups, lr=rate)
        for step in range(steps):
            for parameter in parameters.values():
                number = torch.arange(parameter.numel(), dtype=torch.float64)
                parameter.grad = ((number * 0.37 + step * 1.7).sin() * 0.01).float().view(parameter.shape)
            if clip:
                torch.nn.utils.clip_grad_norm_(parameters.values(), clip)
            optimiser.step()
        for name, parameter in parameters.items():
            moved = parameter.detach().numpy() - found[f"before.{name}"]
            what = f"{method} decay {decay} clip {clip} {steps} steps {name}"
            compare(what, found[f"after.{name}"] - found[f"before.{name}"], moved, 1e-4)


def check_schedules(peer: Peer) -> None:
    generator = np.random.default_rng(1)
    for patience in (0, 1, 3):
        losses = (0.5 + 0.3 * generator.random(60)).tolist()
        optimiser = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=1e-3)
        plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, factor=0.1, patience=patience, min_lr=1e-6)
        expected = []
        for loss in losses:
            plateau.step(loss)
            expected.append(optimiser.param_groups[0]["lr"])
        found = peer.ask(plateau={"rate": 1e-3, "patience": patience, "losses": losses})["rates"]
        compare(f"ReduceLROnPlateau, patience {patience}", found, np.array(expected), 1e-12)
    rate, warm_up, steps = 1e-3, 10, 110
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=rate)
    linear = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: (step + 1) / warm_up)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps - warm_up, eta_min=1e-6)
    schedule = torch.optim.lr_scheduler.SequentialLR(optimiser, [linear, cosine], [warm_up])
    expected = []
    for _ in range(steps):
        expected.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    found = peer.ask(cosine={"rate": rate, "warm_up": warm_up, "steps": steps})["rates"]
    compare("cosine with warm-up", found, np.array(expected), 1e-9)


def check_losses(peer: Peer) -> None:
    generator = np.random.default_rng(2)
    logits = generator.normal(0, 3, 17).astype(np.float32)
    for smoothing in (0.0, 0.1):
        labels = (generator.random(17) < 0.4).astype(np.float32)
        targets = (labels * np.float32(1 - smoothing) + np.float32(smoothing / 2)).astype(np.float32)
        for loss, gamma, share in [("cross_entropy", 0, 0), ("focal", 2, 0), ("focal", 1.5, 0), ("pairwise", 0, 0.3)]:
            logit, target = torch.tensor(logits, requires_grad=True), torch.tensor(targets)
            cross = torch.nn.functional.binary_cross_entropy_with_logits(logit, target, reduction="sum")
            if loss == "focal":
                cross = torchvision.ops.sigmoid_focal_loss(logit, target, alpha=-1, gamma=gamma, reduction="sum")
            if loss == "pairwise":
                # log(1 + exp(-margin)) as PyTorch's soft margin loss has it.
                margin = logit[target > 0.5][:, None] - logit[target < 0.5][None, :]
                pairs = torch.nn.functional.soft_margin_loss(margin, torch.ones_like(margin))
                cross = (1 - share) * cross + share * len(logits) * pairs
            cross.backward()
            request = {"loss": loss, "gamma": gamma, "share": share}
            found = peer.ask(loss={**request, "logits": logits.tolist(), "targets": targets.tolist()})
            what = f"{loss} gamma {gamma} share {share} smoothing {smoothing}"
            compare(what, found["loss"], cross.detach().numpy().reshape(1), 1e-5)
            compare(f"{what}, gradient", found["gradient"][:, 0], logit.grad.numpy(), 1e-5)


def check_augmentation(peer: Peer) -> None:
    generator = np.random.default_rng(3)
    rows, columns, count = 95, 50, 24
    images = torch.tensor(generator.random((count, 1, rows, columns)), dtype=torch.float32)
    images = torchvision.transforms.functional.gaussian_blur(images, 5)
    np.savez(peer.work / "augment.npz", image=images.numpy())
    even = lambda limit: float(generator.uniform(-limit, limit))
    changes, expected = [], []
    for image in images:
        rotation, shear, scale, gamma = even(30), even(20), 1 + even(0.3), 1 + even(0.4)
        shift = (even(0.2), even(0.2))
        mirror_columns, mirror_rows = generator.random() < 0.5, generator.random() < 0.5
        changes.append({
            "flip_horizontal": bool(mirror_columns), "flip_vertical": bool(mirror_rows), "scale": scale, "gamma": gamma,
            "rotation_rad": float(np.deg2rad(rotation)), "shear_rad": float(np.deg2rad(shear)), "translation": shift,
        })
        image = torchvision.transforms.functional.hflip(image) if mirror_columns else image
        image = torchvision.transforms.functional.vflip(image) if mirror_rows else image
        bilinear = torchvision.transforms.InterpolationMode.BILINEAR
        moved = torchvision.transforms.functional.affine(
            image, rotation, [shift[0] * columns, shift[1] * rows], scale, [-shear, 0.0], bilinear)
        expected.append(moved.clamp(0, 1) ** gamma)
    found = peer.ask(augment={"images": str(peer.work / "augment.npz"), "changes": changes})["image"]
    compare("augmentation against torchvision's affine", found, torch.stack(expected).numpy(), 1e-3)


def check_sampler(peer: Peer) -> None:
    """As often as WeightedRandomSampler with one over the class's size draws each class and each breast."""
    breasts, positive, epochs = 1000, 20, 100
    counts = peer.ask(sampler={"breasts": breasts, "positive": positive, "epochs": epochs})["counts"]
    weights = np.where(np.arange(breasts) < positive, 1 / positive, 1 / (breasts - positive))
    torch.manual_seed(1)
    drawn = list(torch.utils.data.WeightedRandomSampler(weights, breasts * epochs))
    theirs = np.bincount(drawn, minlength=breasts)
    total = breasts * epochs
    for what, of in (("ours", counts), ("WeightedRandomSampler's", theirs)):
        share = of[:positive].sum() / total
        # Chi-square of all breasts against the weights: mean 999, deviation 45.
        expected = weights / weights.sum() * total
        chi = float(((of - expected) ** 2 / expected).sum())
        print(f"sampler, {what}: share of positive draws {share:.4f}, chi-square {chi:.0f} of {breasts - 1} degrees")
        if of.sum() != total or abs(share - 0.5) > 5 * 0.5 / total**0.5 or abs(chi - breasts) > 5 * (2 * breasts) ** 0.5:
            sys.exit(f"sampler, {what}: classes or breasts are not drawn as they should be")


def their_step(name: str, trained_from: int, rows: int, columns: int, images: int, threads: int, steps: int) -> list[float]:
    """Seconds of PyTorch's eager step: the frozen part under no_grad, all in evaluation mode, one pass."""
    torch.set_num_threads(threads)
    network = getattr(torchvision.models, name)(weights=None).eval()
    network.classifier[1] = torch.nn.Linear(network.classifier[1].in_features, 1)
    frozen, trained = network.features[:trained_from], network.features[trained_from:]
    parameters = [*trained.parameters(), *network.classifier.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=1e-3)
    input, targets = torch.rand(images, 3, rows, columns), torch.arange(images).remainder(2).float()[:, None]
    seconds = []
    for _ in range(steps):
        start = time.monotonic()
        with torch.no_grad():
            features = frozen(input)
        logit = network.classifier(trained(features).mean((2, 3)))
        torch.nn.functional.binary_cross_entropy_with_logits(logit, targets).backward()
        optimiser.step()
        optimiser.zero_grad()
        seconds.append(time.monotonic() - start)
    return seconds


def print_steps(step: str, full: bool) -> None:
    cases = [("efficientnet_b4", 7, 480, 256, 16, 3), ("efficientnet_b0", 0, 480, 256, 16, 3)]
    if full:
        cases += [("efficientnet_b4", 7, 955, 500, 16, 2)]
    threads = os.cpu_count() or 1
    for name, trained_from, rows, columns, images, steps in cases:
        arguments = [name, f"features.{trained_from}", rows, columns, images, threads, threads, 2, steps]
        command = [step, *map(str, arguments)]
        ours = subprocess.run(command, check=True, env=ENVIRONMENT, capture_output=True, text=True).stdout.split()
        theirs = their_step(name, trained_from, rows, columns, images, threads, steps)
        own, peer = min(map(float, ours)), min(theirs)
        print(f"step of {name} from features.{trained_from}, {images} images of {rows}x{columns}, {threads} threads: "
              f"trainer {own:.2f} s, PyTorch eager {peer:.2f} s, ratio {own / peer:.2f}")


def main() -> None:
    peer = Peer(sys.argv[1], pathlib.Path(sys.argv[2]))
    peer.work.mkdir(parents=True, exist_ok=True)
    check_optimisers(peer)
    check_schedules(peer)
    check_losses(peer)
    check_augmentation(peer)
    check_sampler(peer)
    if len(sys.argv) == 5:
        print_steps(sys.argv[4], sys.argv[3] == "--steps-full")


if __name__ == "__main__":
    main()
