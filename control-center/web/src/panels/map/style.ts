// The look of the base map: our own drawing of Hanoi, no tile server, no glyph server. Text is drawn by MapLibre from the font
// that the page ships.
import type { StyleSpecification } from "maplibre-gl";

import ground from "./hanoi/ground.json";
import places from "./hanoi/places.json";
import streets from "./hanoi/streets.json";

export const FONT = ["Be Vietnam Pro"];

const WATER = "#12344d";
const byClass = (of: Record<string, string | number>, other: string | number) => ["match", ["get", "class"], ...Object.entries(of).flat(), other];
const width = (factor: number) =>
  ["interpolate", ["exponential", 1.5], ["zoom"],
    10, ["*", factor, byClass({ trunk: 1.4, bridge: 1.4, main: 1, rail: 0.5 }, 0.4)],
    14, ["*", factor, byClass({ trunk: 5, bridge: 5, main: 4, rail: 1 }, 2.2)],
    18, ["*", factor, byClass({ trunk: 26, bridge: 22, main: 22, rail: 3 }, 14)]] as never;

export function baseStyle(): StyleSpecification {
  return {
    version: 8,
    sources: {
      ground: { type: "geojson", data: ground as never },
      streets: { type: "geojson", data: streets as never },
      places: { type: "geojson", data: places as never },
    },
    layers: [
      { id: "ground", type: "background", paint: { "background-color": "#0e1720" } },
      { id: "park", type: "fill", source: "ground", filter: ["==", ["get", "class"], "park"], paint: { "fill-color": "#12281f" } },
      { id: "water", type: "fill", source: "ground", filter: ["in", ["get", "class"], ["literal", ["river", "lake"]]], paint: { "fill-color": WATER } },
      { id: "island", type: "fill", source: "ground", filter: ["==", ["get", "class"], "island"], paint: { "fill-color": "#13241f" } },
      { id: "stream", type: "line", source: "ground", filter: ["==", ["get", "class"], "stream"], paint: { "line-color": WATER, "line-width": ["interpolate", ["linear"], ["zoom"], 11, 1, 16, 8] } },
      { id: "street-edge", type: "line", source: "streets", filter: ["!=", ["get", "class"], "rail"],
        layout: { "line-cap": "round", "line-join": "round" }, paint: { "line-color": "#0a1118", "line-width": width(1.45) } },
      { id: "street", type: "line", source: "streets", filter: ["!=", ["get", "class"], "rail"],
        layout: { "line-cap": "round", "line-join": "round" },
        paint: { "line-color": byClass({ trunk: "#586b7e", bridge: "#64798e", main: "#4b5e71" }, "#354655") as never, "line-width": width(1) } },
      { id: "rail", type: "line", source: "streets", filter: ["==", ["get", "class"], "rail"],
        paint: { "line-color": "#6d7f90", "line-width": width(1), "line-dasharray": [4, 3] } },
      { id: "street-name", type: "symbol", source: "streets", minzoom: 12.6,
        filter: ["step", ["zoom"], ["in", ["get", "class"], ["literal", ["trunk", "main", "bridge"]]], 14, true],
        layout: { "symbol-placement": "line", "symbol-spacing": 340, "text-field": ["get", "name"], "text-font": FONT,
          "text-size": ["interpolate", ["linear"], ["zoom"], 12, 10.5, 15, 13.5, 18, 17], "text-max-angle": 40, "text-padding": 6 },
        paint: { "text-color": "#c6d2dd", "text-halo-color": "#0c141c", "text-halo-width": 1.6 } },
      { id: "place-spot", type: "symbol", source: "places", minzoom: 13.2, filter: ["all", ["==", ["get", "class"], "spot"], ["<=", ["get", "rank"], ["zoom"]]],
        layout: { "text-field": ["get", "name"], "text-font": FONT, "text-size": 11.5, "text-padding": 8, "text-max-width": 8 },
        paint: { "text-color": "#d8c79a", "text-halo-color": "#0c141c", "text-halo-width": 1.5 } },
      { id: "place-water", type: "symbol", source: "places",
        filter: ["all", ["==", ["get", "class"], "water"], ["<=", ["-", ["*", ["get", "rank"], 1.2], -9.4], ["zoom"]]],
        layout: { "text-field": ["get", "name"], "text-font": FONT, "text-size": 12.5, "text-max-width": 6 },
        paint: { "text-color": "#86b9dc", "text-halo-color": WATER, "text-halo-width": 1 } },
      { id: "place-area", type: "symbol", source: "places", maxzoom: 14.5, filter: ["==", ["get", "class"], "area"],
        layout: { "text-field": ["get", "name"], "text-font": FONT, "text-size": ["interpolate", ["linear"], ["zoom"], 10, 11, 14, 15.5], "text-letter-spacing": 0.08 },
        paint: { "text-color": "#93a5b5", "text-halo-color": "#0e1720", "text-halo-width": 1.2 } },
    ],
  };
}
