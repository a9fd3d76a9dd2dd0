// What a junction's detectors counted in the last hour: a row a detector, its last five minutes and an hour as bars.
import { el, svg } from "../../dom";
import { integer, kmh, minuteOf } from "../../format";
import type { DetectorBucket } from "../../gen/ngatu/v1/signal_pb";
import { t, tOr } from "../../i18n";
import type { Page } from "../panel";
import { Asked, PATIENCE } from "./asked";

const MINUTE = 60_000;
export const BUCKET_MS = 5 * MINUTE;
const HOUR_MS = 60 * MINUTE;
const WIDTH = 132;
const HEIGHT = 22;

/** Vehicles an hour, as far as they were counted. */
export function flow(bucket: DetectorBucket): number | undefined {
  const countedMs = Number(bucket.countedMs);
  return countedMs > 0 ? (Number(bucket.vehicles) * HOUR_MS) / countedMs : undefined;
}

/** Buckets of each detector, in order. */
export function byDetector(buckets: readonly DetectorBucket[]): Map<number, DetectorBucket[]> {
  const all = new Map<number, DetectorBucket[]>();
  for (const bucket of buckets) {
    const own = all.get(bucket.detector);
    if (own) own.push(bucket);
    else all.set(bucket.detector, [bucket]);
  }
  return all;
}

/** Of whole buckets. */
interface Counted {
  buckets: readonly DetectorBucket[];
  fromMs: number;
  toMs: number;
}

export class Detectors extends Asked<Counted> {
  readonly root = el("section", { class: "detectors", hidden: true });
  #note = el("p", { class: "soft", hidden: true });
  #rows = el("tbody");

  constructor(page: Page) {
    super(page);
    const head = el("tr", {}, ...(["detectors.number", "detectors.flow", "detectors.occupancy", "detectors.speed", "detectors.hour"] as const).map((key) => el("th", { scope: "col" }, t(key))));
    this.root.append(el("h3", {}, t("detectors.title")), this.#note, el("table", { class: "counted" }, el("thead", {}, head), this.#rows));
  }

  protected async ask(junction: string): Promise<Counted> {
    // Whole buckets: the last is the one that is still being counted, and is left out.
    const toMs = Math.floor(this.page.now() / BUCKET_MS) * BUCKET_MS;
    const fromMs = toMs - HOUR_MS;
    const { buckets } = await this.page.signals.getDetectorCounts({ junction, fromMs: BigInt(fromMs), toMs: BigInt(toMs), bucketMs: BigInt(BUCKET_MS) }, PATIENCE);
    return { buckets, fromMs, toMs };
  }

  protected draw({ buckets, fromMs, toMs }: Counted): void {
    this.#note.hidden = true;
    const all = byDetector(buckets);
    this.root.hidden = all.size === 0;
    const most = Math.max(1, ...buckets.map((bucket) => flow(bucket) ?? 0));
    const rows = [...all].map(([number, own]) => {
      const last = own.find((bucket) => Number(bucket.fromMs) === toMs - BUCKET_MS);
      const vehicles = last && flow(last);
      return el("tr", {},
        el("th", { scope: "row" }, String(number)),
        el("td", { class: "n", title: last ? kindsInWords(last) : "" }, vehicles === undefined ? "–" : integer(vehicles)),
        el("td", { class: "n" }, last?.occupancy === undefined ? "–" : t("detectors.percent", { n: integer(last.occupancy * 100) })),
        el("td", { class: "n" }, last?.speedMps === undefined ? "–" : kmh(last.speedMps)),
        el("td", {}, bars(number, own, fromMs, toMs, most)));
    });
    this.#rows.replaceChildren(...rows);
  }

  protected failed(why: string): void {
    this.#note.hidden = false;
    this.#note.replaceChildren(t("detectors.failed", { why }));
  }
}

/** `xe máy 120, ô tô 31`; empty where the detector does not tell them apart. */
export function kindsInWords(bucket: DetectorBucket): string {
  const kinds = [...bucket.kinds].sort((a, b) => Number(b.count - a.count));
  return kinds.map(({ kind, count }) => `${tOr("detector-kind", kind)} ${integer(Number(count))}`).join(", ");
}

function bars(number: number, own: readonly DetectorBucket[], fromMs: number, toMs: number, most: number): SVGElement {
  const drawing = svg("svg", { width: WIDTH, height: HEIGHT, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": t("detectors.bars", { n: number }) });
  const slot = WIDTH / ((toMs - fromMs) / BUCKET_MS);
  for (const bucket of own) {
    const vehicles = flow(bucket);
    if (vehicles === undefined) continue;
    const height = Math.max(1, (vehicles / most) * HEIGHT);
    const from = Number(bucket.fromMs);
    const bar = svg("rect", { x: ((from - fromMs) / BUCKET_MS) * slot + 0.5, y: HEIGHT - height, width: slot - 1, height });
    const kinds = kindsInWords(bucket);
    const text = t("detectors.bar", { from: minuteOf(from), to: minuteOf(from + BUCKET_MS), n: integer(Number(bucket.vehicles)), flow: integer(vehicles) });
    bar.append(svg("title", {}, kinds ? `${text} (${kinds})` : text));
    drawing.append(bar);
  }
  return drawing;
}
