// The city as features for the map's sources.
import type { Feature, FeatureCollection, Point } from "geojson";

import { isStale, type City, type LonLat } from "../../city";
import { ageOf } from "../../format";
import { aspectsOf } from "../../signals";
import { busIcon, cameraIcon, junctionIcon } from "./icons";
import { at, type Glide } from "./motion";

type Points = FeatureCollection<Point>;

const points = (features: Feature<Point>[]): Points => ({ type: "FeatureCollection", features });
const point = (at: LonLat, properties: Record<string, unknown>): Feature<Point> => ({
  type: "Feature",
  properties,
  geometry: { type: "Point", coordinates: [...at] },
});

export function cameraPoints(city: City): Points {
  const all: Feature<Point>[] = [];
  for (const camera of city.cameras.values()) {
    if (camera.at) all.push(point(camera.at, { id: camera.id, name: camera.name, icon: cameraIcon(city.stateOf(camera)) }));
  }
  return points(all);
}

export function junctionPoints(city: City): Points {
  const all: Feature<Point>[] = [];
  for (const junction of city.junctions.values()) {
    if (!junction.at) continue;
    const icon = junctionIcon(city.stateOf(junction), aspectsOf(junction.groups));
    all.push(point(junction.at, { id: junction.id, name: junction.name, icon }));
  }
  return points(all);
}

/** `frozen` when the link to the hall is lost: then every position is old. */
export function busPoints(city: City, glides: ReadonlyMap<string, Glide>, nowMs: number, browserMs: number, frozen: boolean): Points {
  const all: Feature<Point>[] = [];
  for (const bus of city.buses.values()) {
    const glide = glides.get(bus.id);
    const stale = frozen || !bus.valid || isStale(bus, nowMs);
    const standing = bus.courseDeg === undefined || bus.speedMps < 0.8;
    const name = stale ? `${bus.id} · ${ageOf(nowMs - bus.fixMs)}` : bus.id;
    all.push(
      point(glide ? at(glide, browserMs) : bus.at, {
        id: bus.id,
        name,
        icon: busIcon(stale, standing),
        turn: standing ? 0 : (bus.courseDeg ?? 0),
        stale,
      }),
    );
  }
  return points(all);
}
