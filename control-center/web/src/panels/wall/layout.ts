// How many pictures fit, and which cameras they are. Pure.
import type { Camera } from "../../city";
import { BY_NAME } from "../../format";
import { plain } from "../../plain";

const SHAPE = 16 / 9;

export interface Grid {
  columns: number;
  rows: number;
}

/** The grid that shows `count` pictures largest in `w` x `h` CSS pixels, none narrower than `narrowest`. */
export function gridFor(count: number, w: number, h: number, most: number, narrowest = 190): Grid {
  const columnsMost = Math.max(1, Math.floor(w / narrowest));
  let best: Grid = { columns: 1, rows: 1 };
  let bestScore = -1;
  for (let columns = 1; columns <= columnsMost; columns++) {
    const tile = w / columns;
    for (let rows = 1; rows <= Math.max(1, Math.floor((h * 1.05) / (narrowest / SHAPE))); rows++) {
      const shown = Math.min(count, columns * rows, most);
      if (columns * rows > most || (columns * rows > count && columns * (rows - 1) >= count)) continue;
      const wide = Math.min(tile, (h / rows) * SHAPE);
      if (wide < narrowest * 0.95 && columns * rows > 1) continue;
      // First as many cameras as possible, then as large as possible.
      const score = shown * 1e5 + wide;
      if (score > bestScore) [best, bestScore] = [{ columns, rows }, score];
    }
  }
  return best;
}

/** Cameras in the order of the wall: by name, and always so. A camera that fails keeps its place, where eyes expect it. */
export function arrange(cameras: Iterable<Camera>, query: string): Camera[] {
  const want = plain(query.trim());
  return [...cameras]
    .filter((c) => !want || plain(c.name).includes(want) || c.id.includes(want))
    .sort((a, b) => BY_NAME.compare(a.name, b.name) || (a.id < b.id ? -1 : 1));
}
