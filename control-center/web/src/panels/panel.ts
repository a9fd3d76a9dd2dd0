// What a panel is, and what the page gives it.
import type { Hall, Maintenance, Signals } from "../api";
import type { Changed, City, LonLat } from "../city";
import type { Key } from "../i18n";
import type { LinkState } from "../link";

export interface Selection {
  kind: "camera" | "bus" | "junction";
  id: string;
}

export interface SelectOptions {
  /** The map goes there. */
  fly?: boolean;
  /** The wall shows it alone. */
  enlarge?: boolean;
}

/** A place on the map with a few words. */
export interface Mark {
  at: LonLat;
  text: string;
}

/** A bus's day, to be driven once more on the map. */
export interface Replayed {
  vehicle: string;
  /** Oldest first. */
  fixes: { ms: number; at: LonLat; speedMps: number }[];
  /** What happened when. */
  told: { ms: number; text: string }[];
  /** Why there are no fixes. */
  problem?: string;
}

export interface Page {
  city: City;
  hall: Hall;
  signals: Signals;
  maintenance: Maintenance;
  /** How the page stands to the hall. Data older than a lost link is never shown as live. */
  link(): LinkState;
  /** The hall's time in UTC milliseconds. */
  now(): number;
  /** Makes `what` the one thing that panels show more of; undefined for nothing. */
  select(what: Selection | undefined, options?: SelectOptions): void;
  selected(): Selection | undefined;
  /** Brings a panel to the front where it shares its place with others. */
  show(panel: string): void;
  /** Shows a place on the map. */
  mark(mark: Mark): void;
  /** Drives a bus's day once more on the map. */
  replay(day: Replayed): void;
  /** How much is new in a panel that stands behind another; 0 takes the number away. */
  badge(panel: string, n: number): void;
  /** A value of this viewer's that survives a reload of the page, not the browser. */
  keep<T>(name: string, fallback: T): { get(): T; set(value: T): void };
}

/** Where a panel stands on a wide screen; panels of one place share it as tabs. On a phone all are tabs. */
export type Place = "left" | "right-top" | "right-bottom" | "over-left";

export interface Panel {
  id: string;
  title: Key;
  place: Place;
  mount(host: HTMLElement, page: Page): Mounted | Promise<Mounted>;
}

/** All are called at most a few times a second. */
export interface Mounted {
  /** Something in the city changed. */
  update?(changed: ReadonlySet<Changed>): void;
  /** Once a second: for ages and clocks. */
  tick?(): void;
  selected?(what: Selection | undefined, options: SelectOptions): void;
  marked?(mark: Mark): void;
  replayed?(day: Replayed): void;
  /** The link to the hall went live or was lost. */
  linked?(state: LinkState): void;
  /** The panel came to the front or went behind another. */
  shown?(visible: boolean): void;
}
