// A found track opened: its way and its box over the picture of that moment, if one is kept, and the way to the camera.
import { el, icon, setText } from "../../dom";
import { dateOf, kmh, timeOf } from "../../format";
import type { FoundTrack, StoredEvent } from "../../gen/ngatu/v1/api_pb";
import { t, type Key } from "../../i18n";
import { drawBox, drawScene, fit, type Fit } from "../../overlay";
import { directionName, USER_COLOURS, userName } from "../../road_users";
import type { Page } from "../panel";
import { colourName, pathOf } from "./question";

const CLOSE = "M6.4 5 12 10.6 17.6 5 19 6.4 13.4 12l5.6 5.6-1.4 1.4-5.6-5.6L6.4 19 5 17.6 10.6 12 5 6.4 6.4 5Z";
/** Events of a track become certain a little after it passed. */
const LATE_MS = 15_000;

export class Moment {
  readonly root = el("dialog", { class: "still moment", "aria-labelledby": "moment-title" });
  #title = el("h2", { id: "moment-title" });
  #when = el("p", { class: "at" });
  #canvas = el("canvas", { role: "img", "aria-label": t("tracks.picture") });
  #notice = el("p", { class: "notice small", role: "status" });
  #facts = el("dl");
  #found: FoundTrack | undefined;
  #bitmap: ImageBitmap | undefined;
  #loading = new AbortController();

  constructor(private readonly page: Page) {
    const close = el("button", { type: "button", class: "icon-button", "aria-label": t("events.close"), title: `${t("events.close")} (Esc)` }, icon(CLOSE));
    close.addEventListener("click", () => this.root.close());
    const watch = el("button", { type: "button", class: "plain" }, t("details.watch"));
    watch.addEventListener("click", () => this.#watch());
    this.root.append(
      el("header", {}, el("div", {}, this.#title, this.#when), close),
      el("div", { class: "picture" }, this.#canvas, this.#notice),
      el("div", { class: "about" }, this.#facts, el("div", { class: "actions" }, watch)),
    );
    this.root.addEventListener("close", () => this.#loading.abort());
    this.root.addEventListener("click", (event) => {
      if (event.target === this.root) this.root.close();
    });
    new ResizeObserver(() => this.#draw()).observe(this.#canvas);
  }

  open(found: FoundTrack): void {
    this.#found = found;
    const { track } = found;
    if (!track) return;
    const best = Number(track.bestMs);
    const name = this.page.city.cameras.get(track.camera)?.name ?? track.camera;
    setText(this.#title, `${userName(track.roadUser)}${track.colour ? ` · ${colourName(track.colour)}` : ""}`);
    setText(this.#when, `${timeOf(best)} · ${dateOf(best)} · ${name}`);
    const rows: [Key, string][] = [
      ["tracks.there", `${timeOf(Number(track.beganMs))} – ${timeOf(Number(track.endedMs))}`],
      ["tracks.colour", colourName(track.colour)],
      ["field.line", track.lines.map((l) => `${l.line} ${directionName(l.direction)}`).join(", ")],
      ["field.zone", track.zones.map((z) => z.zone).join(", ")],
      ["field.speed", track.meanSpeedMps === undefined ? "" : kmh(track.meanSpeedMps)],
      ["field.gateway", found.gateway],
    ];
    this.#facts.replaceChildren(...rows.filter(([, value]) => value).flatMap(([key, value]) => [el("dt", {}, t(key)), el("dd", {}, value)]));
    if (!this.root.open) this.root.showModal();
    void this.#load(found);
  }

  #watch(): void {
    this.root.close();
    this.page.show("wall");
    if (this.#found?.track) this.page.select({ kind: "camera", id: this.#found.track.camera }, { fly: true, enlarge: true });
  }

  async #load(found: FoundTrack): Promise<void> {
    this.#loading.abort();
    const { signal } = (this.#loading = new AbortController());
    this.#bitmap?.close();
    this.#bitmap = undefined;
    setText(this.#notice, t("events.still-loading"));
    this.#draw();
    try {
      const event = await this.#event(found, signal);
      if (!event) return setText(this.#notice, t("tracks.no-still"));
      const { jpeg } = await this.page.hall.getStill({ gateway: event.gateway, boot: event.boot, seq: event.event?.seq ?? 0n }, { signal, timeoutMs: 15_000 });
      const bitmap = await createImageBitmap(new Blob([jpeg as Uint8Array<ArrayBuffer>], { type: "image/jpeg" }));
      if (signal.aborted) return bitmap.close();
      this.#bitmap = bitmap;
      setText(this.#notice, "");
      this.#draw();
    } catch {
      // Gone, or its gateway is away: the way it went is still drawn.
      if (!signal.aborted) setText(this.#notice, t("tracks.no-still"));
    }
  }

  /** An event that this track was part of has the picture, when there was one: the nearest to its best moment. */
  async #event({ gateway, track }: FoundTrack, signal: AbortSignal): Promise<StoredEvent | undefined> {
    if (!track) return undefined;
    const beforeMs = track.endedMs + BigInt(LATE_MS);
    const { events } = await this.page.hall.listEvents({ kinds: ["line_crossing", "rule"], camera: track.camera, beforeMs, limit: 500 }, { signal, timeoutMs: 15_000 });
    const far = (e: StoredEvent) => Math.abs(Number((e.event?.atMs ?? 0n) - track.bestMs));
    const own = events.filter((e) => {
      const body = e.event?.body;
      const of = body?.case === "lineCrossing" || body?.case === "rule" ? body.value.track : undefined;
      return e.gateway === gateway && of === track.track && (e.event?.atMs ?? 0n) >= track.beganMs;
    });
    return own.sort((a, b) => far(a) - far(b))[0];
  }

  #draw(): void {
    const [canvas, track] = [this.#canvas, this.#found?.track];
    const g = canvas.getContext("2d");
    if (!track || !g || canvas.clientWidth === 0) return;
    const unit = devicePixelRatio;
    [canvas.width, canvas.height] = [Math.round(canvas.clientWidth * unit), Math.round(canvas.clientHeight * unit)];
    const camera = this.page.city.cameras.get(track.camera);
    const [w, h] = [camera?.width || 1280, camera?.height || 720];
    const f = fit(canvas.width, canvas.height, this.#bitmap?.width ?? w, this.#bitmap?.height ?? h, w, h);
    if (this.#bitmap) g.drawImage(this.#bitmap, f.x, f.y, f.w, f.h);
    else {
      g.fillStyle = "#0e1720";
      g.fillRect(f.x, f.y, f.w, f.h);
    }
    if (camera) drawScene(g, f, camera, unit);
    drawPath(g, f, pathOf(track), unit);
    const colour = USER_COLOURS[track.roadUser] ?? "#fff";
    if (track.bestBox) drawBox(g, f, track.bestBox, `${userName(track.roadUser)} ${track.track}`, colour, unit);
  }
}

/** The way it went, with an arrow at its end. */
function drawPath(g: CanvasRenderingContext2D, f: Fit, path: { x: number; y: number }[], unit: number): void {
  const points = path.map(({ x, y }) => [f.x + x * f.sx, f.y + y * f.sy] as const);
  const [last, before] = [points.at(-1), points.at(-2)];
  if (!last || !before) return;
  for (const [colour, width] of [["#000b", 5], ["#7fd0ff", 2.5]] as const) {
    g.strokeStyle = colour;
    g.lineWidth = width * unit;
    g.lineJoin = "round";
    g.beginPath();
    for (const [x, y] of points) g.lineTo(x, y);
    const angle = Math.atan2(last[1] - before[1], last[0] - before[0]);
    for (const side of [-1, 1]) {
      g.moveTo(last[0], last[1]);
      g.lineTo(last[0] - 12 * unit * Math.cos(angle + side * 0.5), last[1] - 12 * unit * Math.sin(angle + side * 0.5));
    }
    g.stroke();
  }
}
