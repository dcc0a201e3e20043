"""Checks an exported network with ONNX's own checker and runs it in ONNX Runtime.

usage: check_onnx.py NETWORK.onnx OUTPUT.json [WHOLE.json]

With WHOLE.json, the output for the same network with 32-bit weights, the file is one with 16-bit weights: below 40 MB, all
its 16-bit tensors cast to 32 bits, its outputs near the others. Writes logit, probability and CAM of a fixed input, in batches of one and two, for comparison with other engines.
"""

import json
import math
import os
import sys

import numpy
import onnx
import onnxruntime


def fixed_input(rows: int, columns: int) -> numpy.ndarray:
    """The input that the engines' tests use too: a smooth pattern in 0 to 1."""
    y, x = numpy.mgrid[0:rows, 0:columns].astype(numpy.float64)
    plane = 0.5 + 0.3 * numpy.sin(x / 37.0) * numpy.cos(y / 53.0) + 0.2 * numpy.sin((x + y) / 11.0)
    return numpy.stack([plane] * 3)[None].astype(numpy.float32)


def check_half(model: onnx.ModelProto, network: str, whole: dict, outputs: dict) -> None:
    """16-bit storage: small, used through casts alone, and a little off."""
    assert os.path.getsize(network) < 40_000_000, os.path.getsize(network)
    half = {tensor.name for tensor in model.graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT16}
    users = [node for node in model.graph.node if half & set(node.input)]
    assert half and len(users) == len(half)
    assert all(node.op_type == "Cast" and node.attribute[0].i == onnx.TensorProto.FLOAT for node in users)
    scale = max(1, max(map(abs, whole["cam"])))
    gap = max(abs(one - other) for one, other in zip(whole["cam"], outputs["cam"])) / scale
    assert 0 < gap < 0.01, gap
    assert abs(whole["probability"] - outputs["probability"]) < 0.01
    print(f"16-bit weights: {os.path.getsize(network)} bytes, map off by {gap:.1e}")


def main() -> None:
    network, output, *whole = sys.argv[1:]
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
    outputs = {"logit": float(logit[0]), "probability": float(probability[0]), "cam": cam.ravel().tolist()}
    with open(output, "w") as file:
        json.dump(outputs, file)
    for path in whole:
        with open(path) as file:
            check_half(model, network, json.load(file), outputs)
    print(f"logit {logit[0]:.6f} probability {probability[0]:.6f} cam {cam.min():.3f}..{cam.max():.3f}")


if __name__ == "__main__":
    main()
