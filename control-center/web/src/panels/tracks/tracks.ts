// Track search: the form, what was found on a line of time and as a list, and what is missing, said as plainly.
import "./tracks.css";
import { explain, signedOut } from "../../api";
import { el, setText } from "../../dom";
import { integer, kmh, minuteOf, momentOf } from "../../format";
import type { FoundTrack } from "../../gen/ngatu/v1/api_pb";
import { t } from "../../i18n";
import { directionName, USER_COLOURS, userName } from "../../road_users";
import type { Mounted, Page, Panel } from "../panel";
import { SearchForm, swatch } from "./form";
import { Moment } from "./moment";
import { colourName, keyOf, missingOf, requestOf, type Form } from "./question";

export const panel: Panel = { id: "tracks", title: "panel.tracks", place: "right-bottom", mount: (host, page) => new Tracks(host, page) };

class Tracks implements Mounted {
  #form: SearchForm;
  #moment: Moment;
  #status = el("p", { class: "found", role: "status" });
  #partial = el("p", { class: "partial", role: "alert", hidden: true });
  #line = el("div", { class: "timeline", "aria-hidden": "true", hidden: true });
  #ol = el("ol", { class: "rows", "aria-label": t("tracks.list") });
  #more = el("button", { type: "button", class: "plain older", hidden: true }, t("tracks.more"));
  #loading = new AbortController();
  #found: FoundTrack[] = [];
  #asked: { form: Form; token: string } | undefined;

  constructor(
    host: HTMLElement,
    private readonly page: Page,
  ) {
    this.#form = new SearchForm(page, (form) => void this.#search(form, ""));
    this.#moment = new Moment(page);
    this.#more.addEventListener("click", () => this.#asked && void this.#search(this.#asked.form, this.#asked.token));
    const results = el("div", { class: "results" }, this.#partial, this.#status, this.#line, this.#ol, this.#more);
    host.append(el("div", { class: "scroll" }, this.#form.root, results), this.#moment.root);
    setText(this.#status, t("tracks.none-yet"));
  }

  update(changed: ReadonlySet<string>): void {
    if (changed.has("cameras")) this.#form.cameras();
  }

  async #search(form: Form, token: string): Promise<void> {
    this.#loading.abort();
    const { signal } = (this.#loading = new AbortController());
    setText(this.#status, t("tracks.searching"));
    this.#more.hidden = true;
    if (token === "") this.#begin();
    try {
      const answer = await this.page.hall.searchTracks(requestOf(form, token), { signal, timeoutMs: 30_000 });
      if (signal.aborted) return;
      this.#found.push(...answer.tracks);
      for (const found of answer.tracks) this.#ol.append(this.#row(found));
      this.#asked = { form, token: answer.nextPageToken };
      this.#more.hidden = answer.nextPageToken === "";
      const missing = missingOf(answer.missing, answer.gateways);
      this.#partial.hidden = missing === undefined;
      setText(this.#partial, missing ?? "");
      const n = integer(this.#found.length);
      setText(this.#status, this.#found.length === 0 ? t("tracks.none") : t(answer.nextPageToken ? "tracks.found-more" : "tracks.found", { n }));
      this.#draw(form);
    } catch (error) {
      if (signal.aborted || signedOut(error)) return;
      setText(this.#status, t("tracks.failed", { why: explain(error) }));
    }
  }

  #begin(): void {
    this.#found = [];
    this.#ol.replaceChildren();
    this.#partial.hidden = true;
    this.#line.hidden = true;
  }

  #row(found: FoundTrack): HTMLElement {
    const { track } = found;
    if (!track) return el("li");
    const name = this.page.city.cameras.get(track.camera)?.name ?? track.camera;
    const crossed = track.lines.map((l) => `${l.line} ${directionName(l.direction)}`);
    const more = [...crossed, ...track.zones.map((z) => z.zone), track.meanSpeedMps === undefined ? "" : kmh(track.meanSpeedMps)];
    const button = el("button", { type: "button" },
      el("time", {}, momentOf(Number(track.bestMs), this.page.now())),
      el("span", { class: "paint", title: colourName(track.colour) }, swatch(track.colour)),
      el("span", { class: "what" }, `${userName(track.roadUser)}${track.colour ? ` · ${colourName(track.colour)}` : ""}`),
      el("span", { class: "more" }, more.filter(Boolean).join(" · ")),
      el("span", { class: "where", title: name }, name));
    button.addEventListener("click", () => {
      this.page.select({ kind: "camera", id: track.camera }, { fly: true });
      this.#moment.open(found);
    });
    return el("li", { "data-track": keyOf(found) }, button);
  }

  /** Where in the asked time the found ones were. */
  #draw(form: Form): void {
    this.#line.hidden = this.#found.length === 0;
    const length = form.toMs - form.fromMs;
    const marks = this.#found.map(({ track }) => {
      const part = (Number(track?.bestMs ?? 0n) - form.fromMs) / length;
      const mark = el("i");
      mark.style.left = `${(100 * Math.min(1, Math.max(0, part))).toFixed(2)}%`;
      mark.style.background = USER_COLOURS[track?.roadUser ?? 0] ?? "#fff";
      return mark;
    });
    this.#line.replaceChildren(el("div", { class: "marks" }, ...marks), el("div", { class: "ends" }, el("span", {}, minuteOf(form.fromMs)), el("span", {}, minuteOf(form.toMs))));
  }
}
