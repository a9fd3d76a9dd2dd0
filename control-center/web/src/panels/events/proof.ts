// A red light that was run, as somebody must judge it: three pictures side by side, what the lamp showed with the time of each
// change, and how far both clocks may be off.
import { el, setText, svg } from "../../dom";
import { momentMs, twoDecimals } from "../../format";
import type { Camera } from "../../city";
import type { Box, EvidenceStill, LampState, RedLight } from "../../gen/ngatu/v1/event_pb";
import { t, type Key } from "../../i18n";
import { ALARM_COLOUR, drawBox, drawLine, fit, type Fit } from "../../overlay";
import { aspectOf, GLYPHS, type Aspect } from "../../signals";
import "../../signal_diagram.css";

/** In the order of the street; the number is the part that the hall calls it by. */
export const PARTS = [
  { part: 1, title: "proof.before" },
  { part: 0, title: "proof.at" },
  { part: 2, title: "proof.after" },
] as const satisfies readonly { part: number; title: Key }[];

const HIGH = 74;
const BAR = { top: 14, high: 22 };
/** Shown beyond the passage. */
const MARGIN_MS = 2_500;
/** Shown before red, at most. */
const BEFORE_MS = 12_000;

export interface Stretch {
  aspect: Aspect;
  /** When it began, and how much of that is not known for certain. */
  fromMs: number;
  sureMs: number;
  toMs: number;
}

/** What the strip shows: from a little before it became red to a little after the passage. */
export function strip(run: RedLight): { fromMs: number; toMs: number; stretches: Stretch[] } {
  const error = Number(run.signalErrorMs);
  const known = Number(run.knownUntilMs);
  const toMs = Math.min(known, Number(run.afterMs) + MARGIN_MS);
  const red = Number(run.metMs - run.intoRedMs);
  const first = Number(run.lamp[0]?.atMs ?? run.beforeMs);
  const fromMs = Math.max(first, Math.min(red, Number(run.beforeMs)) - BEFORE_MS);
  const stretches = run.lamp.map((lamp, i) => ({
    aspect: aspectOf(lamp.state),
    fromMs: Number(lamp.atMs),
    sureMs: Number(lamp.byMs) + error,
    toMs: Number(run.lamp[i + 1]?.atMs ?? toMs),
  }));
  return { fromMs, toMs, stretches: stretches.filter((s) => s.toMs > fromMs && s.fromMs < toMs) };
}

/** `1,97 s ± 0,35 s`. */
export const intoRed = (run: RedLight): string =>
  t("proof.seconds", { s: twoDecimals(Number(run.intoRedMs) / 1000), error: twoDecimals(Number(run.cameraErrorMs + run.signalErrorMs) / 1000) });

export class Proof {
  readonly root = el("div", { class: "proof", hidden: true });
  #shots = PARTS.map(({ part, title }) => ({ part, title, canvas: el("canvas", { role: "img" }), notice: el("p", { class: "notice", role: "status" }), caption: el("figcaption") }));
  #lead = el("p", { class: "lead" });
  #drawing = el("div", { class: "signal-diagram lamp-strip" });
  #table = el("table", { class: "lamp-table" });
  #run: RedLight | undefined;
  #camera: Camera | undefined;
  #bitmaps = new Map<number, ImageBitmap>();

  constructor() {
    const shots = this.#shots.map(({ canvas, notice, caption }) => el("figure", {}, el("div", { class: "shot" }, canvas, notice), caption));
    const changes = el("details", {}, el("summary", {}, t("proof.changes")), this.#table);
    this.root.append(el("div", { class: "shots" }, ...shots), this.#lead, this.#drawing, changes);
    const watch = new ResizeObserver(() => this.#draw());
    watch.observe(this.#drawing);
    for (const { canvas } of this.#shots) watch.observe(canvas);
  }

  open(run: RedLight, camera: Camera | undefined): void {
    this.close();
    [this.#run, this.#camera] = [run, camera];
    this.root.hidden = false;
    for (const shot of this.#shots) {
      const still = run.stills[shot.part];
      const name = t(shot.title);
      shot.canvas.setAttribute("aria-label", name);
      shot.caption.replaceChildren(el("b", {}, name), " ", still ? momentMs(Number(still.atMs)) : "");
      this.say(shot.part, t("events.still-loading"));
    }
    setText(this.#lead, t("proof.lead", { into: intoRed(run), least: twoDecimals(Number(run.redForMs) / 1000) }));
    this.#table.replaceChildren(...rows(run));
    this.#draw();
  }

  close(): void {
    this.root.hidden = true;
    for (const bitmap of this.#bitmaps.values()) bitmap.close();
    this.#bitmaps.clear();
    this.#run = undefined;
  }

  /** A picture came. */
  take(part: number, bitmap: ImageBitmap): void {
    this.#bitmaps.set(part, bitmap);
    this.say(part, "");
    this.#draw();
  }

  /** Instead of a picture. */
  say(part: number, words: string): void {
    const shot = this.#shots.find((s) => s.part === part);
    if (!shot) return;
    setText(shot.notice, words);
    shot.notice.hidden = words === "";
    shot.canvas.hidden = words !== "";
  }

  #draw(): void {
    const run = this.#run;
    if (!run) return;
    for (const { part, canvas } of this.#shots) {
      const bitmap = this.#bitmaps.get(part);
      if (bitmap) this.#picture(canvas, bitmap, run, run.stills[part]);
    }
    const width = this.#drawing.clientWidth;
    if (width > 0) this.#drawing.replaceChildren(drawn(run, width));
  }

  #picture(canvas: HTMLCanvasElement, bitmap: ImageBitmap, run: RedLight, still: EvidenceStill | undefined): void {
    const g = canvas.getContext("2d");
    if (!g || canvas.clientWidth === 0) return;
    const unit = devicePixelRatio;
    [canvas.width, canvas.height] = [Math.round(canvas.clientWidth * unit), Math.round(canvas.clientHeight * unit)];
    // Where there is room below, the vehicle is shown closer.
    const whole = Math.round((canvas.width * bitmap.height) / bitmap.width);
    const below = canvas.height - whole - Math.round(6 * unit);
    const closer = still?.box && below > whole / 2;
    const f = fit(canvas.width, closer ? whole : canvas.height, bitmap.width, bitmap.height, this.#camera?.width ?? 0, this.#camera?.height ?? 0);
    g.drawImage(bitmap, f.x, f.y, f.w, f.h);
    if (closer) closeUp(g, bitmap, f, still.box!, { y: canvas.height - below, w: canvas.width, h: below });
    const line = this.#camera?.lines.find((l) => l.line === run.line);
    if (line) drawLine(g, f, line, unit);
    if (still?.box) drawBox(g, f, still.box, "", ALARM_COLOUR, unit * 1.2);
  }
}

/** The vehicle and twice its size around it, in the pixels of the picture itself. */
function closeUp(g: CanvasRenderingContext2D, bitmap: ImageBitmap, f: Fit, box: Box, to: { y: number; w: number; h: number }): void {
  const [px, py] = [(f.sx * bitmap.width) / f.w, (f.sy * bitmap.height) / f.h];
  const [cx, cy] = [(box.x + box.w / 2) * px, (box.y + box.h / 2) * py];
  const high = Math.min(bitmap.height, Math.max(box.h * py * 3, (box.w * px * 3 * to.h) / to.w));
  const wide = Math.min(bitmap.width, (high * to.w) / to.h);
  const x = Math.min(Math.max(0, cx - wide / 2), bitmap.width - wide);
  const y = Math.min(Math.max(0, cy - high / 2), bitmap.height - high);
  g.drawImage(bitmap, x, y, wide, high, 0, to.y, to.w, (high / wide) * to.w);
}

/** The lamp over time, what of each change is not certain hatched, and the three pictures with the camera's error. */
function drawn(run: RedLight, width: number): SVGElement {
  const { fromMs, toMs, stretches } = strip(run);
  const [left, right] = [8, width - 8];
  const x = (ms: number): number => left + ((Math.min(toMs, Math.max(fromMs, ms)) - fromMs) / Math.max(1, toMs - fromMs)) * (right - left);
  const root = svg("svg", { width, height: HIGH, role: "img", "aria-label": t("proof.strip", { into: intoRed(run) }) });
  const bar = (from: number, to: number, kind: string, y = BAR.top, high = BAR.high): SVGElement =>
    svg("rect", { x: x(from), width: Math.max(0, x(to) - x(from)), y, height: high, class: kind });
  for (const s of stretches) {
    root.append(bar(s.fromMs, s.toMs, s.aspect));
    const error = Number(run.signalErrorMs);
    if (s.fromMs > fromMs) root.append(bar(s.fromMs - error, s.sureMs, "unsure"));
    const wide = x(s.toMs) - x(s.fromMs);
    if (wide > 60) root.append(svg("text", { x: x(s.fromMs) + 8, y: BAR.top + 15, class: "on-bar" }, `${GLYPHS[s.aspect].glyph} ${t(`aspect.${s.aspect}` as Key)}`));
  }
  const camera = Number(run.cameraErrorMs);
  root.append(bar(Number(run.beforeMs) - camera, Number(run.beyondMs) + camera, "passage", BAR.top + BAR.high + 2, 5));
  for (const { part, title } of PARTS) {
    const ms = Number(run.stills[part]?.atMs ?? run.metMs);
    root.append(svg("line", { x1: x(ms), x2: x(ms), y1: BAR.top - 8, y2: BAR.top + BAR.high + 8, class: "shot-mark" }));
    if (part === 0) root.append(svg("text", { x: x(ms), y: BAR.top + BAR.high + 20, class: "clock-name", "text-anchor": x(ms) > right - 60 ? "end" : "middle" }, `${t(title)} ${momentMs(ms)}`));
  }
  for (let ms = Math.ceil(fromMs / 1000) * 1000; ms <= toMs; ms += 1000) {
    root.append(svg("line", { x1: x(ms), x2: x(ms), y1: HIGH - 6, y2: HIGH - (ms % 5000 === 0 ? 14 : 10), class: "second" }));
  }
  return root;
}

function rows(run: RedLight): HTMLElement[] {
  const cells = (tag: "th" | "td", ...texts: string[]): HTMLElement => el("tr", {}, ...texts.map((text) => el(tag, tag === "th" ? { scope: "col" } : {}, text)));
  const error = twoDecimals(Number(run.signalErrorMs) / 1000);
  const row = (lamp: LampState): HTMLElement => {
    const aspect = aspectOf(lamp.state);
    const late = Number(lamp.byMs - lamp.atMs);
    const moment = late > 0 ? `${momentMs(Number(lamp.atMs))} … ${momentMs(Number(lamp.byMs))}` : momentMs(Number(lamp.atMs));
    return cells("td", `${GLYPHS[aspect].glyph} ${t(`aspect.${aspect}` as Key)} (${lamp.state})`, moment, momentMs(Number(lamp.controllerMs)));
  };
  return [
    el("thead", {}, cells("th", t("proof.shown"), t("proof.our-time", { error }), t("proof.their-time"))),
    el("tbody", {}, ...run.lamp.map(row)),
  ];
}
