"""Inference alone: CPU seconds of ONNX Runtime's Python wheel on tensors that are there already.

usage: inference.py NETWORK.onnx INPUT WIDTH HEIGHT RUNS
"""
import sys
import time

import numpy as np
import onnxruntime

network, name, width, height, runs = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
chance = np.random.default_rng(1)
tensors = [chance.standard_normal((1, 3, height, width), dtype=np.float32) for _ in range(4)]
for tensor in tensors:
    session.run(None, {name: tensor})
began = time.process_time()
for run in range(runs):
    session.run(None, {name: tensors[run % len(tensors)]})
print(time.process_time() - began)
