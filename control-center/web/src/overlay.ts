// Boxes, counting lines and zones over a camera's picture, scaled from the scene's pixels to the canvas's.
import type { Camera } from "./city";
import type { Box } from "./gen/ngatu/v1/event_pb";
import type { SceneLine, SceneZone, TrackBox } from "./gen/ngatu/v1/gateway_pb";
import { USER_COLOURS, userName } from "./road_users";

export interface Fit {
  /** Upper left corner of the picture on the canvas and its size there. */
  x: number;
  y: number;
  w: number;
  h: number;
  /** Canvas pixels a scene pixel. */
  sx: number;
  sy: number;
}

/** The whole picture in the middle of the canvas, its shape kept. */
export function fit(canvasW: number, canvasH: number, pictureW: number, pictureH: number, sceneW: number, sceneH: number): Fit {
  const scale = Math.min(canvasW / pictureW, canvasH / pictureH);
  const [w, h] = [pictureW * scale, pictureH * scale];
  return { x: (canvasW - w) / 2, y: (canvasH - h) / 2, w, h, sx: w / (sceneW || pictureW), sy: h / (sceneH || pictureH) };
}

type G = CanvasRenderingContext2D;

export function drawTrack(g: G, f: Fit, track: TrackBox, unit: number): void {
  if (track.box) drawBox(g, f, track.box, `${userName(track.roadUser)} ${track.track}`, USER_COLOURS[track.roadUser] ?? "#fff", unit);
}

/** `unit`: canvas pixels of one CSS pixel. */
export function drawBox(g: G, f: Fit, box: Box, label: string, colour: string, unit: number): void {
  const [x, y, w, h] = [f.x + box.x * f.sx, f.y + box.y * f.sy, box.w * f.sx, box.h * f.sy];
  g.lineWidth = 3.5 * unit;
  g.strokeStyle = "#000a";
  g.strokeRect(x, y, w, h);
  g.lineWidth = 1.8 * unit;
  g.strokeStyle = colour;
  g.strokeRect(x, y, w, h);
  if (!label) return;
  const size = 11 * unit;
  g.font = `600 ${size}px "Be Vietnam Pro", sans-serif`;
  const wide = g.measureText(label).width + 6 * unit;
  const high = size * 1.35;
  const lx = Math.max(f.x, Math.min(x, f.x + f.w - wide));
  const ly = y - high < f.y ? y : y - high;
  g.fillStyle = colour;
  g.fillRect(lx, ly, wide, high);
  g.fillStyle = "#06131d";
  g.textAlign = "left";
  g.fillText(label, lx + 3 * unit, ly + size * 1.05);
}

export function drawScene(g: G, f: Fit, camera: Pick<Camera, "lines" | "zones">, unit: number): void {
  for (const zone of camera.zones) drawZone(g, f, zone, unit);
  for (const line of camera.lines) drawLine(g, f, line, unit);
}

export function drawLine(g: G, f: Fit, line: SceneLine, unit: number): void {
  const [ax, ay, bx, by] = [f.x + line.ax * f.sx, f.y + line.ay * f.sy, f.x + line.bx * f.sx, f.y + line.by * f.sy];
  for (const [colour, width] of [["#000a", 4], ["#ffffff", 2]] as const) {
    g.strokeStyle = colour;
    g.lineWidth = width * unit;
    g.setLineDash([8 * unit, 5 * unit]);
    g.beginPath();
    g.moveTo(ax, ay);
    g.lineTo(bx, by);
    g.stroke();
  }
  g.setLineDash([]);
  text(g, line.line, (ax + bx) / 2, (ay + by) / 2, unit);
}

export function drawZone(g: G, f: Fit, zone: SceneZone, unit: number): void {
  const c = zone.corners;
  if (c.length < 6) return;
  g.beginPath();
  for (let i = 0; i + 1 < c.length; i += 2) g.lineTo(f.x + (c[i] ?? 0) * f.sx, f.y + (c[i + 1] ?? 0) * f.sy);
  g.closePath();
  g.fillStyle = "#ff9d5c22";
  g.fill();
  g.strokeStyle = "#ffb27d";
  g.lineWidth = 1.6 * unit;
  g.setLineDash([3 * unit, 3 * unit]);
  g.stroke();
  g.setLineDash([]);
  text(g, zone.zone, f.x + (c[0] ?? 0) * f.sx, f.y + (c[1] ?? 0) * f.sy, unit);
}

function text(g: G, words: string, x: number, y: number, unit: number): void {
  g.font = `600 ${11 * unit}px "Be Vietnam Pro", sans-serif`;
  g.textAlign = "center";
  g.lineWidth = 3 * unit;
  g.lineJoin = "round";
  g.strokeStyle = "#000c";
  g.strokeText(words, x, y - 4 * unit);
  g.fillStyle = "#fff";
  g.fillText(words, x, y - 4 * unit);
  g.textAlign = "left";
}

export const ALARM_COLOUR = "#ff7a70";
