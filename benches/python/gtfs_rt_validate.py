"""GTFS-realtime feeds held against every rule of the PyPI package gtfs-rt-validator.

usage: python3 benches/python/gtfs_rt_validate.py --gtfs TIMETABLE.zip --feeds DIR

DIR holds sets as `benches/run transit-feed --gtfs TIMETABLE.zip --out DIR` writes them: NNN-trip_updates.pb,
NNN-vehicle_positions.pb, NNN-alerts.pb. The three of a set are looked at together, at the moment that they say they are of, and each
set after the one before. The packages are installed once, into an environment of its own in the cache (NGATU_CACHE, else
~/.cache/ngatu); Python 3.11 or newer.

Prints one JSON object last: {"messages", "skipped", "rules_run", "error_count", "errors": {RULE: N}, "warning_count",
"warnings": {RULE: N}, "samples": {RULE: TEXT}}. Ends with 1 where there is an error or a file could not be read.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

PACKAGES = ["gtfs-rt-validator==0.3.0", "gtfs-realtime-bindings==2.2.0"]
ROLES = {"trip_updates": "tu", "vehicle_positions": "vp", "alerts": "sa"}


def environment():
    """The Python of an environment with the packages."""
    cache = os.environ.get("NGATU_CACHE") or pathlib.Path(
        os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "ngatu"
    venv = pathlib.Path(cache) / "gtfs-rt-validator"
    done = venv / "packages"
    if not done.exists() or done.read_text().split() != PACKAGES:
        print(f"installing {', '.join(PACKAGES)} into {venv}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        subprocess.run([venv / "bin/pip", "install", "--quiet", *PACKAGES], check=True)
        done.write_text("\n".join(PACKAGES))
    return venv / "bin/python"


def moment(message):
    """When a feed says that it is of, in seconds UTC."""
    from google.transit import gtfs_realtime_pb2

    feed = gtfs_realtime_pb2.FeedMessage.FromString(message)
    if not feed.header.timestamp:
        raise ValueError("its header has no timestamp")
    return feed.header.timestamp


def cycles(folder, copies):
    """Sets in their order; of copies that were last modified at their moment, which is a replay's clock."""
    from gtfs_rt_validator.runner import Source

    sets = {}
    for path in sorted(folder.glob("[0-9]*-*.pb")):
        number, kind = path.stem.split("-", 1)
        if kind in ROLES:
            copy = pathlib.Path(shutil.copy(path, copies))
            at = moment(copy.read_bytes())
            os.utime(copy, (at, at))
            sets.setdefault(number, {})[ROLES[kind]] = Source(str(copy), ROLES[kind], copy)
    if not sets:
        sys.exit(f"{folder} holds no NNN-trip_updates.pb; write them with benches/run transit-feed --out {folder}")
    return tuple(tuple(of_set[role] for role in ROLES.values() if role in of_set) for of_set in sets.values())


def look(timetable, folder):
    from gtfs_rt_validator.api import Inputs, Mode, Request, validate

    with tempfile.TemporaryDirectory() as copies, tempfile.TemporaryDirectory() as out:
        inputs = Inputs(cycles(folder, copies), directory_replay=True)
        result = validate(Request(mode=Mode.MODERN, gtfs=timetable, inputs=inputs))
        report = json.loads(result.write(pathlib.Path(out)).report.read_text())
    found, samples = {"ERROR": {}, "WARNING": {}}, {}
    for notice in report["notices"]:
        found[notice["severity"]][notice["code"]] = notice["totalNotices"]
        sample = next(iter(notice["sampleNotices"]), {})
        samples[notice["code"]] = f"{sample.get('prefix', '')} ({pathlib.Path(sample.get('sourceFile', '')).name})"
    told = {
        "messages": report["summary"]["messagesValidated"],
        "skipped": report["summary"]["filesSkipped"],
        "rules_run": len(report["summary"]["rulesRun"]),
        "error_count": sum(found["ERROR"].values()),
        "errors": found["ERROR"],
        "warning_count": sum(found["WARNING"].values()),
        "warnings": found["WARNING"],
        "samples": samples,
    }
    print(json.dumps(told, ensure_ascii=False))
    return 1 if told["error_count"] or told["skipped"] else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--gtfs", required=True, type=pathlib.Path, metavar="FILE", help="the timetable, a zip")
    parser.add_argument("--feeds", required=True, type=pathlib.Path, metavar="DIR", help="sets of feeds")
    parser.add_argument("--in-environment", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.in_environment:
        return look(args.gtfs, args.feeds)
    again = [environment(), __file__, "--gtfs", args.gtfs, "--feeds", args.feeds, "--in-environment"]
    return subprocess.run(again).returncode


sys.exit(main())
