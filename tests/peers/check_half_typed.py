"""What half precision does to a network's answers, in ONNX Runtime on the CPU.

usage: check_half_typed.py NETWORK.onnx HALF.onnx OUTPUT.json

HALF.onnx is what `to_half` makes of NETWORK.onnx, as TensorRT from version 10 on computes it. ONNX Runtime has no kernels of its own
for most 16-bit operators on a CPU: it computes each in 32 bits and rounds what lies between them, so that what is seen here is
the rounding of weights and of every layer's output, and not a GPU's own sums. Fails where a probability is off by more than 0.02,
a map by more than the engines' tolerance for half precision, or anything is not finite.
"""

import json
import sys

import numpy
import onnx
import onnxruntime

GAP_MAX = 0.02
# As in `appliance/inference/src/golden.rs`.
MAP_GAP_MAX = 0.02


def inputs(rows: int, columns: int) -> list[numpy.ndarray]:
    """Normalised pictures of several kinds: smooth patterns, a bright blob on black, noise as in golden vectors."""
    y, x = numpy.mgrid[0:rows, 0:columns].astype(numpy.float64)
    blob = numpy.exp(-(((x - columns / 3) / 40) ** 2 + ((y - rows / 2) / 60) ** 2))
    breast = numpy.clip(1 - ((y / rows - 0.5) / 0.45) ** 2 - (x / columns / 0.8) ** 2, 0, 1)
    noise = numpy.random.default_rng(1).random((rows, columns))
    pictures = [
        0.5 + 0.3 * numpy.sin(x / 37.0) * numpy.cos(y / 53.0) + 0.2 * numpy.sin((x + y) / 11.0),
        breast,
        numpy.clip(0.7 * breast + 0.5 * blob, 0, 1),
        numpy.clip(breast * (0.6 + 0.4 * noise), 0, 1),
        noise,
        numpy.random.default_rng(2).random((rows, columns)),
        numpy.zeros((rows, columns)),
        numpy.ones((rows, columns)),
    ]
    mean = numpy.array([0.485, 0.456, 0.406])[:, None, None]
    deviation = numpy.array([0.229, 0.224, 0.225])[:, None, None]
    return [((picture[None] - mean) / deviation)[None].astype(numpy.float32) for picture in pictures]


def main() -> None:
    network, half, output = sys.argv[1:]
    model = onnx.load(half)
    onnx.checker.check_model(model, full_check=True)
    _, _, rows, columns = (dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim)
    options = onnxruntime.SessionOptions()
    # No two operators are made one: each rounds.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    sessions = [onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"]) for path in (network, half)]
    gaps = []
    for image in inputs(rows, columns):
        answers = []
        for session, kind in zip(sessions, (numpy.float32, numpy.float16)):
            answers.append(session.run(["probability", "logit", "cam"], {"image": image.astype(kind)}))
        assert all(numpy.isfinite(part).all() for answer in answers for part in answer)
        (probability, _, cam), (half_probability, _, half_cam) = answers
        scale = max(1.0, float(numpy.abs(cam).max()))
        gap = {
            "probability": float(probability[0, 0]),
            "gap": abs(float(probability[0, 0]) - float(half_probability[0, 0])),
            "map_gap": float(numpy.abs(cam - half_cam).max()) / scale,
        }
        print(f"probability {gap['probability']:.4f}, off by {gap['gap']:.1e}, map by {gap['map_gap']:.1e}")
        gaps.append(gap)
    with open(output, "w") as file:
        json.dump(gaps, file)
    assert 0 < max(gap["gap"] for gap in gaps) < GAP_MAX, "the probability in half precision"
    assert 0 < max(gap["map_gap"] for gap in gaps) < MAP_GAP_MAX, "the map in half precision"


if __name__ == "__main__":
    main()
