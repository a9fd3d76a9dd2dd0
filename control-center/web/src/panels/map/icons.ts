// The signs on the map, drawn once each. State is told by shape and by colour.
import type { State } from "../../city";
import { GLYPHS, type Aspect } from "../../signals";

export const RATIO = 2;
const DARK = "#081018";

export const STATE_COLOURS: Record<State, string> = { up: "#6cc4ff", connecting: "#ffc94d", down: "#ff7a70", unknown: "#a9b8c6" };

function canvas(w: number, h: number): CanvasRenderingContext2D {
  const node = document.createElement("canvas");
  node.width = w * RATIO;
  node.height = h * RATIO;
  const g = node.getContext("2d");
  if (!g) throw new Error("this browser has no 2D canvas");
  g.scale(RATIO, RATIO);
  return g;
}

function pixels(g: CanvasRenderingContext2D): ImageData {
  return g.getImageData(0, 0, g.canvas.width, g.canvas.height);
}

/** The picture of an icon's name, as `cameraIcon`, `BUS`, `junctionIcon` give them; undefined for a name of somebody else. */
export function draw(name: string): ImageData | undefined {
  const [kind, ...rest] = name.split(":");
  if (kind === "camera") return camera(rest[0] as State);
  if (kind === "bus") return bus(rest[0] === "stale", rest[1] === "still");
  if (kind === "junction") return junction(rest[0] as State, rest[1] ?? "");
  if (kind === "ring") return ring();
  return undefined;
}

export const cameraIcon = (state: State): string => `camera:${state}`;
export const busIcon = (stale: boolean, standing: boolean): string => `bus:${stale ? "stale" : "fresh"}:${standing ? "still" : "moving"}`;
/** `aspects` as their first letters, so that equal junctions share a picture. */
export const junctionIcon = (state: State, aspects: Aspect[]): string => `junction:${state}:${aspects.map((a) => LETTERS[a]).join("")}`;

const LETTERS: Record<Aspect, string> = { red: "r", "red-yellow": "o", green: "g", yellow: "y", "flashing-green": "G", "flashing-yellow": "Y", "flashing-red": "R", dark: "d", unknown: "u" };
const ASPECTS = Object.fromEntries(Object.entries(LETTERS).map(([aspect, letter]) => [letter, aspect as Aspect]));

function camera(state: State): ImageData {
  const g = canvas(30, 30);
  const colour = STATE_COLOURS[state];
  g.lineWidth = 2;
  g.beginPath();
  g.roundRect(2, 2, 26, 26, 8);
  g.fillStyle = state === "up" ? colour : DARK;
  g.fill();
  g.strokeStyle = state === "up" ? DARK : colour;
  g.stroke();
  g.fillStyle = state === "up" ? DARK : colour;
  g.beginPath();
  g.roundRect(6.5, 10, 11, 10, 2.5);
  g.moveTo(18.5, 13.5);
  g.lineTo(23.5, 10.5);
  g.lineTo(23.5, 19.5);
  g.lineTo(18.5, 16.5);
  g.fill();
  if (state === "down") {
    g.lineCap = "round";
    for (const [colourOf, width] of [[DARK, 6], [colour, 3]] as const) {
      g.strokeStyle = colourOf;
      g.lineWidth = width;
      g.beginPath();
      g.moveTo(6, 24);
      g.lineTo(24, 6);
      g.stroke();
    }
  } else if (state === "connecting" || state === "unknown") {
    badge(g, state === "unknown" ? "?" : "…", colour);
  }
  return pixels(g);
}

function badge(g: CanvasRenderingContext2D, text: string, colour: string): void {
  g.fillStyle = colour;
  g.beginPath();
  g.arc(22.5, 22.5, 6.5, 0, 7);
  g.fill();
  g.fillStyle = DARK;
  g.font = "bold 11px sans-serif";
  g.textAlign = "center";
  g.fillText(text, 22.5, text === "…" ? 24 : 26.5);
}

/** An arrow to the north; the map turns it. Standing or without a heading: a disc. Stale: hollow. */
function bus(stale: boolean, standing: boolean): ImageData {
  const g = canvas(26, 26);
  g.beginPath();
  if (standing) {
    g.arc(13, 13, 7.5, 0, 7);
  } else {
    g.moveTo(13, 2);
    g.lineTo(21.5, 22.5);
    g.lineTo(13, 18);
    g.lineTo(4.5, 22.5);
    g.closePath();
  }
  g.lineJoin = "round";
  g.strokeStyle = stale ? "#a9b8c6" : DARK;
  g.fillStyle = stale ? "#26323d" : "#ffd166";
  g.lineWidth = 2.2;
  if (stale) g.setLineDash([3, 2.5]);
  g.fill();
  g.stroke();
  return pixels(g);
}

const SHOWN = 8;

/** A dark plate with one sign a signal group: square red, diamond yellow, triangle green, ring dark. */
function junction(state: State, letters: string): ImageData {
  const groups = Array.from(letters.slice(0, SHOWN), (l): Aspect => ASPECTS[l] ?? "unknown");
  const columns = Math.max(2, Math.min(4, groups.length));
  const rows = Math.max(1, Math.ceil(groups.length / 4));
  const [cell, pad] = [13, 5];
  const [w, h] = [columns * cell + pad * 2, Math.max(rows * cell + pad * 2, 24)];
  const g = canvas(w, h);
  const connected = state === "up";
  g.beginPath();
  g.roundRect(1.5, 1.5, w - 3, h - 3, 6);
  g.fillStyle = connected ? "#05090d" : "#1b2530";
  g.fill();
  g.lineWidth = 2;
  g.strokeStyle = connected ? "#c4d1dc" : STATE_COLOURS[state];
  if (!connected) g.setLineDash([4, 3]);
  g.stroke();
  g.setLineDash([]);
  if (!connected || groups.length === 0) {
    g.fillStyle = connected ? "#a9b8c6" : STATE_COLOURS[state];
    g.font = "bold 15px sans-serif";
    g.textAlign = "center";
    g.fillText(state === "down" ? "✕" : state === "connecting" ? "…" : "?", w / 2, h / 2 + 5.5);
    return pixels(g);
  }
  groups.forEach((aspect, i) => {
    const inRow = Math.min(4, groups.length - Math.floor(i / 4) * 4);
    const x = w / 2 + ((i % 4) - (inRow - 1) / 2) * cell;
    const y = h / 2 + (Math.floor(i / 4) - (rows - 1) / 2) * cell;
    sign(g, aspect, x, y);
  });
  return pixels(g);
}

export function sign(g: CanvasRenderingContext2D, aspect: Aspect, x: number, y: number, r = 5): void {
  g.fillStyle = g.strokeStyle = GLYPHS[aspect].colour;
  g.lineWidth = 1.8;
  g.beginPath();
  // A flashing lamp has the shape of the steady one, hollow.
  const finish = () => {
    g.closePath();
    if (aspect.startsWith("flashing")) g.stroke();
    else g.fill();
  };
  switch (aspect) {
    case "red":
    case "flashing-red":
      g.rect(x - r * 0.86, y - r * 0.86, r * 1.72, r * 1.72);
      return finish();
    case "red-yellow":
      g.rect(x - r * 0.86, y - r * 0.86, r * 1.72, r * 1.72);
      g.stroke();
      return g.fillRect(x - r * 0.86, y - r * 0.86, r * 0.86, r * 1.72);
    case "yellow":
    case "flashing-yellow":
      g.moveTo(x, y - r);
      g.lineTo(x + r, y);
      g.lineTo(x, y + r);
      g.lineTo(x - r, y);
      return finish();
    case "green":
    case "flashing-green":
      g.moveTo(x, y - r);
      g.lineTo(x + r, y + r * 0.8);
      g.lineTo(x - r, y + r * 0.8);
      return finish();
    case "dark":
      g.arc(x, y, r * 0.7, 0, 7);
      return g.stroke();
    case "unknown":
      g.font = "bold 10px sans-serif";
      g.textAlign = "center";
      return g.fillText("?", x, y + 3.5);
  }
}

function ring(): ImageData {
  const g = canvas(64, 64);
  for (const [colour, width] of [["#000a", 7], ["#ffffff", 3]] as const) {
    g.beginPath();
    g.arc(32, 32, 26, 0, 7);
    g.strokeStyle = colour;
    g.lineWidth = width;
    g.stroke();
  }
  return pixels(g);
}
