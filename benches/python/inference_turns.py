"""ONNX Runtime's Python wheel on prepared tensors, a few runs for every line of standard input.

usage: MODEL.onnx INPUT WIDTH HEIGHT BATCH RUNS
"""

import sys
import time

import numpy as np
import onnxruntime

path, name, width, height, batch, runs = sys.argv[1:3] + [int(n) for n in sys.argv[3:]]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
options.log_severity_level = 3
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
noise = np.random.default_rng(1).integers(0, 256, (batch, 3, height, width))
inputs = {name: (noise / 64 - 2).astype(np.float32)}
session.run(None, inputs)
for _ in sys.stdin:
    before = time.process_time()
    for _ in range(runs):
        session.run(None, inputs)
    print(f'{{"cpu_ms_per_picture": {(time.process_time() - before) * 1000 / (runs * batch)}}}', flush=True)
