"""What the scenarios of generate_scenarios.py are written with: road users on their ways, and looks of a camera."""
import json
import pathlib
import random

HERE = pathlib.Path(__file__).parent / "scenarios"


class User:
    """`gaps`: spans of seconds without a detection. `ids`: (from second, id) for scenarios with ready tracks.
    `seen_as`: (from second, class), when the network takes it for something else. `carried`: (from second, to second, id)
    in which the tracker carries a track on unseen, for scenarios with ready tracks."""

    def __init__(self, kind, size, way, gaps=(), ids=(), seen_as=(), score=0.8, carried=()):
        self.kind, self.size, self.way, self.gaps = kind, size, way, gaps
        self.ids, self.seen_as, self.score, self.carried = ids, seen_as, score, carried

    def foot(self, t):
        if not self.way[0][0] <= t <= self.way[-1][0]:
            return None
        for (t0, x0, y0), (t1, x1, y1) in zip(self.way, self.way[1:]):
            if t0 <= t <= t1:
                part = (t - t0) / (t1 - t0) if t1 > t0 else 0
                return x0 + part * (x1 - x0), y0 + part * (y1 - y0)

    def last_of(self, changes, t, otherwise):
        return next((what for since, what in reversed(changes) if since <= t), otherwise)


def write(name, users, fps=6, seconds=30, missing=0.0, jitter=0.03, shake=0.0, tracks=False, blind=()):
    """`blind`: spans of seconds without a picture."""
    chance = random.Random(name)
    lines, boxes = [], {}
    for n in range(int(seconds * fps) + 1):
        t = n / fps
        if any(a <= t < b for a, b in blind):
            continue
        sway = (chance.gauss(0, shake), chance.gauss(0, shake))
        seen = []
        for number, user in enumerate(users, 1):
            seen += [{"id": one, "class": user.kind, "bbox": boxes[one], "unseen": True} for a, b, one in user.carried if a <= t < b]
            foot = user.foot(t)
            if foot is None or any(a <= t < b for a, b in user.gaps) or chance.random() < missing:
                continue
            w, h = (side * (1 + chance.gauss(0, jitter)) for side in user.size)
            x = foot[0] + sway[0] + chance.gauss(0, jitter) * user.size[0] - w / 2
            y = foot[1] + sway[1] + chance.gauss(0, jitter) * user.size[1] / 2 - h
            box = [round(v, 1) for v in (x, y, w, h)]
            kind = user.last_of(user.seen_as, t, user.kind)
            if tracks:
                boxes[user.last_of(user.ids, t, number)] = box
                seen.append({"id": user.last_of(user.ids, t, number), "class": kind, "bbox": box})
            else:
                score = round(min(0.99, max(0.13, chance.gauss(user.score, 0.08))), 2)
                seen.append({"class": kind, "bbox": box, "score": score})
        lines.append(json.dumps({"at_ms": round(t * 1000), "tracks" if tracks else "detections": seen}, separators=(",", ":")))
    (HERE / name).mkdir(exist_ok=True)
    (HERE / name / "in.jsonl").write_text("\n".join(lines) + "\n")


def write_looks(name, spans):
    """One picture a second; `spans`: (seconds, what the camera shows, detections). The keys of a look are in it/scenarios/painted.rs."""
    lines, n = [], 0
    for seconds, look, seen in spans:
        for _ in range(seconds):
            lines.append(json.dumps({"at_ms": n * 1000, "detections": seen, "look": look}, separators=(",", ":")))
            n += 1
    (HERE / name).mkdir(exist_ok=True)
    (HERE / name / "in.jsonl").write_text("\n".join(lines) + "\n")


CAR, BIKE, MAN, BUS = (60, 40), (22, 44), (16, 46), (150, 90)


def car(*way, **more):
    return User("car", CAR, way, **more)


def bike(*way, **more):
    return User("motorcycle", BIKE, way, **more)


def man(*way, **more):
    return User("person", MAN, way, **more)
