// The panels of the page, in the order of their tabs: a new one is a folder and a line.
import { counts } from "./counts/counts";
import { details } from "./details/details";
import { events } from "./events/events";
import { map } from "./map/map";
import type { Panel } from "./panel";
import { wall } from "./wall/wall";

export const PANELS: readonly Panel[] = [
  map,
  details,
  wall,
  events,
  counts,
];
