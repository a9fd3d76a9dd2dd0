// Vehicles that must not wait, on the map: their way, each junction by what it is asked for, and where they are by now.
import type { FeatureCollection } from "geojson";
import type { GeoJSONSource, Map as GlMap } from "maplibre-gl";

import type { LonLat } from "../../city";
import { EmergencyStopState as State, type EmergencyRun } from "../../gen/ngatu/v1/signal_pb";
import type { Page } from "../panel";
import { FONT } from "./style";

const LOOK_S = 2;
const NONE: FeatureCollection = { type: "FeatureCollection", features: [] };
const COLOURS = ["match", ["get", "state"], "green", "#4fdc9b", "asked", "#ffd65a", "refused", "#ff6b5e", "passed", "#7b8a99", "#ffffff"];

export class EmergencyLayer {
  #ticks = 0;
  #stamp = "";

  constructor(
    private readonly gl: GlMap,
    private readonly page: Page,
  ) {
    gl.addSource("emergency", { type: "geojson", data: NONE });
    const line = ["==", ["geometry-type"], "LineString"] as never;
    const place = ["==", ["geometry-type"], "Point"] as never;
    gl.addLayer({ id: "emergency-way", type: "line", source: "emergency", filter: line, paint: { "line-color": "#ff5a4e", "line-width": 6, "line-opacity": 0.55 }, layout: { "line-join": "round", "line-cap": "round" } }, "selected");
    gl.addLayer({ id: "emergency-places", type: "circle", source: "emergency", filter: place, paint: { "circle-radius": ["match", ["get", "state"], "vehicle", 9, 14] as never, "circle-color": ["match", ["get", "state"], "vehicle", "#ff5a4e", "#00000000"] as never, "circle-stroke-width": 4, "circle-stroke-color": COLOURS as never } }, "selected");
    gl.addLayer({ id: "emergency-names", type: "symbol", source: "emergency", filter: ["==", ["get", "state"], "vehicle"] as never, layout: { "text-field": ["get", "name"] as never, "text-font": FONT, "text-size": 13, "text-offset": [0, -1.6], "text-allow-overlap": true }, paint: { "text-color": "#ffd9d4", "text-halo-color": "#081018", "text-halo-width": 2 } });
  }

  tick(): void {
    if (this.#ticks++ % LOOK_S === 0) void this.#look();
  }

  async #look(): Promise<void> {
    if (this.page.link().is !== "live") return this.#draw([]);
    try {
      const { runs } = await this.page.signals.listEmergencies({}, { timeoutMs: 5_000 });
      this.#draw(runs.filter((run) => run.endedMs === 0n));
    } catch {
      // The corridor's panel tells what is wrong; an old way is worse than none.
      this.#draw([]);
    }
  }

  #draw(runs: readonly EmergencyRun[]): void {
    const data = ways(runs, (junction) => this.page.city.junctions.get(junction)?.at);
    const stamp = JSON.stringify(data);
    if (stamp !== this.#stamp) this.gl.getSource<GeoJSONSource>("emergency")?.setData(data);
    this.#stamp = stamp;
  }
}

const NAMES: Partial<Record<State, string>> = { [State.ASKED]: "asked", [State.GREEN]: "green", [State.REFUSED]: "refused", [State.PASSED]: "passed" };

/** Pure. Junctions without a place are left out. */
export function ways(runs: readonly EmergencyRun[], placeOf: (junction: string) => LonLat | undefined): FeatureCollection {
  const features: FeatureCollection["features"] = [];
  const point = (at: LonLat, properties: Record<string, string>) => features.push({ type: "Feature", properties, geometry: { type: "Point", coordinates: [...at] } });
  for (const run of runs) {
    const stops = run.stops.flatMap((stop) => {
      const at = placeOf(stop.junction);
      return at ? [{ stop, at }] : [];
    });
    if (stops.length > 1) features.push({ type: "Feature", properties: {}, geometry: { type: "LineString", coordinates: stops.map(({ at }) => [...at]) } });
    for (const { stop, at } of stops) point(at, { state: NAMES[stop.state] ?? "ahead" });
    const here = between(stops.map(({ stop, at }) => ({ m: stop.atM, at })), run.hereM);
    if (here) point(here, { state: "vehicle", name: run.vehicle || run.purpose });
  }
  return { type: "FeatureCollection", features };
}

/** Where `m` lies on the way; nowhere before its first and after its last place. */
function between(places: readonly { m: number; at: LonLat }[], m: number): LonLat | undefined {
  for (const [i, to] of places.entries()) {
    const from = places[i - 1];
    if (!from || m < from.m || m > to.m) continue;
    const share = (m - from.m) / Math.max(1, to.m - from.m);
    return [from.at[0] + share * (to.at[0] - from.at[0]), from.at[1] + share * (to.at[1] - from.at[1])];
  }
  return undefined;
}
