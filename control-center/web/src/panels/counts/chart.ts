// The course of the counts over the span, drawn by uPlot: bars of crossings, and a line of how much was watched.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

import { integer, minuteOf } from "../../format";
import { t } from "../../i18n";
import type { Course } from "./table";

const AXIS = "#a9b8c6";
const GRID = "#2a3b4d";
const BAR = "#3f8fc4";
const WATCHED = "#ffc94d";
const FONT = `11px "Be Vietnam Pro", sans-serif`;

export class Chart {
  #plot: uPlot | undefined;
  #bucketMs = 0;

  constructor(private readonly host: HTMLElement) {
    new ResizeObserver(() => this.#fit()).observe(host);
  }

  /** A bucket that nobody watched has no bar, not a bar of nothing. */
  show({ fromMs, bucketMs, crossings, watched }: Course): void {
    const x = crossings.map((_, i) => fromMs + i * bucketMs);
    const bars = crossings.map((n, i) => (n === 0 && (watched[i] ?? 0) === 0 ? null : n));
    const data: uPlot.AlignedData = [x, bars, watched.map((part) => (part === undefined ? null : Math.round(part * 100)))];
    if (this.#plot && this.#bucketMs === bucketMs) {
      this.#plot.setData(data);
      return this.#fit();
    }
    this.#plot?.destroy();
    this.#bucketMs = bucketMs;
    this.#plot = new uPlot(this.#options(bucketMs), data, this.host);
  }

  #options(bucketMs: number): uPlot.Options {
    const axis = { stroke: AXIS, font: FONT, grid: { stroke: GRID, width: 1 }, ticks: { stroke: GRID, width: 1 } };
    const paths = uPlot.paths.bars?.({ size: [0.8, 60], align: 1 });
    return {
      ...this.#size(),
      ms: 1,
      legend: { live: true },
      cursor: { y: false, points: { show: false } },
      scales: {
        x: { time: true, range: (_, from, to) => [from, to + bucketMs] },
        y: { range: (_, __, most) => [0, Math.max(1, most) * 1.1] },
        "%": { range: [0, 110] },
      },
      axes: [
        { ...axis, values: (_, splits) => splits.map((ms) => minuteOf(ms)), space: 60, size: 24 },
        { ...axis, values: (_, splits) => splits.map((n) => (Number.isInteger(n) ? integer(n) : "")), size: 44, space: 22 },
        { ...axis, scale: "%", side: 1, grid: { show: false }, values: (_, splits) => splits.map((n) => (n % 50 === 0 ? `${n} %` : "")), size: 48, space: 22 },
      ],
      series: [
        { label: t("field.time"), value: (_, ms) => (ms === null ? "–" : minuteOf(ms)) },
        { label: t("counts.crossings"), stroke: BAR, fill: BAR, ...(paths ? { paths } : {}), points: { show: false }, value: (_, n, __, i) => (i === null ? "–" : n === null ? t("counts.not-watched") : integer(n)) },
        { label: t("counts.watched"), scale: "%", stroke: WATCHED, width: 1.5, points: { show: false }, value: (_, n) => (n === null ? "–" : `${n} %`) },
      ],
    };
  }

  #size(): { width: number; height: number } {
    return { width: Math.max(120, this.host.clientWidth - 12), height: 104 };
  }

  #fit(): void {
    if (!this.#plot || this.host.clientWidth === 0) return;
    const size = this.#size();
    if (this.#plot.width !== size.width) this.#plot.setSize(size);
  }
}
