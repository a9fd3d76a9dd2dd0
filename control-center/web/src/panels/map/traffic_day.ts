// A segment's day, drawn by uPlot: the buses' speed as a line, what the camera beside it counted as bars.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

import { integer, kmh, minuteOf } from "../../format";
import type { GetSegmentDayResponse } from "../../gen/ngatu/v1/transit_pb";
import { t } from "../../i18n";

const BUCKET_MS = 300_000;
const AXIS = "#a9b8c6";
const GRID = "#2a3b4d";
const FONT = `11px "Be Vietnam Pro", sans-serif`;

export class DayCurve {
  #plot: uPlot | undefined;

  constructor(private readonly host: HTMLElement) {}

  clear(): void {
    this.#plot?.destroy();
    this.#plot = undefined;
  }

  /** Where no bus was seen the line is broken; where nobody watched there is no bar. */
  show(day: GetSegmentDayResponse): void {
    this.clear();
    const from = Number(day.fromMs);
    const speed = new Map(day.buckets.map((b) => [Number(b.fromMs), b.speedMps]));
    const flow = new Map(day.flow.map((f) => [Number(f.fromMs), f.watchedMs > 0n ? (Number(f.crossings) * 3_600_000) / Number(f.watchedMs) : undefined]));
    const count = Math.round((Number(day.toMs) - from) / BUCKET_MS);
    const x = Array.from({ length: count }, (_, i) => from + i * BUCKET_MS);
    const kmhs = x.map((ms) => (speed.get(ms) === undefined ? null : speed.get(ms)! * 3.6));
    const usual = x.map(() => (day.referenceMps === undefined ? null : day.referenceMps * 3.6));
    const axis = { stroke: AXIS, font: FONT, grid: { stroke: GRID, width: 1 }, ticks: { stroke: GRID, width: 1 } };
    const paths = uPlot.paths.bars?.({ size: [0.9, 40], align: 1 });
    const told = (n: number | null | undefined, text: (n: number) => string) => (n === null || n === undefined ? "–" : text(n));
    const options: uPlot.Options = {
      width: Math.max(240, this.host.clientWidth),
      height: 130,
      ms: 1,
      cursor: { y: false, points: { show: false } },
      scales: { x: { time: true }, y: { range: (_, __, most) => [0, Math.max(20, most) * 1.1] }, flow: { range: (_, __, most) => [0, Math.max(1, most) * 1.4] } },
      axes: [
        { ...axis, values: (_, splits) => splits.map((ms) => minuteOf(ms)), space: 60, size: 24 },
        { ...axis, size: 40, space: 24 },
        { ...axis, scale: "flow", side: 1, grid: { show: false }, size: 48, space: 24, values: (_, splits) => splits.map((n) => integer(n)), show: day.flow.length > 0 },
      ],
      series: [
        { label: t("field.time"), value: (_, ms) => told(ms, minuteOf) },
        { label: t("traffic.flow-short"), scale: "flow", stroke: "#4a6178", fill: "#4a6178", ...(paths ? { paths } : {}), points: { show: false }, show: day.flow.length > 0, value: (_, n) => told(n, integer) },
        { label: t("traffic.usual"), stroke: "#a9b8c6", dash: [4, 4], width: 1, points: { show: false }, value: (_, n) => told(n, (v) => kmh(v / 3.6)) },
        { label: t("traffic.speed"), stroke: "#56b4e9", width: 2, spanGaps: false, points: { size: 4 }, value: (_, n) => told(n, (v) => kmh(v / 3.6)) },
      ],
    };
    this.#plot = new uPlot(options, [x, x.map((ms) => flow.get(ms) ?? null), usual, kmhs], this.host);
  }
}
