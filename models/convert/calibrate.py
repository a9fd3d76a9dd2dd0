#!/usr/bin/env python3
"""Measures between which numbers each tensor of a network lies, on frames of the street's clips: what quantize.py needs.

usage: calibrate.py MODEL.onnx MANIFEST.toml CLIPS_FOLDER OUT.ranges

OUT.ranges is kept in the repository, one tensor a line (`name lowest highest`): floats differ in their last digits from
processor to processor, so whoever makes the int8 network takes the same numbers, and gets the same bytes, everywhere.
Frames are read with GStreamer (`gst-launch-1.0`).
"""

import argparse
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, create_calibrator

# Name, width, height, and how many frames, spread evenly. deploy/clips fetches them.
CLIPS = [("vtest.avi", 768, 576, 60), ("bikes.mp4", 640, 272, 60)]


def frames(path, width, height, count):
    """`count` RGB frames of the clip, as arrays [height, width, 3]."""
    sink = f"video/x-raw,format=RGB,width={width},height={height}"
    command = ["gst-launch-1.0", "-q", "filesrc", f"location={path}", "!", "decodebin", "!", "videoconvert", "!", sink]
    command += ["!", "fdsink", "fd=1"]
    done = subprocess.run(command, capture_output=True)
    # GStreamer pads each row of RGB to a multiple of four bytes.
    row = (width * 3 + 3) // 4 * 4
    if done.returncode or len(done.stdout) < row * height * count:
        sys.exit(f"reading {path}: {done.stderr.decode()[-500:]}; deploy/clips fetches the clips")
    every = np.frombuffer(done.stdout, np.uint8)
    every = every[: len(every) // (row * height) * row * height].reshape(-1, height, row)
    chosen = np.linspace(0, len(every) - 1, count).round().astype(int)
    return [every[i][:, : width * 3].reshape(height, width, 3) for i in chosen]


def resized(picture, width, height):
    """Bilinear, pixel centres as OpenCV has them."""
    axis = lambda to, was: np.clip((np.arange(to) + 0.5) * was / to - 0.5, 0, was - 1)
    y, x = axis(height, picture.shape[0]), axis(width, picture.shape[1])
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    bottom, right = np.minimum(top + 1, picture.shape[0] - 1), np.minimum(left + 1, picture.shape[1] - 1)
    y, x = (y - top)[:, None, None], (x - left)[None, :, None]
    source = picture.astype(np.float32)
    upper = source[top][:, left] * (1 - x) + source[top][:, right] * x
    lower = source[bottom][:, left] * (1 - x) + source[bottom][:, right] * x
    return upper * (1 - y) + lower * y


def tensor(picture, spec):
    """The frame as the manifest's [input] says: letterboxed in the middle, 0 around it, then mean and std."""
    scale = min(spec["width"] / picture.shape[1], spec["height"] / picture.shape[0])
    width, height = (round(n * scale / 2) * 2 for n in (picture.shape[1], picture.shape[0]))
    whole = np.zeros((spec["height"], spec["width"], 3), np.float32)
    top, left = (spec["height"] - height) // 2, (spec["width"] - width) // 2
    whole[top : top + height, left : left + width] = resized(picture, width, height)
    whole = whole[:, :, ::-1] if spec["channels"] == "bgr" else whole
    whole = (whole - np.array(spec["mean"], np.float32)) / np.array(spec["std"], np.float32)
    return whole.transpose(2, 0, 1)[None]


class Frames(CalibrationDataReader):
    def __init__(self, folder, spec):
        found = (frame for name, *rest in CLIPS for frame in frames(os.path.join(folder, name), *rest))
        self.inputs = ({spec["tensor"]: np.ascontiguousarray(tensor(f, spec))} for f in found)

    def get_next(self):
        return next(self.inputs, None)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("model", "manifest", "clips", "out"):
        parser.add_argument(name)
    args = parser.parse_args()
    spec = tomllib.load(open(args.manifest, "rb"))["input"]
    scratch = f"{args.out}.{os.getpid()}.onnx"
    try:
        calibrator = create_calibrator(
            Path(args.model), augmented_model_path=scratch, calibrate_method=CalibrationMethod.MinMax
        )
        calibrator.collect_data(Frames(args.clips, spec))
        ranges = calibrator.compute_data()
    finally:
        if os.path.exists(scratch):
            os.remove(scratch)
    with open(args.out, "w") as out:
        for name, found in ranges.items():
            lowest, highest = (float(np.asarray(v).reshape(-1)[0]) for v in found.range_value)
            out.write(f"{name} {lowest:.6g} {highest:.6g}\n")
    print(f"{args.out}: {len(list(ranges.items()))} tensors", file=sys.stderr)


if __name__ == "__main__":
    main()
