#!/usr/bin/env python3
"""Turns a TensorFlow.js graph model into an ONNX model of one input size and any batch, with numpy and onnx only.

usage: tfjs_to_onnx.py MODEL.json OUT.onnx --size WIDTHxHEIGHT [--output NEW_NAME=OLD_NAME]...

A TFJS graph model is a list of nodes in topological order and one file of weights, so no TensorFlow is needed to read it.
What comes out:
  * NCHW throughout. A Transpose of the source moves no data: it only renames axes, and is written only where the axes of an
    output or of a reshape really differ.
  * weights as float32 (float16 in the file), bias inside Conv, padding inside Conv and MaxPool.
  * the same bytes at every run with the versions in requirements.txt, so that the manifest can hold their sha256.
The recorded graph has sizes of its own input (416x416) baked in; each is scaled to the wanted input.
Ops that no model of ours has are refused by name: add a function and a row in OPS of tfjs_ops.py.
"""

import argparse
import json
import math
import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper

from tfjs_ops import NHWC, OPS, Refused, Tensor

OPSET = 17
IR_VERSION = 8
BATCH = "batch"


class Graph:
    def __init__(self, model, folder):
        self.sources = model["modelTopology"]["node"]
        self.weights = read_weights(model["weightsManifest"], folder)
        self.readers = {}
        for node in self.sources:
            for name in node.get("input", []):
                self.readers.setdefault(name, []).append(node)
        self.values = {}  # by source name: numpy array or Tensor
        self.done = set()  # nodes folded into an earlier one
        self.nodes, self.initializers, self.inputs, self.outputs = [], [], [], []

    def emit(self, op, inputs, count=1, **attributes):
        number = len(self.nodes)
        names = [f"t{number}_{i}" if count > 1 else f"t{number}" for i in range(count)]
        self.nodes.append(helper.make_node(op, inputs, names, name=f"{op}_{number}", **attributes))
        return names if count > 1 else names[0]

    def constant(self, array):
        name = f"c{len(self.initializers)}"
        array = np.ascontiguousarray(array)
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        self.initializers.append(helper.make_tensor(name, kind, array.shape, array.tobytes(), raw=True))
        return name

    def settled(self, tensor):
        """The tensor with its axes in source order; a Transpose is written if they are not."""
        if tensor.pads:
            raise Refused("padding that neither a convolution nor a pooling follows")
        order = tuple(range(len(tensor.axes)))
        if tensor.axes == order:
            return tensor
        turn = lambda shape: tuple(shape[a] for a in tensor.axes)
        name = self.emit("Transpose", [tensor.name], perm=list(tensor.axes))
        return Tensor(name, turn(tensor.recorded), turn(tensor.wanted), order)


def read_weights(groups, folder):
    weights = {}
    for group in groups:
        data = b"".join(open(os.path.join(folder, path), "rb").read() for path in group["paths"])
        at = 0
        for spec in group["weights"]:
            stored = spec.get("quantization", {}).get("dtype", spec["dtype"])
            if stored not in ("float16", "float32", "int32"):
                raise Refused(f"weight {spec['name']}: stored as {stored}")
            count = math.prod(spec["shape"])
            array = np.frombuffer(data, np.dtype(stored).newbyteorder("<"), count, at).reshape(spec["shape"])
            at += array.nbytes
            weights[spec["name"]] = array.astype(spec["dtype"])
        if at != len(data):
            raise Refused(f"{group['paths']}: {len(data)} bytes, but its weights are {at}")
    return weights


def convert(path, width, height, renamed):
    model = json.load(open(path))
    graph = Graph(model, os.path.dirname(path))
    (spec,) = model["signature"]["inputs"].values()
    recorded = tuple(int(d["size"]) for d in spec["tensorShape"]["dim"])
    graph.channels_last = recorded[3] == 3
    if graph.channels_last:
        recorded = (recorded[0], recorded[3], *recorded[1:3])
    graph.inputs.append((("picture", recorded), (*recorded[:2], height, width)))
    ends = sorted(spec["name"].split(":")[0] for spec in model["signature"]["outputs"].values())
    if renamed:
        ends = [end for end in ends if end in renamed]
    needed = ancestors(graph.sources, ends)
    for node in graph.sources:
        name = node["name"]
        if name in graph.done or name not in needed:
            continue
        if node["op"] not in OPS:
            raise Refused(f"{name}: op {node['op']}; known are {', '.join(sorted(OPS))}")
        made = OPS[node["op"]](graph, node, *(graph.values[i] for i in node.get("input", [])))
        for i, value in enumerate(made if isinstance(made, list) else [made]):
            graph.values[f"{name}:{i}" if i else name] = value
    # Planes stay planes; whatever else comes out as the source has it.
    whole = lambda tensor: tensor if tensor.axes == NHWC and not tensor.pads else graph.settled(tensor)
    return finished(graph, {renamed.get(old, old): whole(graph.values[old]) for old in ends})


def ancestors(nodes, ends):
    inputs = {node["name"]: node.get("input", []) for node in nodes}
    found, left = set(), list(ends)
    while left:
        name = left.pop().split(":")[0]
        if name not in found:
            found.add(name)
            left.extend(inputs[name])
    return found


def finished(graph, outputs):
    for new, tensor in outputs.items():
        for node in graph.nodes:
            node.output[:] = [new if n == tensor.name else n for n in node.output]
            node.input[:] = [new if n == tensor.name else n for n in node.input]
    (name, _), wanted = graph.inputs[0]
    value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, [BATCH, *shape[1:]])
    made = helper.make_graph(
        graph.nodes,
        "converted",
        [value(name, wanted)],
        [value(new, tensor.wanted) for new, tensor in outputs.items()],
        graph.initializers,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="tfjs_to_onnx")
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("out")
    parser.add_argument("--size", required=True, metavar="WIDTHxHEIGHT", help="multiples of 32")
    parser.add_argument("--output", action="append", default=[], metavar="NEW=OLD", help="a better name for an output")
    args = parser.parse_args()
    try:
        width, height = (int(n) for n in args.size.split("x"))
    except ValueError:
        parser.error(f"--size {args.size}: not WIDTHxHEIGHT")
    if min(width, height) < 32 or width % 32 or height % 32:
        parser.error(f"--size {args.size}: both sides must be multiples of 32")
    renamed = dict(reversed(pair.split("=", 1)) for pair in args.output)
    try:
        data = convert(args.model, width, height, renamed)
    except (Refused, OSError, KeyError, ValueError) as err:
        sys.exit(f"{args.model}: cannot be converted: {type(err).__name__}: {err}")
    temporary = f"{args.out}.{os.getpid()}.part"
    with open(temporary, "wb") as out:
        out.write(data)
    os.replace(temporary, args.out)


if __name__ == "__main__":
    main()
