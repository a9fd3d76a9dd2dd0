// Greens ahead of a vehicle that must not wait: begun along the corridor in view or a route that turns, followed junction by junction,
// and ended.
import { explain, signedOut } from "../../api";
import { el } from "../../dom";
import { ageOf, integer, timeOf } from "../../format";
import { EmergencyStopState as State, type Corridor, type EmergencyRun, type EmergencyStop } from "../../gen/ngatu/v1/signal_pb";
import { t } from "../../i18n";
import { refusalInWords } from "../junction/words";
import type { Page } from "../panel";

/** Between two looks at what is under way, in seconds. */
const LOOK_S = 2;
const STATES = { [State.UNSPECIFIED]: "ahead", [State.AHEAD]: "ahead", [State.ASKED]: "asked", [State.GREEN]: "green", [State.REFUSED]: "refused", [State.PASSED]: "passed", [State.ENDED]: "ended" } as const;
const MARKS = { ahead: "○", asked: "◌", green: "●", refused: "✕", passed: "✓", ended: "–" } as const;
const REASONS = ["not_orderable", "no_right", "gateway_away", "other_order", "safety", "failed"] as const;
const TROUBLES = ["no_such_vehicle", "silent", "elsewhere", "no_positions"] as const;

/** Before a route's id, where "out" and "back" are the corridor's ways. */
const ROUTE = "route ";

/** A route has no groups for a way back, and no green wave. */
export function isRoute(listed: Corridor): boolean {
  return listed.places.every((place) => place.back === 0);
}

export class Emergencies {
  readonly root = el("section", { class: "emergency", "aria-label": t("emergency.title") });
  #open = el("button", { type: "button", class: "plain", "aria-expanded": "false" }, t("emergency.open"));
  #form = el("form", { novalidate: true, hidden: true });
  #way = el("select", { name: "way" });
  #from = el("select", { name: "from" });
  #to = el("select", { name: "to" });
  #vehicle = el("input", { type: "text", name: "vehicle", maxlength: 64, autocomplete: "off", placeholder: t("emergency.vehicle-hint") });
  #speed = el("input", { type: "number", name: "speed", min: 5, max: 120, value: 40 });
  #before = el("input", { type: "number", name: "before", min: 0, max: 10_000, step: 50, value: 300 });
  #purpose = el("input", { type: "text", name: "purpose", maxlength: 200, autocomplete: "off", placeholder: t("emergency.purpose-hint") });
  #said = el("p", { class: "refused", role: "alert", hidden: true });
  #runs = el("div", { class: "runs" });
  #corridor: Corridor | undefined;
  #routes: readonly Corridor[] = [];
  #ticks = 0;
  #under = 0;
  #told = "";
  #clocks: { run: bigint; stop: number; tell: (stop: EmergencyStop) => void }[] = [];

  constructor(
    private readonly page: Page,
    private readonly nameOf: (junction: string) => string,
  ) {
    const named = (key: Parameters<typeof t>[0], control: HTMLElement) => el("label", {}, el("span", { class: "name" }, t(key)), control);
    this.#form.append(
      named("emergency.way", this.#way), named("emergency.from", this.#from), named("emergency.to", this.#to), named("emergency.vehicle", this.#vehicle),
      named("emergency.speed", this.#speed), named("emergency.before", this.#before), named("emergency.purpose", this.#purpose),
      el("button", { type: "submit", class: "go grave" }, t("emergency.start")));
    this.#open.addEventListener("click", () => this.#unfold(Boolean(this.#form.hidden)));
    this.#way.addEventListener("change", () => this.#places());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#start();
    });
    this.root.append(this.#open, this.#form, this.#said, this.#runs);
  }

  /** The corridor in view, and the routes, which are there whatever is in view. */
  about(corridor: Corridor | undefined, routes: readonly Corridor[]): void {
    this.#open.hidden = !corridor && routes.length === 0;
    if (corridor?.id === this.#corridor?.id && routes === this.#routes) return;
    this.#corridor = corridor;
    this.#routes = routes;
    const ways: HTMLElement[] = [];
    if (corridor) ways.push(el("optgroup", { label: corridor.name }, el("option", { value: "out" }, t("corridor.out")), el("option", { value: "back" }, t("corridor.back"))));
    if (routes.length > 0) ways.push(el("optgroup", { label: t("emergency.routes") }, ...routes.map((route) => el("option", { value: ROUTE + route.id }, route.name))));
    const chosen = this.#way.value;
    this.#way.replaceChildren(...ways);
    if ([...this.#way.options].some((option) => option.value === chosen)) this.#way.value = chosen;
    this.#places();
  }

  /** How many are under way. */
  get under(): number {
    return this.#under;
  }

  /** Once a second, also while the panel stands behind another: what is under way must not be forgotten. */
  tick(): void {
    if (this.#ticks++ % LOOK_S === 0) void this.look();
  }

  async look(): Promise<void> {
    if (this.page.link().is !== "live") return;
    try {
      const { runs } = await this.page.signals.listEmergencies({}, { timeoutMs: 5_000 });
      this.#show(runs);
    } catch (error) {
      if (!signedOut(error)) this.#say(explain(error));
    }
  }

  #unfold(open: boolean): void {
    this.#form.hidden = !open;
    this.#open.setAttribute("aria-expanded", String(open));
    this.#say("");
    if (open) this.#purpose.focus();
  }

  /** Along whose junctions the vehicle drives, and whether against their order. */
  #chosen(): { along: Corridor | undefined; back: boolean } {
    const route = this.#routes.find((one) => ROUTE + one.id === this.#way.value);
    return route ? { along: route, back: false } : { along: this.#corridor, back: this.#way.value === "back" };
  }

  #places(): void {
    const { along, back } = this.#chosen();
    const places = (along?.places ?? []).map((place) => place.junction);
    if (back) places.reverse();
    const options = () => places.map((id) => el("option", { value: id }, this.nameOf(id)));
    this.#from.replaceChildren(...options());
    this.#to.replaceChildren(...options());
    this.#to.value = places.at(-1) ?? "";
  }

  #say(text: string): void {
    this.#said.hidden = text === "";
    this.#said.textContent = text;
  }

  async #start(): Promise<void> {
    const { along, back } = this.#chosen();
    if (!along) return;
    if (this.#purpose.value.trim().length < 3) {
      this.#purpose.focus();
      return this.#say(t("signal.bad-purpose"));
    }
    try {
      await this.page.signals.startEmergency({
        corridor: along.id, back, from: this.#from.value, to: this.#to.value,
        vehicle: this.#vehicle.value.trim(), speedKmh: Number(this.#speed.value), beforeM: Number(this.#before.value), purpose: this.#purpose.value,
      }, { timeoutMs: 10_000 });
      this.#purpose.value = "";
      this.#unfold(false);
      await this.look();
    } catch (error) {
      if (!signedOut(error)) this.#say(explain(error));
    }
  }

  #show(runs: readonly EmergencyRun[]): void {
    this.#under = runs.filter((run) => run.endedMs === 0n).length;
    const shown = runs.filter((run, i) => run.endedMs === 0n || i < 2);
    const now = this.page.now();
    // A button that somebody is about to press stays the same button: only the times of it run on.
    const told = shown.map((run) => [run.id, run.endedMs, run.trackerTrouble, run.mayEnd, this.#routeOf(run), ...run.stops.map((stop) => `${stop.state} ${stop.reason} ${stop.detail} ${stop.refusals.map((one) => one.code).join()}`)].join()).join("\n");
    if (told !== this.#told) {
      this.#told = told;
      this.#clocks = [];
      this.#runs.replaceChildren(...shown.map((run) => this.#run(run, now)));
      return;
    }
    for (const run of shown) for (const [i, stop] of run.stops.entries()) this.#clocks.find((clock) => clock.run === run.id && clock.stop === i)?.tell(stop);
  }

  #run(run: EmergencyRun, now: number): HTMLElement {
    const over = run.endedMs > 0n;
    const stops = run.stops.map((stop, i) => this.#stop(run, stop, i, over));
    const through = run.stops.at(-1)?.state === State.PASSED;
    const who = [this.#routeOf(run), run.vehicle || t("emergency.no-tracker"), run.purpose, t("emergency.by", { user: run.startedBy, time: timeOf(Number(run.startedMs)) })].filter(Boolean).join(" · ");
    const head = el("header", {}, el("b", {}, over ? t(run.endedBy ? "emergency.ended-by" : through ? "emergency.through" : "emergency.given-up", { user: run.endedBy, time: timeOf(Number(run.endedMs)) }) : t("emergency.under-way")), el("span", { class: "soft" }, who));
    if (!over && run.mayEnd) {
      const end = el("button", { type: "button", class: "plain" }, t("emergency.end"));
      end.addEventListener("click", () => void this.#act(() => this.page.signals.endEmergency({ id: run.id }, { timeoutMs: 15_000 })));
      head.append(end);
    }
    const parts: HTMLElement[] = [head, el("ol", {}, ...stops)];
    const trouble = TROUBLES.find((name) => name === run.trackerTrouble);
    if (!over && trouble) parts.push(el("p", { class: "early" }, t(`emergency.trouble-${trouble}`, { age: ageOf(now - Number(run.knownMs)) })));
    return el("article", { class: over ? "run over" : "run" }, ...parts);
  }

  /** The name of the route that it drives; "" of a corridor's stretch, which its junctions tell. */
  #routeOf(run: EmergencyRun): string {
    return this.#routes.find((route) => route.id === run.corridor)?.name ?? "";
  }

  #stop(run: EmergencyRun, stop: EmergencyStop, i: number, over: boolean): HTMLElement {
    const state = STATES[stop.state];
    const words = el("span", {});
    const tell = (now: EmergencyStop) => {
      const when = !over && now.expectedMs > 0n && state !== "passed" ? t("emergency.in", { s: integer(Math.max(0, Math.round((Number(now.expectedMs) - this.page.now()) / 1000))) }) : "";
      words.textContent = [t(`emergency.${state}`), when].filter(Boolean).join(" · ");
    };
    tell(stop);
    this.#clocks.push({ run: run.id, stop: i, tell });
    const row = el("li", { class: state }, el("i", { "aria-hidden": "true" }, MARKS[state]), el("b", {}, this.nameOf(stop.junction)), el("span", { class: "soft" }, `${integer(stop.atM)} m`), words);
    const reason = REASONS.find((name) => name === stop.reason);
    if (reason) row.append(el("span", { class: "refused" }, reason === "safety" ? stop.refusals.map(refusalInWords).join("; ") : t(`emergency.why-${reason}`, { detail: stop.detail })));
    // Without a tracker somebody at a camera says where it is.
    if (!over && run.mayEnd && !run.vehicle && (state === "asked" || state === "green" || state === "ahead" || state === "refused")) {
      const here = el("button", { type: "button", class: "plain" }, t("emergency.here"));
      here.addEventListener("click", () => void this.#act(() => this.page.signals.advanceEmergency({ id: run.id, junction: stop.junction }, { timeoutMs: 10_000 })));
      row.append(here);
    }
    return row;
  }

  async #act(call: () => Promise<unknown>): Promise<void> {
    this.#say("");
    try {
      await call();
      await this.look();
    } catch (error) {
      if (!signedOut(error)) this.#say(explain(error));
    }
  }
}
