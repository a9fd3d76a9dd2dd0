// The map: the city at a glance. MapLibre is loaded when the panel mounts; without WebGL the rest of the page goes on.
import "./map.css";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?url";
import type { GeoJSONSource, Map as GlMap } from "maplibre-gl";

import { el, icon } from "../../dom";
import { t } from "../../i18n";
import type { Mark, Mounted, Page, Panel, Replayed, Selection, SelectOptions } from "../panel";
import { EmergencyLayer } from "./emergencies";
import { findBox } from "./find";
import { draw, RATIO } from "./icons";
import { legend } from "./legend";
import { Replay } from "./replay";
import { at, moving, onFix, type Glide } from "./motion";
import { baseStyle, FONT } from "./style";
import { busPoints, cameraPoints, junctionPoints } from "./things";
import { Traffic } from "./traffic";

/** Central Hanoi between West Lake and Ngã Tư Sở. */
const HOME = { center: [105.8385, 21.0245] as [number, number], zoom: 13 };
const REACH: [[number, number], [number, number]] = [[105.55, 20.8], [106.1, 21.25]];
const KINDS = { cameras: "camera", junctions: "junction", buses: "bus" } as const;
/** Redraws a second while a bus glides, at most. */
const GLIDE_FPS = 12;

export const panel: Panel = { id: "map", title: "panel.map", place: "left", mount };

async function mount(host: HTMLElement, page: Page): Promise<Mounted> {
  const box = el("div", { class: "map" });
  host.append(box);
  const gl = await open(box, page);
  if (!gl) {
    box.replaceChildren(el("p", { class: "notice", role: "alert" }, t("map.no-webgl")));
    return {};
  }
  const panel = new MapPanel(gl, page);
  const { traffic } = panel;
  host.append(findBox(page), el("div", { class: "layers" }, traffic.button, traffic.legend), legend(), credit(), buttons(gl, () => home(gl, page)));
  host.append(panel.replay.root, traffic.root);
  return panel;
}

async function open(box: HTMLElement, page: Page): Promise<GlMap | undefined> {
  const [{ Map, setWorkerUrl }] = await Promise.all([
    import("maplibre-gl"),
    // Both subsets: without them the first letters would be drawn from whatever font the machine has.
    document.fonts.load(`400 24px "${FONT[0]}"`, "Aa"),
    document.fonts.load(`400 24px "${FONT[0]}"`, "ĐấệơưỳẤ"),
  ]);
  setWorkerUrl(workerUrl);
  const view = page.keep("map.view", HOME);
  let gl: GlMap;
  try {
    gl = new Map({
      container: box,
      style: baseStyle(),
      ...view.get(),
      minZoom: 9.5,
      maxZoom: 18.5,
      maxBounds: REACH,
      attributionControl: false,
      dragRotate: false,
      pitchWithRotate: false,
      fadeDuration: 0,
      locale: { "Map.Title": t("map.label") },
    });
  } catch {
    return undefined; // no WebGL
  }
  gl.touchZoomRotate.disableRotation();
  gl.on("moveend", () => view.set({ center: gl.getCenter().toArray() as [number, number], zoom: gl.getZoom() }));
  gl.setMissingStyleImageResolver((id) => {
    const picture = draw(id);
    if (picture && !gl.hasImage(id)) gl.addImage(id, picture, { pixelRatio: RATIO });
    return Promise.resolve();
  });
  gl.on("idle", () => (box.dataset["idle"] = "")); // for whoever takes a picture of the page
  gl.on("movestart", () => delete box.dataset["idle"]);
  await new Promise<void>((loaded) => gl.once("load", () => loaded()));
  addLayers(gl);
  return gl;
}

function addLayers(gl: GlMap): void {
  const none = { type: "FeatureCollection" as const, features: [] };
  for (const source of ["trail", "selected", "marked", ...Object.keys(KINDS)]) gl.addSource(source, { type: "geojson", data: none });
  const grow = ["interpolate", ["linear"], ["zoom"], 10, 0.5, 12.5, 0.85, 14.5, 1, 17, 1.3] as never;
  const name = {
    "text-field": ["get", "name"] as never,
    "text-font": FONT,
    "text-size": 12,
    "text-anchor": "top" as const,
    "text-optional": true,
  };
  const paint = { "text-color": "#eaf2f8", "text-halo-color": "#081018", "text-halo-width": 1.7 };
  gl.addLayer({ id: "trail", type: "line", source: "trail", paint: { "line-color": "#ffd65a", "line-width": 3, "line-opacity": 0.85 }, layout: { "line-join": "round", "line-cap": "round" } });
  gl.addLayer({ id: "selected", type: "symbol", source: "selected", layout: { "icon-image": "ring:", "icon-allow-overlap": true, "icon-ignore-placement": true } });
  gl.addLayer({ id: "buses", type: "symbol", source: "buses", paint,
    layout: { "icon-image": ["get", "icon"], "icon-rotate": ["get", "turn"], "icon-rotation-alignment": "map", "icon-size": grow, "icon-allow-overlap": true, "icon-ignore-placement": true,
      ...name, "text-size": ["step", ["zoom"], 0, 14.2, 11] as never, "text-offset": [0, 0.9] } });
  // A junction's camera stands on the same spot: the camera above it, the signals below.
  gl.addLayer({ id: "cameras", type: "symbol", source: "cameras", paint,
    layout: { "icon-image": ["get", "icon"], "icon-size": grow, "icon-allow-overlap": true, "icon-anchor": "bottom", ...name,
      "text-anchor": "bottom", "text-size": ["step", ["zoom"], 0, 14.6, 12] as never, "text-offset": [0, -2.6] } });
  gl.addLayer({ id: "junctions", type: "symbol", source: "junctions", paint,
    layout: { "icon-image": ["get", "icon"], "icon-size": grow, "icon-allow-overlap": true, "icon-anchor": "top", ...name,
      "text-size": ["step", ["zoom"], 0, 13.6, 12] as never, "text-offset": [0, 2.5] } });
  gl.addLayer({ id: "marked", type: "symbol", source: "marked", paint,
    layout: { "icon-image": "ring:", "icon-allow-overlap": true, "icon-ignore-placement": true, ...name, "text-size": 13, "text-offset": [0, 1.9], "text-optional": false, "text-allow-overlap": true } });
}

class MapPanel implements Mounted {
  #glides = new Map<string, Glide>();
  #smooth = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  #visible = true;
  #timer = 0;
  #busStamp = "";
  #cameraStamp = "";
  #camerasMs = 0;
  #camerasWait = false;
  readonly replay: Replay;
  readonly traffic: Traffic;
  readonly #emergencies: EmergencyLayer;

  constructor(
    private readonly gl: GlMap,
    private readonly page: Page,
  ) {
    this.replay = new Replay((trail, mark) => {
      const line = trail.length > 1 ? [{ type: "Feature" as const, properties: {}, geometry: { type: "LineString" as const, coordinates: trail.map((p) => [...p]) } }] : [];
      this.#set("trail", { type: "FeatureCollection", features: line });
      this.#point(mark);
    });
    this.traffic = new Traffic(gl, page);
    this.#emergencies = new EmergencyLayer(gl, page);
    for (const layer of [...Object.keys(KINDS), "traffic", "traffic-old"]) {
      gl.on("mouseenter", layer, () => (gl.getCanvas().style.cursor = "pointer"));
      gl.on("mouseleave", layer, () => (gl.getCanvas().style.cursor = ""));
    }
    gl.on("click", (event) => {
      const { x, y } = event.point;
      const hits = gl.queryRenderedFeatures([[x - 4, y - 4], [x + 4, y + 4]], { layers: ["junctions", "cameras", "buses"] });
      const hit = hits[0];
      const kind = hit && KINDS[hit.layer.id as keyof typeof KINDS];
      if (!hit && !this.replay.open) this.#point(undefined);
      if (!hit && this.traffic.pick(x, y)) return;
      page.select(hit && kind ? { kind, id: String(hit.properties["id"]) } : undefined);
    });
  }

  update(changed: ReadonlySet<string>): void {
    if (changed.has("cameras")) this.#drawCameras();
    if (changed.has("junctions")) this.#set("junctions", junctionPoints(this.page.city));
    if (changed.has("buses")) {
      const now = Date.now();
      for (const id of this.#glides.keys()) if (!this.page.city.buses.has(id)) this.#glides.delete(id);
      for (const bus of this.page.city.buses.values()) {
        this.#glides.set(bus.id, onFix(this.#glides.get(bus.id), bus.at, bus.fixMs, now, this.#smooth));
      }
      this.#drawBuses();
    }
    this.#mark();
  }

  tick(): void {
    if (this.#camerasWait) this.#drawCameras();
    this.#drawBuses(); // a bus that says nothing grows old
    if (this.#visible) {
      this.traffic.tick();
      this.#emergencies.tick();
    }
  }

  linked(): void {
    this.traffic.draw();
    this.#drawBuses();
  }

  selected(what: Selection | undefined, { fly }: SelectOptions): void {
    this.#mark();
    const there = what && this.#where(what);
    if (!there || !fly) return;
    this.page.show("map");
    this.#go(there);
  }

  marked(mark: Mark): void {
    this.page.show("map");
    this.replay.close();
    this.#point(mark);
    this.#go(mark.at);
  }

  replayed(day: Replayed): void {
    this.page.show("map");
    this.replay.show(day);
    if (day.fixes.length === 0) return;
    const [lons, lats] = [day.fixes.map((f) => f.at[0]), day.fixes.map((f) => f.at[1])];
    const edge = (values: number[], of: (a: number, b: number) => number) => values.reduce((a, b) => of(a, b));
    this.gl.fitBounds([[edge(lons, Math.min), edge(lats, Math.min)], [edge(lons, Math.max), edge(lats, Math.max)]], { padding: 80, maxZoom: 15, animate: false });
  }

  #point(mark: Mark | undefined): void {
    const features = mark ? [{ type: "Feature" as const, properties: { name: mark.text }, geometry: { type: "Point" as const, coordinates: [...mark.at] } }] : [];
    this.#set("marked", { type: "FeatureCollection", features });
  }

  #go(there: readonly [number, number]): void {
    const to = { center: [...there] as [number, number], zoom: Math.max(this.gl.getZoom(), 15) };
    if (this.#smooth) this.gl.easeTo({ ...to, duration: 700 });
    else this.gl.jumpTo(to);
  }

  shown(visible: boolean): void {
    this.#visible = visible;
    if (visible) {
      this.gl.resize();
      this.#drawBuses();
    }
  }

  /** At most once a second: thousands of cameras tell their frame rate all the time, which the map does not show. */
  #drawCameras(): void {
    this.#camerasWait = Date.now() - this.#camerasMs < 900;
    if (this.#camerasWait) return;
    const cameras = cameraPoints(this.page.city);
    const stamp = JSON.stringify(cameras.features);
    if (stamp !== this.#cameraStamp) this.#set("cameras", cameras);
    this.#cameraStamp = stamp;
    this.#camerasMs = Date.now();
  }

  #drawBuses(): void {
    if (!this.#visible) return;
    clearTimeout(this.#timer);
    const now = Date.now();
    const frozen = this.page.link().is !== "live";
    const buses = busPoints(this.page.city, this.#glides, this.page.now(), now, frozen);
    const stamp = JSON.stringify(buses.features);
    if (stamp !== this.#busStamp) this.#set("buses", buses);
    this.#busStamp = stamp;
    if (this.page.selected()?.kind === "bus") this.#mark();
    const gliding = !document.hidden && [...this.#glides.values()].some((glide) => moving(glide, now));
    if (!gliding) return;
    // A machine that draws slowly draws less often: two thirds of its time stay for everything else.
    const started = performance.now();
    this.gl.once("render", () => {
      clearTimeout(this.#timer);
      this.#timer = window.setTimeout(() => this.#drawBuses(), Math.max(1000 / GLIDE_FPS, 2 * (performance.now() - started)));
    });
  }

  #mark(): void {
    const what = this.page.selected();
    const there = what && this.#where(what);
    const features = there ? [{ type: "Feature" as const, properties: {}, geometry: { type: "Point" as const, coordinates: [...there] } }] : [];
    this.#set("selected", { type: "FeatureCollection", features });
  }

  #where({ kind, id }: Selection): readonly [number, number] | undefined {
    const { city } = this.page;
    if (kind === "camera") return city.cameras.get(id)?.at;
    if (kind === "junction") return city.junctions.get(id)?.at;
    const glide = this.#glides.get(id);
    return glide ? at(glide, Date.now()) : city.buses.get(id)?.at;
  }

  #set(source: string, data: GeoJSON.FeatureCollection): void {
    this.gl.getSource<GeoJSONSource>(source)?.setData(data);
  }
}

function credit(): HTMLElement {
  return el("p", { class: "credit" }, `${t("app.map-credit")} · MapLibre`);
}

/** All cameras and junctions in one view; central Hanoi when there are none. */
function home(gl: GlMap, page: Page): void {
  const places = [...page.city.cameras.values(), ...page.city.junctions.values()].flatMap(({ at: place }) => (place ? [place] : []));
  if (places.length < 2) return void gl.easeTo(HOME);
  const [lons, lats] = [places.map(([lon]) => lon), places.map(([, lat]) => lat)];
  gl.fitBounds([[Math.min(...lons), Math.min(...lats)], [Math.max(...lons), Math.max(...lats)]], { padding: 70, maxZoom: 15 });
}

function buttons(gl: GlMap, goHome: () => void): HTMLElement {
  const button = (label: "map.zoom-in" | "map.zoom-out" | "map.home", path: string, act: () => void) => {
    const node = el("button", { type: "button", title: t(label), "aria-label": t(label) }, icon(path));
    node.addEventListener("click", act);
    return node;
  };
  return el(
    "div",
    { class: "zoom" },
    button("map.zoom-in", "M11 4h2v7h7v2h-7v7h-2v-7H4v-2h7V4Z", () => void gl.zoomIn()),
    button("map.zoom-out", "M4 11h16v2H4v-2Z", () => void gl.zoomOut()),
    button("map.home", "M12 3 2 12h3v8h5v-6h4v6h5v-8h3L12 3Z", goHome),
  );
}
