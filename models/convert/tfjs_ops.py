"""What each operation of a TensorFlow.js graph model becomes in ONNX: one function and one row in OPS each."""

import base64
import math
from dataclasses import dataclass, replace

import numpy as np

NHWC = (0, 2, 3, 1)  # the TensorFlow axes N, H, W, C of a tensor that lies as N, C, H, W


@dataclass(frozen=True)
class Tensor:
    """A tensor of the ONNX graph as the source sees it: axis i of the source is axis `axes[i]` of the ONNX tensor.

    `recorded` and `wanted` are its shapes in ONNX order for one picture at the recorded and the wanted input size; axis 0 is
    the batch and stays first, whatever its size. `pads` waits for the
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


def window_pads(node, x, kernel, strides, fill):
    """Padding of the sliding window, (before, after) for each ONNX axis: what waits in `x`, or TensorFlow's SAME."""
    padding = text(node, "padding")
    if padding not in ("VALID", "SAME") or text(node, "data_format") != "NHWC":
        raise Refused(f"{node['name']}: padding or data format")
    if x.axes != NHWC or (x.pads and (padding == "SAME" or x.fill != fill or any(map(any, x.pads[:2])))):
        raise Refused(f"{node['name']}: axes {x.axes}, padding {x.pads} with {x.fill}")
    if padding == "VALID":
        return x.pads or ((0, 0),) * 4
    pads = [(0, 0), (0, 0)]
    for recorded, wanted, k, s in zip(x.recorded[2:], x.wanted[2:], kernel, strides):
        total, of_wanted = (max((-(-n // s) - 1) * s + k - n, 0) for n in (recorded, wanted))
        if total != of_wanted:
            raise Refused(f"{node['name']}: another padding at the wanted size")
        pads.append((total // 2, total - total // 2))
    return tuple(pads)


def placeholder(graph, node):
    (name, recorded), wanted = graph.inputs[0]
    return Tensor(name, recorded, wanted, NHWC if graph.channels_last else (0, 1, 2, 3))


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


def conv2d(graph, node, x, weights, bias=None):
    depthwise = "Depthwise" in node["op"]
    # HWIO -> OIHW; depthwise HWIM, with each of I by itself.
    kernel = weights.transpose(2, 3, 0, 1).reshape(-1, 1, *weights.shape[:2]) if depthwise else weights.transpose(3, 2, 0, 1)
    groups = weights.shape[2] if depthwise else 1
    size, strides = kernel.shape[2:], numbers(node, "strides")[1:3]
    pads = window_pads(node, x, size, strides, 0.0)
    if numbers(node, "dilations")[1:3] != [1, 1] or kernel.shape[1] * groups != x.wanted[1]:
        raise Refused(f"{node['name']}: dilations or groups")
    inputs, name_of_add = [x.name, graph.constant(kernel)], None
    if bias is None:
        readers = graph.readers[node["name"]]
        bias = next((graph.weights.get(n) for n in readers[0]["input"] if n in graph.weights), None)
        adds = len(readers) == 1 and readers[0]["op"] in ("Add", "AddV2", "BiasAdd") and bias is not None and bias.ndim == 1
        name_of_add = readers[0]["name"] if adds else None
    if bias is not None and (name_of_add or "Fused" in node["op"]):
        inputs.append(graph.constant(bias))
    extra = {"group": groups} if depthwise else {}
    name = graph.emit("Conv", inputs, kernel_shape=list(size), strides=strides, pads=source_pads(pads), **extra)
    recorded, wanted = (slid(padded(s, pads), len(kernel), size, strides) for s in (x.recorded, x.wanted))
    made = Tensor(name, recorded, wanted, NHWC)
    for fused in node["attr"].get("fused_ops", {}).get("list", {}).get("s", []):
        fused = base64.b64decode(fused).decode()
        if fused != "BiasAdd":
            made = OPS[fused](graph, node, made)
    if name_of_add:
        graph.done.add(name_of_add)
        graph.values[name_of_add] = made
    return made


def max_pool(graph, node, x):
    size, strides = numbers(node, "ksize")[1:3], numbers(node, "strides")[1:3]
    pads = window_pads(node, x, size, strides, -math.inf)
    name = graph.emit("MaxPool", [x.name], kernel_shape=size, strides=strides, pads=source_pads(pads))
    recorded, wanted = (slid(padded(s, pads), x.wanted[1], size, strides) for s in (x.recorded, x.wanted))
    return Tensor(name, recorded, wanted, x.axes)


def mean(graph, node, x, axes):
    if x.axes != NHWC or x.pads or [int(a) for a in axes] != [1, 2] or not node["attr"]["keep_dims"]["b"]:
        raise Refused(f"{node['name']}: a mean over axes {axes}")
    name = graph.emit("GlobalAveragePool", [x.name])
    return Tensor(name, (*x.recorded[:2], 1, 1), (*x.wanted[:2], 1, 1), NHWC)


def resize_bilinear(graph, node, x, size):
    if x.axes != NHWC or x.pads or node["attr"]["align_corners"]["b"]:
        raise Refused(f"{node['name']}: kind of resizing")
    scales = [int(to) / was for to, was in zip(size, x.recorded[2:])]
    recorded = (*x.recorded[:2], *(int(n) for n in size))
    wanted = (*x.wanted[:2], *(round(n * s) for n, s in zip(x.wanted[2:], scales)))
    inputs = [x.name, "", graph.constant(np.array([1, 1, *scales], np.float32))]
    mode = "half_pixel" if node["attr"]["half_pixel_centers"]["b"] else "asymmetric"
    name = graph.emit("Resize", inputs, mode="linear", coordinate_transformation_mode=mode)
    return Tensor(name, recorded, wanted, x.axes)


def pointwise(op, compute):
    def work(graph, node, a, b):
        if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
            return compute(a, b)
        if isinstance(a, np.ndarray):
            a, b = b, a
        if isinstance(b, np.ndarray):
            if b.size != 1 or a.pads:
                raise Refused(f"{node['name']}: a constant that is not one number")
            other = graph.constant(b.reshape(()).astype(np.float32))
            return replace(a, name=graph.emit(op, [a.name, other]))
        if a.axes != b.axes or a.pads or b.pads:
            raise Refused(f"{node['name']}: what is joined by {op}")
        if a.wanted[2:] == (1, 1):
            a, b = b, a
        if b.wanted not in (a.wanted, (*a.wanted[:2], 1, 1)):
            raise Refused(f"{node['name']}: sizes {a.wanted} and {b.wanted}")
        return replace(a, name=graph.emit(op, [a.name, b.name]))

    return work


def leaky_relu(graph, node, x):
    return replace(x, name=graph.emit("LeakyRelu", [x.name], alpha=float(node["attr"]["alpha"]["f"])))


def sigmoid(graph, node, x):
    return replace(x, name=graph.emit("Sigmoid", [x.name]))


def relu(graph, node, x):
    return replace(x, name=graph.emit("Relu", [x.name]))


def relu6(graph, node, x):
    limits = [graph.constant(np.array(n, np.float32)) for n in (0, 6)]
    return replace(x, name=graph.emit("Clip", [x.name, *limits]))


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
    if wanted[0] != x.wanted[0] or x.wanted[0] != 1:
        raise Refused(f"{node['name']}: a reshape that mixes the pictures of a batch")
    # In ONNX a 0 keeps the axis as it is: so many pictures come out as went in.
    name = graph.emit("Reshape", [x.name, graph.constant(np.array([0, *wanted[1:]], np.int64))])
    return Tensor(name, full(x.recorded), wanted, tuple(range(len(wanted))))


def identity(graph, node, x):
    return x


OPS = {
    "Add": pointwise("Add", np.add),
    "AddV2": pointwise("Add", np.add),
    "ConcatV2": concat,
    "Const": const,
    "Conv2D": conv2d,
    "DepthwiseConv2dNative": conv2d,
    "FusedDepthwiseConv2dNative": conv2d,
    "Identity": identity,
    "LeakyRelu": leaky_relu,
    "MaxPool": max_pool,
    "Mean": mean,
    "Mul": pointwise("Mul", np.multiply),
    "Pad": pad,
    "PadV2": pad,
    "Placeholder": placeholder,
    "Relu": relu,
    "Relu6": relu6,
    "Reshape": reshape,
    "ResizeBilinear": resize_bilinear,
    "Sigmoid": sigmoid,
    "SparseToDense": sparse_to_dense,
    "SplitV": split,
    "Transpose": transpose,
    "_FusedConv2D": conv2d,
}
