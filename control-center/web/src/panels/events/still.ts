// An event opened: its picture with the box drawn, what is known of it, and the way to its neighbours.
import { Code } from "@connectrpc/connect";

import { codeOf, explain } from "../../api";
import { el, icon, setText } from "../../dom";
import { dateOf, timeOf } from "../../format";
import type { StoredEvent } from "../../gen/ngatu/v1/api_pb";
import { t } from "../../i18n";
import { ALARM_COLOUR, drawBox, drawLine, drawZone, fit } from "../../overlay";
import { userName } from "../../road_users";
import type { Page } from "../panel";
import { atOf, describe, fields, keyOf } from "./describe";
import { PARTS, Proof } from "./proof";

const CLOSE = "M6.4 5 12 10.6 17.6 5 19 6.4 13.4 12l5.6 5.6-1.4 1.4-5.6-5.6L6.4 19 5 17.6 10.6 12 5 6.4 6.4 5Z";
/** Pictures kept for going back and forth. */
const CACHED = 30;

export class Still {
  readonly root = el("dialog", { class: "still", "aria-labelledby": "still-title" });
  #title = el("h2", { id: "still-title" });
  #when = el("p", { class: "at" });
  #canvas = el("canvas", { role: "img", "aria-label": t("events.still") });
  #notice = el("p", { class: "notice", role: "status" });
  #facts = el("dl");
  #newer = el("button", { type: "button", class: "plain" }, `↑ ${t("events.newer")}`);
  #older = el("button", { type: "button", class: "plain" }, `↓ ${t("events.older")}`);
  #onMap = el("button", { type: "button", class: "plain" }, t("events.show-on-map"));
  #proof = new Proof();
  #picture = el("div", { class: "picture" }, this.#canvas, this.#notice);
  #event: StoredEvent | undefined;
  #bitmap: ImageBitmap | undefined;
  #cache = new Map<string, Uint8Array>();
  #loading = new AbortController();

  /** `step(-1)` goes to the newer neighbour, `step(1)` to the older. */
  constructor(
    private readonly page: Page,
    private readonly step: (by: -1 | 1) => void,
    private readonly onClose: () => void,
  ) {
    const close = el("button", { type: "button", class: "icon-button", "aria-label": t("events.close"), title: `${t("events.close")} (Esc)` }, icon(CLOSE));
    close.addEventListener("click", () => this.root.close());
    this.#newer.addEventListener("click", () => step(-1));
    this.#older.addEventListener("click", () => step(1));
    this.#onMap.addEventListener("click", () => this.#showOnMap());
    this.root.append(
      el("header", {}, el("div", {}, this.#title, this.#when), close),
      this.#picture,
      this.#proof.root,
      el("div", { class: "about" }, this.#facts, el("div", { class: "actions" }, this.#newer, this.#older, this.#onMap)),
    );
    this.root.addEventListener("keydown", (event) => this.#key(event));
    this.root.addEventListener("close", () => {
      this.#loading.abort();
      this.#proof.close();
      this.onClose();
    });
    this.root.addEventListener("click", (event) => {
      if (event.target === this.root) this.root.close();
    });
    new ResizeObserver(() => this.#draw()).observe(this.#canvas);
  }

  open(event: StoredEvent): void {
    this.#event = event;
    const { what, weight, still, camera, junction } = describe(event);
    setText(this.#title, what);
    this.#title.className = `weight-${weight}`;
    setText(this.#when, `${timeOf(atOf(event))} · ${dateOf(atOf(event))} · ${this.page.city.placeOf(event)}`);
    this.#facts.replaceChildren(...fields(event, this.page.city).flatMap(([key, value]) => [el("dt", {}, t(key)), el("dd", {}, value)]));
    this.#onMap.hidden = !camera && !junction;
    if (!this.root.open) this.root.showModal();
    void this.#load(event, still);
  }

  #key(event: KeyboardEvent): void {
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
    event.preventDefault();
    this.step(event.key === "ArrowUp" ? -1 : 1);
  }

  #showOnMap(): void {
    const { camera, junction } = this.#event ? describe(this.#event) : {};
    this.root.close();
    if (camera) this.page.select({ kind: "camera", id: camera }, { fly: true });
    else if (junction) this.page.select({ kind: "junction", id: junction }, { fly: true });
  }

  async #load(event: StoredEvent, still: boolean): Promise<void> {
    this.#loading.abort();
    this.#loading = new AbortController();
    const { signal } = this.#loading;
    this.#bitmap?.close();
    this.#bitmap = undefined;
    const body = event.event?.body;
    const run = body?.case === "redLight" ? body.value : undefined;
    this.#picture.hidden = run !== undefined;
    this.root.classList.toggle("proven", run !== undefined);
    if (run) {
      this.#proof.open(run, this.page.city.cameras.get(run.camera));
      await Promise.all(PARTS.map(({ part }) => this.#loadPart(event, part, signal)));
      return;
    }
    // Keys go on to work when what had the focus is not shown any more.
    if (this.#proof.root.contains(document.activeElement)) this.#older.focus();
    this.#proof.close();
    this.#say(still ? t("events.still-loading") : t("events.no-still"));
    if (!still) return;
    try {
      const jpeg = await this.#fetch(event, signal);
      const bitmap = await createImageBitmap(new Blob([jpeg as Uint8Array<ArrayBuffer>], { type: "image/jpeg" }));
      if (signal.aborted) return bitmap.close();
      this.#bitmap = bitmap;
      this.#say("");
      this.#draw();
    } catch (error) {
      if (!signal.aborted) this.#say(whyNot(error));
    }
  }

  async #loadPart(event: StoredEvent, part: number, signal: AbortSignal): Promise<void> {
    try {
      const jpeg = await this.#fetch(event, signal, part);
      const bitmap = await createImageBitmap(new Blob([jpeg as Uint8Array<ArrayBuffer>], { type: "image/jpeg" }));
      if (signal.aborted) return bitmap.close();
      this.#proof.take(part, bitmap);
    } catch (error) {
      if (!signal.aborted) this.#proof.say(part, whyNot(error));
    }
  }

  async #fetch(event: StoredEvent, signal: AbortSignal, part = 0): Promise<Uint8Array> {
    const key = `${keyOf(event)}/${part}`;
    const kept = this.#cache.get(key);
    if (kept) return kept;
    const { gateway, boot } = event;
    const { jpeg } = await this.page.hall.getStill({ gateway, boot, seq: event.event?.seq ?? 0n, part }, { signal, timeoutMs: 15_000 });
    this.#cache.set(key, jpeg);
    if (this.#cache.size > CACHED) for (const oldest of this.#cache.keys()) return this.#cache.delete(oldest), jpeg;
    return jpeg;
  }

  #say(words: string): void {
    setText(this.#notice, words);
    this.#notice.hidden = words === "";
    this.#canvas.hidden = words !== "";
  }

  #draw(): void {
    const [bitmap, event, canvas] = [this.#bitmap, this.#event, this.#canvas];
    const g = canvas.getContext("2d");
    if (!bitmap || !event || !g || canvas.clientWidth === 0) return;
    const unit = devicePixelRatio;
    [canvas.width, canvas.height] = [Math.round(canvas.clientWidth * unit), Math.round(canvas.clientHeight * unit)];
    const body = event.event?.body;
    const camera = this.page.city.cameras.get(describe(event).camera ?? "");
    const f = fit(canvas.width, canvas.height, bitmap.width, bitmap.height, camera?.width ?? 0, camera?.height ?? 0);
    g.drawImage(bitmap, f.x, f.y, f.w, f.h);
    if (body?.case === "rule") {
      const zone = camera?.zones.find((z) => z.zone === body.value.zone);
      if (zone) drawZone(g, f, zone, unit);
      const label = body.value.roadUser === undefined ? "" : userName(body.value.roadUser);
      if (body.value.box) drawBox(g, f, body.value.box, label, ALARM_COLOUR, unit * 1.4);
    } else if (body?.case === "lineCrossing") {
      const line = camera?.lines.find((l) => l.line === body.value.line);
      if (line) drawLine(g, f, line, unit);
    }
  }
}

/** Why there is no picture, for people. */
function whyNot(error: unknown): string {
  const code = codeOf(error);
  return code === Code.NotFound ? t("events.still-none")
    : code === Code.Unavailable ? t("events.still-away")
    : code === Code.DataLoss ? t("events.still-other")
    : t("events.still-failed", { why: explain(error) });
}
