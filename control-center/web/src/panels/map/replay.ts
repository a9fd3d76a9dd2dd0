// A bus's day once more: a slider over its positions, its trail so far on the map, what it passed in words.
import type { LonLat } from "../../city";
import { el, icon, setText } from "../../dom";
import { kmh, timeOf } from "../../format";
import { t } from "../../i18n";
import type { Mark, Replayed } from "../panel";

const CLOSE = "M6 4.6 12 10.6 18 4.6 19.4 6 13.4 12 19.4 18 18 19.4 12 13.4 6 19.4 4.6 18 10.6 12 4.6 6 6 4.6Z";
const FRAME_MS = 100;
/** The trail shows so much of the way before. */
const TRAIL_MS = 20 * 60_000;
const SPEEDS = [30, 60, 120, 300];

export class Replay {
  readonly root = el("section", { class: "replay", hidden: true });
  #day: Replayed | undefined;
  #timer = 0;
  #title = el("b");
  #time = el("output");
  #what = el("span", { class: "what" });
  #slider = el("input", { type: "range", "aria-label": t("replay.time"), step: 1000 });
  #play = el("button", { type: "button", class: "plain" });
  #speed = el("select", { "aria-label": t("replay.speed") }, ...SPEEDS.map((n) => el("option", { value: n, selected: n === 60 }, `× ${n}`)));

  constructor(private readonly draw: (trail: LonLat[], mark: Mark | undefined) => void) {
    const close = el("button", { type: "button", class: "icon-button", title: t("replay.close"), "aria-label": t("replay.close") }, icon(CLOSE));
    close.addEventListener("click", () => this.close());
    this.#slider.addEventListener("input", () => this.#at(Number(this.#slider.value)));
    this.#play.addEventListener("click", () => (this.#timer ? this.#stop() : this.#run()));
    this.root.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
    this.root.append(el("div", { class: "row" }, this.#title, this.#what, this.#time, close), el("div", { class: "row" }, this.#play, this.#slider, this.#speed));
    this.#stop();
  }

  get open(): boolean {
    return !this.root.hidden;
  }

  show(day: Replayed): void {
    this.#stop();
    this.#day = day;
    this.root.hidden = false;
    setText(this.#title, t("replay.title", { vehicle: day.vehicle }));
    const [first, last] = [day.fixes[0], day.fixes.at(-1)];
    this.#slider.disabled = this.#play.disabled = !first;
    if (!first || !last) {
      setText(this.#what, day.problem ?? t("replay.none"));
      setText(this.#time, "");
      return this.draw([], undefined);
    }
    [this.#slider.min, this.#slider.max] = [String(first.ms), String(last.ms)];
    this.#slider.value = String(first.ms);
    this.#at(first.ms);
    this.#slider.focus({ preventScroll: true });
  }

  close(): void {
    if (!this.open) return;
    this.#stop();
    this.root.hidden = true;
    this.draw([], undefined);
  }

  #run(): void {
    const end = Number(this.#slider.max);
    if (Number(this.#slider.value) >= end) this.#slider.value = this.#slider.min;
    setText(this.#play, t("replay.pause"));
    this.#timer = window.setInterval(() => {
      const next = Math.min(end, Number(this.#slider.value) + FRAME_MS * Number(this.#speed.value));
      this.#slider.value = String(next);
      this.#at(next);
      if (next >= end) this.#stop();
    }, FRAME_MS);
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = 0;
    setText(this.#play, t("replay.play"));
  }

  #at(ms: number): void {
    if (!this.#day) return;
    const { fixes, told, vehicle } = this.#day;
    const until = fixes.filter((f) => f.ms <= ms);
    const here = until.at(-1);
    if (!here) return;
    const trail = until.filter((f) => f.ms >= ms - TRAIL_MS).map((f) => f.at);
    const last = told.findLast((p) => p.ms <= ms);
    setText(this.#time, timeOf(ms));
    setText(this.#what, [kmh(here.speedMps), last && `${last.text} ${timeOf(last.ms)}`].filter(Boolean).join(" · "));
    this.#slider.setAttribute("aria-valuetext", timeOf(ms));
    this.draw(trail, { at: here.at, text: vehicle });
  }
}
