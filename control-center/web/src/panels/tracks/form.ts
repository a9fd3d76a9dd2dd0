// The form of a search: time, place, what it looked like, which way it went, and what the search is for.
import { el, setText } from "../../dom";
import { BY_NAME, fromInput, toInput } from "../../format";
import { Direction, type RoadUser } from "../../gen/ngatu/v1/event_pb";
import type { Colour } from "../../gen/ngatu/v1/gateway_pb";
import { t } from "../../i18n";
import { directionName, ROAD_USERS, userName } from "../../road_users";
import type { Page } from "../panel";
import { COLOURS, colourName, SWATCHES, wrongWith, type Form } from "./question";

const HOUR_MS = 3_600_000;

export class SearchForm {
  readonly root = el("form", { class: "search", novalidate: true });
  #from = el("input", { type: "datetime-local", name: "from", required: true });
  #to = el("input", { type: "datetime-local", name: "to", required: true });
  #camera = el("select", { name: "camera" });
  #line = el("select", { name: "line" });
  #zone = el("select", { name: "zone" });
  #direction = el("select", { name: "direction" });
  #height = el("input", { type: "number", name: "height", min: 0, max: 5000, step: 10, placeholder: "0" });
  #purpose = el("input", { type: "text", name: "purpose", maxlength: 200, required: true, autocomplete: "off", placeholder: t("tracks.purpose-hint") });
  #problem = el("p", { class: "problem", role: "alert" });
  #users = new Set<RoadUser>();
  #colours = new Set<Colour>();
  #roster = -1;
  readonly #kept;

  constructor(
    private readonly page: Page,
    onSearch: (form: Form) => void,
  ) {
    this.#kept = page.keep<string>("tracks.purpose", "");
    this.#purpose.value = this.#kept.get();
    this.#times();
    this.#direction.append(el("option", { value: String(Direction.UNSPECIFIED) }, t("tracks.any")),
      ...[Direction.TO_RIGHT, Direction.TO_LEFT].map((d) => el("option", { value: String(d) }, directionName(d))));
    this.#camera.addEventListener("change", () => this.#ofCamera());
    this.root.append(
      el("div", { class: "fields" }, field("tracks.from", this.#from), field("tracks.to", this.#to), field("field.camera", this.#camera),
        field("field.line", this.#line), field("field.direction", this.#direction), field("field.zone", this.#zone), field("tracks.height", this.#height)),
      chips("field.class", ROAD_USERS, this.#users, (u) => [userName(u)]),
      chips("tracks.colour", COLOURS, this.#colours, (c) => [swatch(c), colourName(c)]),
      el("div", { class: "ask" }, field("tracks.purpose", this.#purpose), el("button", { type: "submit", class: "go" }, t("tracks.search"))),
      this.#problem,
    );
    this.root.addEventListener("submit", (event) => {
      event.preventDefault();
      const form = this.#read();
      const wrong = wrongWith(form);
      setText(this.#problem, wrong ? t(wrong) : "");
      if (wrong === "tracks.bad-purpose") this.#purpose.focus();
      if (wrong) return;
      this.#kept.set(form.purpose);
      onSearch(form);
    });
    this.cameras();
  }

  /** Takes over cameras that came, went or were renamed. */
  cameras(): void {
    if (this.#roster === this.page.city.roster) return;
    this.#roster = this.page.city.roster;
    const cameras = [...this.page.city.cameras.values()].sort((a, b) => BY_NAME.compare(a.name, b.name));
    options(this.#camera, t("events.all-cameras"), cameras.map((c) => [c.id, c.name]));
    this.#ofCamera();
  }

  /** Lines and zones have their names within one camera. */
  #ofCamera(): void {
    const camera = this.page.city.cameras.get(this.#camera.value);
    options(this.#line, t("tracks.any"), (camera?.lines ?? []).map((l) => [l.line, l.line]));
    options(this.#zone, t("tracks.any"), (camera?.zones ?? []).map((z) => [z.zone, z.zone]));
    this.#line.disabled = this.#zone.disabled = !camera;
  }

  /** The last hour, until somebody says otherwise. */
  #times(): void {
    const now = this.page.now();
    this.#from.value = toInput(now - HOUR_MS);
    this.#to.value = toInput(now + 60_000);
  }

  #read(): Form {
    return {
      fromMs: fromInput(this.#from.value),
      toMs: fromInput(this.#to.value),
      camera: this.#camera.value,
      users: [...this.#users],
      colours: [...this.#colours],
      line: this.#line.value,
      direction: Number(this.#direction.value),
      zone: this.#zone.value,
      heightMin: Math.max(0, Math.round(Number(this.#height.value) || 0)),
      purpose: this.#purpose.value,
    };
  }
}

export function swatch(colour: Colour): HTMLElement {
  const box = el("span", { class: "swatch", "aria-hidden": "true" });
  box.style.background = SWATCHES[colour] ?? "transparent";
  return box;
}

function field(name: Parameters<typeof t>[0], input: HTMLElement): HTMLElement {
  return el("label", {}, el("span", {}, t(name)), input);
}

function options(select: HTMLSelectElement, any: string, all: readonly (readonly [string, string])[]): void {
  const now = select.value;
  select.replaceChildren(el("option", { value: "" }, any), ...all.map(([value, text]) => el("option", { value }, text)));
  select.value = all.some(([value]) => value === now) ? now : "";
}

function chips<T>(name: Parameters<typeof t>[0], all: readonly T[], chosen: Set<T>, label: (one: T) => (Node | string)[]): HTMLElement {
  const group = el("div", { class: "chips", role: "group", "aria-label": t(name) });
  for (const one of all) {
    const chip = el("button", { type: "button", class: "chip", "aria-pressed": "false" }, ...label(one));
    chip.addEventListener("click", () => {
      if (!chosen.delete(one)) chosen.add(one);
      chip.setAttribute("aria-pressed", String(chosen.has(one)));
    });
    group.append(chip);
  }
  return group;
}
