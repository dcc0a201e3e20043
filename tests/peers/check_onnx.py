"""Checks an exported network with ONNX's own checker and runs it in ONNX Runtime.

usage: check_onnx.py NETWORK.onnx OUTPUT.json

Writes logit, probability and CAM of a fixed input, in batches of one and two, for comparison with other engines.
"""

import json
import math
import sys

import numpy
import onnx
import onnxruntime


def fixed_input(rows: int, columns: int) -> numpy.ndarray:
    """The input that the engines' tests use too: a smooth pattern in 0 to 1."""
    y, x = numpy.mgrid[0:rows, 0:columns].astype(numpy.float64)
    plane = 0.5 + 0.3 * numpy.sin(x / 37.0) * numpy.cos(y / 53.0) + 0.2 * numpy.sin((x + y) / 11.0)
    return numpy.stack([plane] * 3)[None].astype(numpy.float32)


def main() -> None:
    network, output = sys.argv[1:]
    model = onnx.load(network)
    onnx.checker.check_model(model, full_check=True)
    properties = {property.key: property.value for property in model.metadata_props}
    bias = float(properties["mamoru.classifier_bias"])
    _, _, rows, columns = (dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim)
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    image = fixed_input(rows, columns)
    names = ["probability", "logit", "cam"]
    single = session.run(names, {"image": image})
    double = session.run(names, {"image": numpy.concatenate([image, image[:, :, ::-1]])})
    assert [part.shape for part in single] == [(1, 1), (1, 1), (1, 1, -(-rows // 32), -(-columns // 32))]
    assert [part.shape[0] for part in double] == [2, 2, 2], "the batch is dynamic"
    assert numpy.allclose(single[1], double[1][:1], rtol=1e-3, atol=1e-4)
    probability, logit, cam = (part[0] for part in single)
    assert abs(cam.mean() + bias - logit[0]) < 1e-4, "the logit is the mean of the CAM plus the bias"
    assert abs(1 / (1 + math.exp(-logit[0])) - probability[0]) < 1e-6
    with open(output, "w") as file:
        json.dump({"logit": float(logit[0]), "probability": float(probability[0]), "cam": cam.ravel().tolist()}, file)
    print(f"logit {logit[0]:.6f} probability {probability[0]:.6f} cam {cam.min():.3f}..{cam.max():.3f}")


if __name__ == "__main__":
    main()
