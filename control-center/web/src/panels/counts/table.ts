// Counts as the panel shows them: a row a camera, line and direction, a column a class. Pure.
import type { Count } from "../../gen/ngatu/v1/api_pb";
import type { Direction, RoadUser } from "../../gen/ngatu/v1/event_pb";

export interface Row {
  camera: string;
  line: string;
  direction: Direction;
  byUser: Map<RoadUser, number>;
  total: number;
  /** Crossings of each bucket, oldest first. */
  trend: number[];
}

export interface Span {
  fromMs: number;
  toMs: number;
  bucketMs: number;
}

export const bucketsOf = ({ fromMs, toMs, bucketMs }: Span): number => Math.max(1, Math.ceil((toMs - fromMs) / bucketMs));

/** Rows sorted by camera, line, direction. */
export function rowsOf(counts: readonly Count[], span: Span): Row[] {
  const buckets = bucketsOf(span);
  const rows = new Map<string, Row>();
  for (const count of counts) {
    const bucket = Math.floor((Number(count.fromMs) - span.fromMs) / span.bucketMs);
    if (bucket < 0 || bucket >= buckets) continue;
    const key = JSON.stringify([count.camera, count.line, count.direction]);
    let row = rows.get(key);
    if (!row) {
      row = { camera: count.camera, line: count.line, direction: count.direction, byUser: new Map(), total: 0, trend: Array<number>(buckets).fill(0) };
      rows.set(key, row);
    }
    const n = Number(count.crossings);
    row.total += n;
    row.byUser.set(count.roadUser, (row.byUser.get(count.roadUser) ?? 0) + n);
    row.trend[bucket] = (row.trend[bucket] ?? 0) + n;
  }
  return [...rows.values()].sort((a, b) => a.camera.localeCompare(b.camera) || a.line.localeCompare(b.line) || a.direction - b.direction);
}

/** The sum of all rows' trends. */
export function trendOf(rows: readonly Row[], span: Span): number[] {
  const sum = Array<number>(bucketsOf(span)).fill(0);
  for (const row of rows) row.trend.forEach((n, i) => (sum[i] = (sum[i] ?? 0) + n));
  return sum;
}
