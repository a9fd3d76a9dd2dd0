// Counts: what crossed each line, by class and direction, with its course over the span and how much of it was watched.
import "./counts.css";
import { explain, signedOut } from "../../api";
import { el, setText } from "../../dom";
import { dayStart, integer, timeOf } from "../../format";
import { Direction } from "../../gen/ngatu/v1/event_pb";
import { t } from "../../i18n";
import { directionName, ROAD_USERS, userName } from "../../road_users";
import type { Mounted, Page, Panel } from "../panel";
import { Chart } from "./chart";
import { courseOf, rowsOf, type Course, type Row, type Span } from "./table";

const SPANS = ["15m", "1h", "today"] as const;
type SpanName = (typeof SPANS)[number];
const MINUTE = 60_000;
const REFRESH_MS = 10_000;

export const panel: Panel = { id: "counts", title: "panel.counts", place: "right-bottom", mount: (host, page) => new Counts(host, page) };

/** A minute is told when it is over and a little later; until then it would look like one that nobody watched. */
const TOLD_AFTER_MS = 15_000;

/** Whole minutes that have been told by now, in buckets; the last bucket of an hour or a day may be running. */
export function spanOf(name: SpanName, nowMs: number): Span {
  const toldMs = Math.floor((nowMs - TOLD_AFTER_MS) / MINUTE) * MINUTE;
  if (name === "15m") return { fromMs: toldMs - 15 * MINUTE, toMs: toldMs, bucketMs: MINUTE };
  const bucketMs = { "1h": 5 * MINUTE, today: 60 * MINUTE }[name];
  const fromMs = name === "today" ? dayStart(nowMs) : Math.floor((toldMs - 60 * MINUTE) / bucketMs) * bucketMs;
  return { fromMs, toMs: Math.max(toldMs, fromMs + MINUTE), bucketMs };
}

class Counts implements Mounted {
  #span: SpanName;
  #visible = false;
  #loadedMs = 0;
  #loading: AbortController | undefined;
  #body = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("panel.counts") });
  #asOf = el("span", { class: "as-of", role: "status" });
  #chartHost = el("div", { class: "chart", role: "img", "aria-label": t("counts.chart") });
  #chart = new Chart(this.#chartHost);

  constructor(
    host: HTMLElement,
    private readonly page: Page,
  ) {
    const kept = page.keep<SpanName>("counts.span", "15m");
    this.#span = SPANS.find((s) => s === kept.get()) ?? "15m";
    const group = el("div", { class: "chips", role: "group", "aria-label": t("counts.span") });
    for (const span of SPANS) {
      const chip = el("button", { type: "button", class: "chip", "aria-pressed": String(span === this.#span) }, t(`counts.span.${span}`));
      chip.addEventListener("click", () => {
        this.#span = span;
        kept.set(span);
        for (const other of group.children) other.setAttribute("aria-pressed", String(other === chip));
        void this.#load();
      });
      group.append(chip);
    }
    host.append(el("div", { class: "toolbar" }, group, el("span", { class: "grow" }), this.#asOf), this.#chartHost, this.#body);
  }

  shown(visible: boolean): void {
    this.#visible = visible;
    if (visible) void this.#load();
  }

  linked(): void {
    if (this.#visible && this.page.link().is === "live" && this.#loadedMs === 0) void this.#load();
  }

  tick(): void {
    if (this.#visible && !document.hidden && this.page.link().is === "live" && Date.now() - this.#loadedMs > REFRESH_MS) void this.#load();
  }

  async #load(): Promise<void> {
    this.#loading?.abort();
    const loading = (this.#loading = new AbortController());
    const now = this.page.now();
    const span = spanOf(this.#span, now);
    this.#loadedMs = Date.now();
    try {
      const request = { fromMs: BigInt(span.fromMs), toMs: BigInt(span.toMs), bucketMs: BigInt(span.bucketMs) };
      const answer = await this.page.hall.getCounts(request, { signal: loading.signal, timeoutMs: 15_000 });
      if (loading.signal.aborted) return;
      const linesOf = (camera: string) => (this.page.city.cameras.get(camera)?.lines ?? []).map((l) => l.line);
      const rows = rowsOf(answer.counts, answer.watched, linesOf, span);
      this.#render(rows, courseOf(rows, answer.watched, span), answer.watched.length > 0);
      setText(this.#asOf, t("counts.as-of", { time: timeOf(now) }));
    } catch (error) {
      if (loading.signal.aborted || signedOut(error)) return;
      // The old table stays, with the old time under it.
      if (this.#body.childElementCount === 0) this.#body.append(el("p", { class: "notice" }, t("counts.failed", { why: explain(error) })));
      else setText(this.#asOf, t("counts.failed", { why: explain(error) }));
    }
  }

  #render(rows: Row[], course: Course, watched: boolean): void {
    const scroll = this.#body.scrollTop;
    this.#chartHost.hidden = rows.length === 0;
    if (rows.length === 0) {
      this.#body.replaceChildren(el("p", { class: "notice" }, t(watched ? "counts.none" : "counts.nobody")));
      return;
    }
    this.#chart.show(course);
    const users = ROAD_USERS.filter((u) => rows.some((r) => r.byUser.has(u)));
    const head = el("tr", {}, el("th", { scope: "col" }, t("counts.line")), el("th", { scope: "col" }, t("field.direction")));
    for (const user of users) head.append(el("th", { scope: "col", class: "n" }, userName(user)));
    head.append(el("th", { scope: "col", class: "n" }, t("counts.total")), el("th", { scope: "col", class: "n" }, t("counts.watched")), el("th", { scope: "col" }, t("counts.trend")));
    const body = el("tbody");
    let before = "";
    for (const row of rows) {
      const name = `${this.page.city.cameras.get(row.camera)?.name ?? row.camera} · ${row.line}`;
      const tr = el("tr", name === before ? {} : { class: "first" }, el("th", { scope: "row" }, name === before ? el("span", { class: "same" }, name) : name), el("td", {}, row.direction === Direction.UNSPECIFIED ? "–" : directionName(row.direction)));
      for (const user of users) tr.append(el("td", { class: "n" }, integer(row.byUser.get(user) ?? 0)));
      tr.append(el("td", { class: "n total" }, integer(row.total)), el("td", { class: row.watched < 0.95 ? "n short" : "n" }, `${Math.floor(row.watched * 100)} %`), el("td", {}, spark(row.trend)));
      body.append(tr);
      before = name;
    }
    this.#body.replaceChildren(el("table", {}, el("caption", {}, t("counts.caption")), el("thead", {}, head), body));
    this.#body.scrollTop = scroll;
  }
}

const SVG = "http://www.w3.org/2000/svg";

function spark(trend: number[]): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  const [w, h] = [84, 20];
  svg.setAttribute("viewBox", `0 0 ${w} ${h}`);
  svg.setAttribute("class", "spark");
  svg.setAttribute("aria-hidden", "true");
  const most = Math.max(1, ...trend);
  const step = w / Math.max(1, trend.length - 1);
  const line = document.createElementNS(SVG, "polyline");
  line.setAttribute("points", trend.map((n, i) => `${(i * step).toFixed(1)},${(h - 2 - (n / most) * (h - 4)).toFixed(1)}`).join(" "));
  svg.append(line);
  return svg;
}
