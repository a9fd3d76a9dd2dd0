// Counts as the panel shows them: a row a camera, line and direction, a column a class, and how much was watched. Pure.
import type { Count, Watched } from "../../gen/ngatu/v1/api_pb";
import { Direction, type RoadUser } from "../../gen/ngatu/v1/event_pb";

export interface Row {
  camera: string;
  line: string;
  direction: Direction;
  byUser: Map<RoadUser, number>;
  total: number;
  /** Crossings of each bucket, oldest first. */
  trend: number[];
  /** Part of the span that the camera was watched, 0 to 1. */
  watched: number;
}

export interface Span {
  fromMs: number;
  toMs: number;
  bucketMs: number;
}

/** The sum of all rows by bucket, oldest first, and the part of each bucket that was watched, 0 to 1, over all cameras. */
export interface Course {
  fromMs: number;
  bucketMs: number;
  crossings: number[];
  /** The last one is undefined while no gateway has told of it: its minute is still open. */
  watched: (number | undefined)[];
}

export const bucketsOf = ({ fromMs, toMs, bucketMs }: Span): number => Math.max(1, Math.ceil((toMs - fromMs) / bucketMs));

/**
 * Rows sorted by camera, line, direction. A line of a watched camera that nobody crossed has a row of zero; one of a camera
 * that was not watched has none.
 */
export function rowsOf(counts: readonly Count[], watched: readonly Watched[], linesOf: (camera: string) => readonly string[], span: Span): Row[] {
  const buckets = bucketsOf(span);
  const parts = watchedParts(watched, span);
  const rows = new Map<string, Row>();
  const rowOf = (camera: string, line: string, direction: Direction): Row => {
    const key = JSON.stringify([camera, line, direction]);
    let row = rows.get(key);
    if (!row) {
      row = { camera, line, direction, byUser: new Map(), total: 0, trend: Array<number>(buckets).fill(0), watched: parts.get(camera) ?? 0 };
      rows.set(key, row);
    }
    return row;
  };
  const counted = new Set<string>();
  for (const count of counts) {
    const bucket = bucketAt(Number(count.fromMs), span);
    if (bucket === undefined) continue;
    counted.add(JSON.stringify([count.camera, count.line]));
    const row = rowOf(count.camera, count.line, count.direction);
    const n = Number(count.crossings);
    row.total += n;
    row.byUser.set(count.roadUser, (row.byUser.get(count.roadUser) ?? 0) + n);
    row.trend[bucket] = (row.trend[bucket] ?? 0) + n;
  }
  for (const camera of parts.keys()) {
    for (const line of linesOf(camera)) if (!counted.has(JSON.stringify([camera, line]))) rowOf(camera, line, Direction.UNSPECIFIED);
  }
  return [...rows.values()].sort((a, b) => a.camera.localeCompare(b.camera) || a.line.localeCompare(b.line) || a.direction - b.direction);
}

export function courseOf(rows: readonly Row[], watched: readonly Watched[], span: Span): Course {
  const crossings = Array<number>(bucketsOf(span)).fill(0);
  for (const row of rows) row.trend.forEach((n, i) => (crossings[i] = (crossings[i] ?? 0) + n));
  const sums = crossings.map(() => 0);
  const cameras = new Set<string>();
  for (const w of watched) {
    const bucket = bucketAt(Number(w.fromMs), span);
    if (bucket === undefined) continue;
    cameras.add(w.camera);
    sums[bucket] = (sums[bucket] ?? 0) + Number(w.watchedMs);
  }
  const last = sums.length - 1;
  const watchedIn = (ms: number, i: number): number | undefined => {
    if (i === last && ms === 0) return undefined;
    // The last bucket may still be running: the part of it that is over is the whole.
    const overMs = Math.min(span.bucketMs, span.toMs - span.fromMs - i * span.bucketMs);
    return Math.min(1, ms / (Math.max(1, cameras.size) * overMs));
  };
  return { fromMs: span.fromMs, bucketMs: span.bucketMs, crossings, watched: sums.map(watchedIn) };
}

/** Part of the span by camera; cameras that were not watched at all are missing. */
function watchedParts(watched: readonly Watched[], span: Span): Map<string, number> {
  const sums = new Map<string, number>();
  for (const w of watched) if (bucketAt(Number(w.fromMs), span) !== undefined) sums.set(w.camera, (sums.get(w.camera) ?? 0) + Number(w.watchedMs));
  return new Map([...sums].map(([camera, ms]) => [camera, Math.min(1, ms / (span.toMs - span.fromMs))]));
}

function bucketAt(ms: number, span: Span): number | undefined {
  const bucket = Math.floor((ms - span.fromMs) / span.bucketMs);
  return bucket < 0 || bucket >= bucketsOf(span) ? undefined : bucket;
}
