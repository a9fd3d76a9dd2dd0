// The panels of the page, in the order of their tabs: a new one is a folder that exports `panel`, and a line.
import type { Panel } from "./panel";

export const PANELS: readonly (() => Promise<{ panel: Panel }>)[] = [
  () => import("./map/map"),
  () => import("./buses/buses"),
  () => import("./corridor/corridor"),
  () => import("./maintenance/maintenance"),
  () => import("./details/details"),
  () => import("./wall/wall"),
  () => import("./junction/junction"),
  () => import("./events/events"),
  () => import("./counts/counts"),
  () => import("./tracks/tracks"),
];
