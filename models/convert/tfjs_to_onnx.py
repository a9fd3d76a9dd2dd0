#!/usr/bin/env python3
"""Turns a TensorFlow.js graph model into an ONNX model of one fixed input size, with numpy and onnx only.

usage: tfjs_to_onnx.py MODEL.json OUT.onnx --size WIDTHxHEIGHT [--output NEW_NAME=OLD_NAME]...

A TFJS graph model is a list of nodes in topological order and one file of weights, so no TensorFlow is needed to read it.
What comes out:
  * NCHW throughout. A Transpose of the source moves no data: it only renames axes, and is written only where the axes of an
    output or of a reshape really differ.
  * weights as float32 (float16 in the file), bias inside Conv, padding inside Conv and MaxPool.
  * the same bytes at every run with the versions in requirements.txt, so that the manifest can hold their sha256.
The recorded graph has sizes of its own input (416x416) baked in; each is scaled to the wanted input.
Ops that no model of ours has are refused by name: add a function and a row in OPS.
"""

import argparse
import base64
import json
import math
import os
import sys
from dataclasses import dataclass, replace

import numpy as np
import onnx
from onnx import TensorProto, helper

OPSET = 17
IR_VERSION = 8
NHWC = (0, 2, 3, 1)  # the TensorFlow axes N, H, W, C of a tensor that lies as N, C, H, W


@dataclass(frozen=True)
class Tensor:
    """A tensor of the ONNX graph as the source sees it: axis i of the source is axis `axes[i]` of the ONNX tensor.

    `recorded` and `wanted` are its shapes in ONNX order at the recorded and the wanted input size. `pads` waits for the
    convolution or pooling that follows: (before, after) for each ONNX axis, filled with `fill`.
    """

    name: str
    recorded: tuple
    wanted: tuple
    axes: tuple
    pads: tuple = ()
    fill: float = 0.0


class Refused(Exception):
    """The source has something that this converter does not know how to turn."""


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


def text(node, key):
    return base64.b64decode(node["attr"][key]["s"]).decode()


def numbers(node, key):
    return [int(i) for i in node["attr"][key]["list"]["i"]]


def source_pads(pads):
    """ONNX order: all the starts, then all the ends."""
    return [p[0] for p in pads[2:]] + [p[1] for p in pads[2:]]


def padded(shape, pads):
    return tuple(n + sum(p) for n, p in zip(shape, pads)) if pads else shape


def slid(shape, channels, kernel, strides):
    """Shape after a window without padding of its own (TensorFlow's VALID)."""
    sides = [(n - k) // s + 1 for n, k, s in zip(shape[2:], kernel, strides)]
    return (shape[0], channels, *sides)


def window_input(node, x, fill):
    if text(node, "padding") != "VALID" or text(node, "data_format") != "NHWC":
        raise Refused(f"{node['name']}: padding or data format")
    if x.axes != NHWC or (x.pads and (x.fill != fill or any(map(any, x.pads[:2])))):
        raise Refused(f"{node['name']}: axes {x.axes}, padding {x.pads} with {x.fill}")
    return x.pads or ((0, 0),) * 4


def placeholder(graph, node):
    (name, recorded), wanted = graph.inputs[0]
    return Tensor(name, recorded, wanted, (0, 1, 2, 3))


def const(graph, node):
    return graph.weights[node["name"]]


def sparse_to_dense(graph, node, indices, shape, values, default):
    if len(values):
        raise Refused(f"{node['name']}: values in a SparseToDense")
    return np.full(shape, default)


def pad(graph, node, x, pads, fill=0.0):
    at = dict(zip(x.axes, (tuple(int(n) for n in p) for p in pads)))
    return replace(x, pads=tuple(at[a] for a in range(len(x.axes))), fill=float(fill))


def transpose(graph, node, x, perm):
    return replace(x, axes=tuple(x.axes[p] for p in perm))


def conv2d(graph, node, x, weights):
    pads = window_input(node, x, 0.0)
    kernel = weights.transpose(3, 2, 0, 1)  # HWIO -> OIHW
    strides, dilations = numbers(node, "strides")[1:3], numbers(node, "dilations")[1:3]
    if dilations != [1, 1] or kernel.shape[1] != x.wanted[1]:
        raise Refused(f"{node['name']}: dilations or groups")
    inputs = [x.name, graph.constant(kernel)]
    readers = graph.readers[node["name"]]
    bias = next((graph.weights.get(n) for n in readers[0]["input"] if n in graph.weights), None)
    if len(readers) == 1 and readers[0]["op"] in ("Add", "AddV2", "BiasAdd") and bias is not None and bias.ndim == 1:
        inputs.append(graph.constant(bias))
        graph.done.add(readers[0]["name"])
    size = kernel.shape[2:]
    name = graph.emit("Conv", inputs, kernel_shape=list(size), strides=strides, pads=source_pads(pads))
    recorded, wanted = (slid(padded(s, pads), len(kernel), size, strides) for s in (x.recorded, x.wanted))
    made = Tensor(name, recorded, wanted, NHWC)
    if len(inputs) == 3:
        graph.values[readers[0]["name"]] = made
    return made


def max_pool(graph, node, x):
    pads = window_input(node, x, -math.inf)
    size, strides = numbers(node, "ksize")[1:3], numbers(node, "strides")[1:3]
    name = graph.emit("MaxPool", [x.name], kernel_shape=size, strides=strides, pads=source_pads(pads))
    recorded, wanted = (slid(padded(s, pads), x.wanted[1], size, strides) for s in (x.recorded, x.wanted))
    return Tensor(name, recorded, wanted, x.axes)


def resize_bilinear(graph, node, x, size):
    if x.axes != NHWC or x.pads or not node["attr"]["half_pixel_centers"]["b"] or node["attr"]["align_corners"]["b"]:
        raise Refused(f"{node['name']}: kind of resizing")
    scales = [int(to) / was for to, was in zip(size, x.recorded[2:])]
    recorded = (*x.recorded[:2], *(int(n) for n in size))
    wanted = (*x.wanted[:2], *(round(n * s) for n, s in zip(x.wanted[2:], scales)))
    inputs = [x.name, "", graph.constant(np.array([1, 1, *scales], np.float32))]
    name = graph.emit("Resize", inputs, mode="linear", coordinate_transformation_mode="half_pixel")
    return Tensor(name, recorded, wanted, x.axes)


def add(graph, node, a, b):
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a + b
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray) or (a.axes, a.wanted) != (b.axes, b.wanted) or a.pads or b.pads:
        raise Refused(f"{node['name']}: what is added")
    return replace(a, name=graph.emit("Add", [a.name, b.name]))


def leaky_relu(graph, node, x):
    return replace(x, name=graph.emit("LeakyRelu", [x.name], alpha=float(node["attr"]["alpha"]["f"])))


def sigmoid(graph, node, x):
    return replace(x, name=graph.emit("Sigmoid", [x.name]))


def concat(graph, node, *values):
    *parts, axis = values
    if len({(p.axes, p.pads) for p in parts}) != 1 or parts[0].pads:
        raise Refused(f"{node['name']}: parts with different axes")
    at = parts[0].axes[int(axis)]
    joined = lambda shapes: tuple(sum(s[i] for s in shapes) if i == at else n for i, n in enumerate(shapes[0]))
    name = graph.emit("Concat", [p.name for p in parts], axis=at)
    return Tensor(name, joined([p.recorded for p in parts]), joined([p.wanted for p in parts]), parts[0].axes)


def split(graph, node, x, sizes, axis):
    at, sizes = x.axes[int(axis)], [int(n) for n in sizes]
    names = graph.emit("Split", [x.name, graph.constant(np.array(sizes, np.int64))], count=len(sizes), axis=at)
    cut = lambda shape, n: (*shape[:at], n, *shape[at + 1 :])
    return [replace(x, name=name, recorded=cut(x.recorded, n), wanted=cut(x.wanted, n)) for name, n in zip(names, sizes)]


def reshape(graph, node, x, shape):
    x = graph.settled(x)
    full = lambda old: tuple(int(n) if n >= 0 else math.prod(old) // -math.prod(int(i) for i in shape) for n in shape)
    wanted = full(x.wanted)
    name = graph.emit("Reshape", [x.name, graph.constant(np.array(wanted, np.int64))])
    return Tensor(name, full(x.recorded), wanted, tuple(range(len(wanted))))


def identity(graph, node, x):
    return x


OPS = {
    "Add": add,
    "AddV2": add,
    "ConcatV2": concat,
    "Const": const,
    "Conv2D": conv2d,
    "Identity": identity,
    "LeakyRelu": leaky_relu,
    "MaxPool": max_pool,
    "Pad": pad,
    "PadV2": pad,
    "Placeholder": placeholder,
    "Reshape": reshape,
    "ResizeBilinear": resize_bilinear,
    "Sigmoid": sigmoid,
    "SparseToDense": sparse_to_dense,
    "SplitV": split,
    "Transpose": transpose,
}


def convert(path, width, height, renamed):
    model = json.load(open(path))
    graph = Graph(model, os.path.dirname(path))
    (spec,) = model["signature"]["inputs"].values()
    recorded = tuple(int(d["size"]) for d in spec["tensorShape"]["dim"])
    graph.inputs.append((("picture", recorded), (*recorded[:2], height, width)))
    for node in graph.sources:
        name = node["name"]
        if name in graph.done:
            continue
        if node["op"] not in OPS:
            raise Refused(f"{name}: op {node['op']}; known are {', '.join(sorted(OPS))}")
        made = OPS[node["op"]](graph, node, *(graph.values[i] for i in node.get("input", [])))
        for i, value in enumerate(made if isinstance(made, list) else [made]):
            graph.values[f"{name}:{i}" if i else name] = value
    shapes = {}
    for old in sorted(spec["name"].split(":")[0] for spec in model["signature"]["outputs"].values()):
        tensor = graph.settled(graph.values[old])
        shapes[renamed.get(old, old)] = tensor
    return finished(graph, shapes)


def finished(graph, outputs):
    for new, tensor in outputs.items():
        for node in graph.nodes:
            node.output[:] = [new if n == tensor.name else n for n in node.output]
            node.input[:] = [new if n == tensor.name else n for n in node.input]
    (name, _), wanted = graph.inputs[0]
    value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
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
