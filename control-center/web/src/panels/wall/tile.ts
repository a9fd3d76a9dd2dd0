// One camera of the wall: its live picture with what was found in it, or a plain word why there is none.
import type { Hall } from "../../api";
import { STATE_SIGNS, type Camera, type State } from "../../city";
import { el, icon, setText } from "../../dom";
import { isShed } from "../../effort";
import { ageOf, integer, oneDecimal } from "../../format";
import type { Picture } from "../../gen/ngatu/v1/gateway_pb";
import { t } from "../../i18n";
import { drawScene, drawTrack, fit } from "../../overlay";
import { Feed } from "./feed";

/** A picture older than this is no longer live. */
const FROZEN_MS = 5_000;
const RATE_OVER_MS = 5_000;

export interface Show {
  boxes: boolean;
  lines: boolean;
}

export class Tile {
  readonly root: HTMLElement;
  #canvas = el("canvas", { role: "img" });
  #name = el("b");
  #sign = el("span", { class: "sign" });
  #users = el("span", { class: "facts users" });
  #facts = el("span", { class: "facts" });
  #over = el("div", { class: "over" });
  #title = el("strong");
  #why = el("span");
  #feed: Feed;
  #bitmap: ImageBitmap | undefined;
  #picture: Picture | undefined;
  #waiting: Picture | undefined;
  #decoding = false;
  #arrivals: number[] = [];
  #failed = "";
  #state: State = "unknown";
  #reached = true;
  #resized = new ResizeObserver(() => this.draw());

  constructor(
    public camera: Camera,
    hall: Hall,
    private readonly show: Show,
    private readonly now: () => number,
    onOpen: () => void,
  ) {
    const open = el("button", { type: "button", class: "open", "aria-label": t("wall.large", { name: camera.name }), title: camera.name });
    open.addEventListener("click", onOpen);
    this.#over.append(icon("M4 7h11v3l5-3v10l-5-3v3H4V7Zm-1.6-4L21 21.6 19.6 23 1 4.4 2.4 3Z"), this.#title, this.#why);
    this.root = el(
      "figure",
      { class: "tile", "data-camera": camera.id },
      this.#canvas,
      this.#over,
      el("figcaption", {}, this.#sign, this.#name, this.#users, this.#facts),
      open,
    );
    this.#feed = new Feed(hall, camera.id, {
      picture: (picture) => {
        this.#failed = "";
        this.#arrivals.push(performance.now());
        this.#waiting = picture; // newest wins: one that could not be decoded in time is skipped
        void this.#decode();
      },
      failed: (why) => {
        this.#failed = why;
        this.tick();
      },
    });
    this.#resized.observe(this.#canvas);
  }

  /** Opens or closes the stream. */
  watch(on: boolean, fps: number): void {
    if (!on) return this.#feed.stop();
    const wide = Math.max(320, Math.round((this.#canvas.clientWidth * devicePixelRatio) / 64) * 64);
    this.#feed.start(Math.min(1920, wide), fps);
  }

  /** `reached`: whether the page hears the hall. */
  update(camera: Camera, state: State, reached: boolean): void {
    this.#reached = reached;
    this.camera = camera;
    this.#state = state;
    setText(this.#name, camera.name);
    const known = reached ? state : "unknown";
    setText(this.#sign, STATE_SIGNS[known]);
    this.#sign.className = `sign ${known}`;
    this.#sign.title = reached ? t(`state.${state}`) : t("link.lost");
    this.#canvas.setAttribute("aria-label", t("wall.picture-of", { name: camera.name }));
    this.tick();
  }

  /** Says how fresh the picture is, and covers it when it is not live. */
  tick(): void {
    const ageMs = this.#picture ? this.now() - Number(this.#picture.atMs) : undefined;
    const trouble = this.#trouble(ageMs);
    this.root.classList.toggle("troubled", trouble !== undefined);
    this.#over.hidden = trouble === undefined;
    setText(this.#title, trouble?.title ?? "");
    setText(this.#why, trouble?.why ?? "");
    const since = performance.now() - RATE_OVER_MS;
    this.#arrivals = this.#arrivals.filter((at) => at > since);
    const facts: string[] = [];
    if (this.#picture && ageMs !== undefined) {
      if (!trouble) facts.push(t("wall.fps", { n: oneDecimal(this.#arrivals.length / (RATE_OVER_MS / 1000)) }));
      facts.push(ageMs < 950 && !trouble ? `${integer(Math.max(0, Math.round(ageMs / 50) * 50))} ms` : t("wall.age", { age: ageOf(ageMs) }));
    }
    // First: what is cut off at the end must not be this.
    const { effort } = this.camera;
    if (effort && !trouble && isShed(effort)) {
      facts.unshift(effort.share > 0 ? t("wall.overloaded", { n: integer(Math.round(effort.share * 100)) }) : t("wall.rests"));
    }
    setText(this.#users, this.#picture && !trouble ? t("wall.road-users", { n: integer(this.#picture.tracks.length) }) : "");
    setText(this.#facts, facts.join(" · "));
  }

  #trouble(ageMs: number | undefined): { title: string; why: string } | undefined {
    const { camera } = this;
    if (!this.#reached) return { title: t("link.lost"), why: ageMs === undefined ? "" : t("wall.frozen", { age: ageOf(ageMs) }) };
    if (this.#state === "unknown") return { title: t("wall.gateway", { gateway: camera.gateway }), why: camera.reason };
    if (this.#state === "down") return { title: t("wall.down"), why: camera.reason };
    if (ageMs !== undefined && ageMs <= FROZEN_MS) return undefined;
    if (this.#state === "connecting") return { title: t("wall.connecting"), why: camera.reason };
    if (ageMs !== undefined) return { title: t("wall.frozen", { age: ageOf(ageMs) }), why: this.#failed };
    return this.#failed ? { title: t("wall.no-picture"), why: this.#failed } : { title: t("wall.waiting"), why: "" };
  }

  async #decode(): Promise<void> {
    if (this.#decoding) return;
    this.#decoding = true;
    while (this.#waiting) {
      const picture = this.#waiting;
      this.#waiting = undefined;
      try {
        const bitmap = await createImageBitmap(new Blob([picture.jpeg as Uint8Array<ArrayBuffer>], { type: "image/jpeg" }));
        this.#bitmap?.close();
        this.#bitmap = bitmap;
        this.#picture = picture;
        this.draw();
        if (this.root.classList.contains("troubled")) this.tick();
      } catch {
        this.#failed = "JPEG";
      }
    }
    this.#decoding = false;
  }

  draw(): void {
    const [bitmap, picture, canvas] = [this.#bitmap, this.#picture, this.#canvas];
    const unit = devicePixelRatio;
    const [w, h] = [Math.round(canvas.clientWidth * unit), Math.round(canvas.clientHeight * unit)];
    if (w === 0 || h === 0) return;
    if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
    const g = canvas.getContext("2d");
    if (!g || !bitmap || !picture) return;
    const f = fit(w, h, bitmap.width, bitmap.height, picture.width, picture.height);
    g.clearRect(0, 0, w, h);
    g.drawImage(bitmap, f.x, f.y, f.w, f.h);
    if (this.show.lines) drawScene(g, f, this.camera, unit);
    if (this.show.boxes) for (const track of picture.tracks) drawTrack(g, f, track, unit);
  }

  drop(): void {
    this.#feed.stop();
    this.#resized.disconnect();
    this.#bitmap?.close();
    this.root.remove();
  }
}
