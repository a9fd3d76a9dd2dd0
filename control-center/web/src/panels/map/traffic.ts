// The roads as buses tell them: coloured by how much of the usual speed is left, with figures and the day on a click.
import type { GeoJSONSource, Map as GlMap } from "maplibre-gl";

import { explain, signedOut, transit } from "../../api";
import { el, icon, setText } from "../../dom";
import { ageOf, integer, kmh, minuteOf } from "../../format";
import type { Segment, SegmentNow } from "../../gen/ngatu/v1/transit_pb";
import { t, type Key } from "../../i18n";
import { userName } from "../../road_users";
import type { Page } from "../panel";
import { DayCurve } from "./traffic_day";

const REFRESH_MS = 30_000;
/** Blue to red by way of yellow, told apart by colour-blind eyes (Okabe and Ito), and the worse the wider. */
export const LEVELS = {
  free: ["#56b4e9", 3],
  slow: ["#f0e442", 4],
  heavy: ["#e69f00", 5.5],
  standing: ["#e0562b", 7],
  unknown: ["#dfe7ee", 2.5],
} as const;
const OLD = "#8396a6";
type Shown = keyof typeof LEVELS | "old";
const CLOSE = "M6 4.6 12 10.6 18 4.6 19.4 6 13.4 12 19.4 18 18 19.4 12 13.4 6 19.4 4.6 18 10.6 12 4.6 6 6 4.6Z";

/** What a segment is drawn as. Without a link to the hall nothing is now. */
export function shownAs(now: Pick<SegmentNow, "level" | "fresh">, live: boolean): Shown {
  if (!now.fresh || !live) return "old";
  return now.level in LEVELS ? (now.level as Shown) : "unknown";
}

/** A line from differences of 1e-5 degrees, latitude first. */
export function lineOf(deltas: readonly number[]): [number, number][] {
  let [lat, lon] = [0, 0];
  const line: [number, number][] = [];
  for (let i = 0; i + 1 < deltas.length; i += 2) {
    [lat, lon] = [lat + deltas[i]!, lon + deltas[i + 1]!];
    line.push([lon / 1e5, lat / 1e5]);
  }
  return line;
}

export class Traffic {
  readonly button = el("button", { type: "button", class: "chip traffic-on" }, t("traffic.layer"));
  readonly legend = el("ul", { class: "traffic-legend", "aria-label": t("traffic.legend") });
  readonly root = el("section", { class: "segment", hidden: true, "aria-label": t("traffic.segment") });
  #on: boolean;
  #segments = new Map<string, Segment>();
  #now = new Map<string, SegmentNow>();
  #roads = 0n;
  #askedMs = 0;
  #atMs = 0;
  #busy = false;
  #picked = "";
  #title = el("b");
  #facts = el("dl");
  #problem = el("p", { class: "notice small", role: "status", hidden: true });
  #curve: DayCurve;
  readonly #kept;

  constructor(
    private readonly gl: GlMap,
    private readonly page: Page,
  ) {
    this.#kept = page.keep("map.traffic", false);
    this.#on = this.#kept.get();
    gl.addSource("traffic", { type: "geojson", data: { type: "FeatureCollection", features: [] } });
    const wide = (of: unknown) => ["interpolate", ["linear"], ["zoom"], 11, ["*", 0.6, of], 16, ["*", 1.6, of]] as never;
    const line = { type: "line" as const, source: "traffic", layout: { "line-cap": "round" as const, "line-join": "round" as const } };
    const offset = ["interpolate", ["linear"], ["zoom"], 11, 1.5, 16, 5] as never;
    gl.addLayer({ ...line, id: "traffic-picked", filter: ["==", ["get", "id"], ""], paint: { "line-color": "#ffffff", "line-width": wide(["+", ["get", "width"], 6]), "line-offset": offset } }, "trail");
    gl.addLayer({ ...line, id: "traffic-edge", filter: ["!=", ["get", "as"], "old"], paint: { "line-color": "#081018", "line-width": wide(["+", ["get", "width"], 2]), "line-offset": offset } }, "trail");
    gl.addLayer({ ...line, id: "traffic", filter: ["!=", ["get", "as"], "old"], paint: { "line-color": ["get", "colour"], "line-width": wide(["get", "width"]), "line-offset": offset } }, "trail");
    gl.addLayer({ ...line, id: "traffic-old", filter: ["==", ["get", "as"], "old"], paint: { "line-color": OLD, "line-width": wide(2), "line-offset": offset, "line-dasharray": [2, 2] } }, "trail");
    for (const [name, [colour, width]] of Object.entries(LEVELS)) {
      const sign = el("span", { class: "stroke", "aria-hidden": "true" });
      sign.style.borderTop = `${width}px solid ${colour}`;
      this.legend.append(el("li", {}, sign, t(`traffic.${name}` as Key)));
    }
    const old = el("span", { class: "stroke", "aria-hidden": "true" });
    old.style.borderTop = `2px dashed ${OLD}`;
    this.legend.append(el("li", {}, old, t("traffic.old")));
    const close = el("button", { type: "button", class: "icon-button", title: t("traffic.close"), "aria-label": t("traffic.close") }, icon(CLOSE));
    close.addEventListener("click", () => this.close());
    this.root.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
    const day = el("div", { class: "day" });
    this.root.append(el("header", {}, this.#title, close), this.#facts, this.#problem, day);
    this.#curve = new DayCurve(day);
    this.button.addEventListener("click", () => this.#switch(!this.#on));
    this.#switch(this.#on);
  }

  /** Once a second. */
  tick(): void {
    if (!this.#on || this.page.link().is !== "live") return;
    if (Date.now() - this.#askedMs > REFRESH_MS) void this.#load();
  }

  /** Drawn anew: what was now is old once the link is lost. */
  draw(): void {
    const live = this.page.link().is === "live";
    const features = [...this.#now.values()].flatMap((now) => {
      const segment = this.#segments.get(now.segment);
      if (!segment || !this.#on) return [];
      const as = shownAs(now, live);
      const [colour, width] = as === "old" ? [OLD, 2] : LEVELS[as];
      return [{ type: "Feature" as const, properties: { id: now.segment, as, colour, width }, geometry: { type: "LineString" as const, coordinates: lineOf(segment.line) } }];
    });
    this.gl.getSource<GeoJSONSource>("traffic")?.setData({ type: "FeatureCollection", features });
    if (this.#picked) this.#figures();
  }

  /** Whether a segment was met. */
  pick(x: number, y: number): boolean {
    if (!this.#on) return false;
    const hits = this.gl.queryRenderedFeatures([[x - 6, y - 6], [x + 6, y + 6]], { layers: ["traffic", "traffic-old"] });
    const id = hits[0] && String(hits[0].properties["id"]);
    if (!id) return false;
    this.#pick(id);
    this.root.hidden = false;
    this.#figures();
    // The figures must not lie over the road that they are of.
    const free = this.gl.getContainer().clientWidth - this.root.offsetWidth - 60;
    if (free > 200 && x > free - 40) this.gl.panBy([x - free / 2, 0], { animate: false });
    void this.#day(id);
    return true;
  }

  close(): void {
    this.#pick("");
    this.root.hidden = true;
  }

  #pick(segment: string): void {
    this.#picked = segment;
    this.gl.setFilter("traffic-picked", ["==", ["get", "id"], segment]);
  }

  #switch(on: boolean): void {
    this.#on = on;
    this.#kept.set(on);
    this.button.setAttribute("aria-pressed", String(on));
    this.legend.hidden = !on;
    if (!on) this.close();
    this.draw();
    if (on) void this.#load();
  }

  async #load(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    this.#askedMs = Date.now();
    try {
      const told = await transit.listSegments({ roads: this.#roads }, { timeoutMs: 20_000 });
      if (told.roads !== this.#roads) this.#segments = new Map(told.segments.map((s) => [s.segment, s]));
      this.#roads = told.roads;
      this.#atMs = Number(told.atMs);
      this.#now = new Map(told.now.map((s) => [s.segment, s]));
      this.button.title = t("traffic.as-of", { time: minuteOf(this.#atMs), n: integer(this.#now.size) });
      this.draw();
    } catch (error) {
      if (!signedOut(error)) this.button.title = t("traffic.failed", { why: explain(error) });
    } finally {
      this.#busy = false;
    }
  }

  #figures(): void {
    const [segment, now] = [this.#segments.get(this.#picked), this.#now.get(this.#picked)];
    if (!segment) return;
    setText(this.#title, `${segment.fromStop} → ${segment.toStop}`);
    const facts: [Key, string][] = [["traffic.routes", segment.routes.join(", ")], ["traffic.length", t("traffic.metres", { n: integer(segment.lengthM) })]];
    if (now) {
      const as = shownAs(now, this.page.link().is === "live");
      const speed = now.speedMps === undefined ? t("traffic.too-little") : kmh(now.speedMps);
      const usual = now.referenceMps === undefined ? t("traffic.no-reference") : t("traffic.of", { speed: kmh(now.referenceMps) });
      facts.push(["traffic.state", t(`traffic.${as}` as Key)], ["traffic.speed", `${speed} (${usual})`]);
      if (now.travelS !== undefined) facts.push(["traffic.takes", minutes(now.travelS)]);
      if (now.standsS >= 1) facts.push(["traffic.stands", minutes(now.standsS)]);
      facts.push(["traffic.buses", `${integer(now.buses)} · ${t("traffic.ago", { age: ageOf(this.page.now() - Number(now.newestMs)) })}`]);
      const { flow } = now;
      if (flow) {
        const hours = Number(flow.watchedMs) / 3_600_000;
        const all = flow.classes.reduce((sum, c) => sum + Number(c.crossings), 0);
        const most = flow.classes.slice(0, 3).map((c) => `${userName(c.roadUser)} ${integer(Number(c.crossings) / hours)}`);
        const camera = this.page.city.cameras.get(flow.camera)?.name ?? flow.camera;
        facts.push(["traffic.flow", `${t("traffic.per-hour", { n: integer(all / hours) })}${most.length ? ` · ${most.join(", ")}` : ""}`],
          ["traffic.camera", t("traffic.camera-away", { camera, n: integer(flow.awayM), line: flow.line || "–" })]);
      }
    }
    if (segment.coarse) facts.push(["traffic.note", t("traffic.coarse")]);
    this.#facts.replaceChildren(...facts.flatMap(([key, value]) => [el("dt", {}, t(key)), el("dd", {}, value)]));
  }

  async #day(segment: string): Promise<void> {
    this.#curve.clear();
    this.#problem.hidden = true;
    try {
      const day = await transit.getSegmentDay({ segment }, { timeoutMs: 20_000 });
      if (this.#picked === segment) this.#curve.show(day);
    } catch (error) {
      if (signedOut(error) || this.#picked !== segment) return;
      this.#problem.hidden = false;
      setText(this.#problem, t("traffic.failed", { why: explain(error) }));
    }
  }
}

/** `2:00`, also of 119.7 s. */
export function minutes(s: number): string {
  const whole = Math.round(s);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
