#!/usr/bin/env python3
"""Makes the int8 form of a network, out of the float one and the ranges that calibrate.py measured.

usage: quantize.py MODEL.onnx RANGES OUT.onnx

Static, QDQ: activations unsigned 8 bit for each tensor, weights signed 8 bit for each output channel. The same bytes at every
run and on every machine with the versions in requirements.txt, so that the manifest can hold their sha256. Processors without
8-bit dot products that keep 32 bits (AVX-512 VNNI, AVX-VNNI, Arm's dot product) may cut sums off in U8 x S8; measure there.
"""

import argparse
import os
import sys
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationMethod, QuantType
from onnxruntime.quantization.calibrate import TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.quant_utils import load_model_with_shape_infer
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry


def read_ranges(path):
    ranges = {}
    for line in open(path):
        name, lowest, highest = line.split()
        ranges[name] = (np.array(lowest, np.float32), np.array(highest, np.float32))
    return TensorsData(CalibrationMethod.MinMax, ranges)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("model", "ranges", "out"):
        parser.add_argument(name)
    args = parser.parse_args()
    model = load_model_with_shape_infer(Path(args.model))
    try:
        quantizer = QDQQuantizer(
            model,
            per_channel=True,
            reduce_range=False,
            weight_qType=QuantType.QInt8,
            activation_qType=QuantType.QUInt8,
            tensors_range=read_ranges(args.ranges),
            nodes_to_quantize=[],
            nodes_to_exclude=[],
            op_types_to_quantize=sorted({*QDQRegistry, *QLinearOpsRegistry}),
            extra_options={},
        )
        quantizer.quantize_model()
    except (OSError, ValueError, KeyError) as err:
        sys.exit(f"{args.model}: cannot be made int8 with {args.ranges}: {type(err).__name__}: {err}")
    quantizer.model.topological_sort()
    made = quantizer.model.model
    # What shape inference noted down changes from version to version, and is inferred again when the network is loaded.
    del made.graph.value_info[:]
    made.producer_name, made.producer_version = "quantize", ""
    onnx.checker.check_model(made, full_check=True)
    temporary = f"{args.out}.{os.getpid()}.part"
    with open(temporary, "wb") as out:
        out.write(made.SerializeToString(deterministic=True))
    os.replace(temporary, args.out)


if __name__ == "__main__":
    main()
