// What is known of the one thing that was clicked: a camera, a bus, a junction with its groups live.
import "./details.css";
import { isStale, STATE_SIGNS, type Bus, type Camera, type Junction, type State } from "../../city";
import { el, icon, setText } from "../../dom";
import { missedOf, priorityOf, rungOf, shedOf } from "../../effort";
import { ageOf, integer, kmh, momentOf, oneDecimal } from "../../format";
import { t, type Key } from "../../i18n";
import { aspectsOf, GLYPHS } from "../../signals";
import { alarmTextInWords } from "../junction/words";
import type { Mounted, Page, Panel, Selection } from "../panel";

const CLOSE = "M6.4 5 12 10.6 17.6 5 19 6.4 13.4 12l5.6 5.6-1.4 1.4-5.6-5.6L6.4 19 5 17.6 10.6 12 5 6.4 6.4 5Z";

export const panel: Panel = { id: "details", title: "panel.details", place: "over-left", mount: (host, page) => new Details(host, page) };

type Fact = [Key, string | Node];

class Details implements Mounted {
  #kind = el("span", { class: "kind" });
  #name = el("h2");
  #body = el("div", { class: "body" });
  #watch = el("button", { type: "button", class: "plain", hidden: true }, t("details.watch"));
  #signals = el("button", { type: "button", class: "plain", hidden: true }, t("details.signals"));
  #stamp = "";

  constructor(
    private readonly host: HTMLElement,
    private readonly page: Page,
  ) {
    const close = el("button", { type: "button", class: "icon-button", "aria-label": t("details.close"), title: t("details.close") }, icon(CLOSE));
    close.addEventListener("click", () => page.select(undefined));
    this.#watch.addEventListener("click", () => {
      page.show("wall");
      page.select(page.selected(), { enlarge: true });
    });
    this.#signals.addEventListener("click", () => page.show("junction"));
    host.append(el("header", {}, el("div", {}, this.#kind, this.#name), close), this.#body, this.#watch, this.#signals);
    host.addEventListener("keydown", (event) => {
      if (event.key === "Escape") page.select(undefined);
    });
    host.hidden = true;
  }

  selected(what: Selection | undefined): void {
    this.#stamp = "";
    this.host.hidden = !what;
    this.#render();
  }

  linked(): void {
    this.#render();
  }

  update(): void {
    this.#render();
  }

  tick(): void {
    this.#render();
  }

  #render(): void {
    const what = this.page.selected();
    if (!what) return;
    const { city } = this.page;
    const thing = { camera: city.cameras, bus: city.buses, junction: city.junctions }[what.kind].get(what.id);
    setText(this.#kind, t(`kind.${what.kind}`));
    setText(this.#name, thing && "name" in thing ? thing.name : what.id);
    this.#watch.hidden = what.kind !== "camera";
    this.#signals.hidden = what.kind !== "junction";
    const facts = !thing ? [] : what.kind === "camera" ? this.#camera(thing as Camera) : what.kind === "bus" ? this.#bus(thing as Bus) : this.#junction(thing as Junction);
    if (this.page.link().is === "lost") facts.unshift(["field.time", t("link.as-of", { time: momentOf(city.now(city.heardMs), this.page.now()) })]);
    const list = el("dl");
    for (const [key, value] of facts) list.append(el("dt", {}, t(key)), el("dd", {}, value));
    // Drawn anew only when something changed: a selected text stays selected.
    const stamp = list.textContent ?? "";
    if (stamp === this.#stamp && thing) return;
    this.#stamp = stamp;
    this.#body.replaceChildren(thing ? list : el("p", {}, t("details.gone")));
  }

  #state(state: State): Node {
    return el("span", { class: `sign ${state}` }, `${STATE_SIGNS[state]} ${t(`state.${state}`)}`);
  }

  #camera(camera: Camera): Fact[] {
    const state = this.page.city.stateOf(camera);
    const facts: Fact[] = [["field.state", this.#state(state)]];
    if (camera.reason) facts.push(["field.reason", camera.reason]);
    if (state === "up") facts.push(["field.rate", t("wall.fps", { n: oneDecimal(camera.fps) })]);
    if (camera.effort && state === "up") {
      const { effort } = camera;
      facts.push(["field.rung", rungOf(effort)], ["field.priority", priorityOf(effort)]);
      const shed = [shedOf(effort), effort.shed > 0n ? t("effort.shed", { n: integer(Number(effort.shed)) }) : ""].filter(Boolean);
      const missed = missedOf(effort);
      if (missed) facts.push(["field.missed", missed]);
      if (shed.length) facts.push(["field.load", shed.join(" · ")]);
    }
    if (camera.width) facts.push(["field.size", `${camera.width} × ${camera.height}`]);
    return [...facts, ...this.#gateway(camera.gateway, camera.id)];
  }

  #bus(bus: Bus): Fact[] {
    const now = this.page.now();
    const stale = isStale(bus, now);
    const age = t("wall.age", { age: ageOf(now - bus.fixMs) });
    const facts: Fact[] = [
      ["field.fix", el("span", { class: stale ? "sign connecting" : "" }, `${momentOf(bus.fixMs, now)} (${age})${stale ? ` · ${t("map.stale")}` : ""}`)],
      ["field.speed", kmh(bus.speedMps)],
    ];
    if (bus.courseDeg !== undefined) facts.push(["field.course", `${integer(bus.courseDeg)}°`]);
    if (!bus.valid) facts.push(["field.state", t("field.invalid-fix")]);
    return [...facts, ["field.protocol", bus.protocol], ...this.#gateway(bus.gateway)];
  }

  #junction(junction: Junction): Fact[] {
    const now = this.page.now();
    const state = this.page.city.stateOf(junction);
    const facts: Fact[] = [["field.state", this.#state(state)]];
    if (junction.reason) facts.push(["field.reason", junction.reason]);
    const groups = el("ul", { class: "groups" });
    const known = state === "up";
    aspectsOf(junction.groups).forEach((aspect, i) => {
      const shown = known ? aspect : "unknown";
      const sign = el("span", { class: "glyph", "aria-hidden": "true" }, GLYPHS[shown].glyph);
      sign.style.color = GLYPHS[shown].colour;
      groups.append(el("li", {}, sign, el("span", { class: "number" }, String(i + 1)), t(`aspect.${shown}`)));
    });
    if (groups.childElementCount > 0) facts.push(["field.groups", groups]);
    if (junction.sinceMs > 0) facts.push(["field.since", momentOf(junction.sinceMs, now)]);
    const alarms = el("ul", { class: "alarms" });
    const there = junction.alarms.filter((alarm) => alarm.active);
    for (const alarm of there) alarms.append(el("li", {}, `▲ ${alarm.code} ${alarmTextInWords(alarm.code, alarm.description) || alarm.component}${alarm.suspended ? ` (${t("alarm.suspended")})` : ""}`));
    facts.push(["field.alarms", there.length > 0 ? alarms : t("field.no-alarms")]);
    return [...facts, ...this.#gateway(junction.gateway, junction.id)];
  }

  /** `thing`: its camera or junction, which another gateway may tell too. */
  #gateway(id: string, thing?: string): Fact[] {
    const gateway = this.page.city.gateways.get(id);
    const facts: Fact[] = [["field.gateway", id]];
    if (!gateway) return facts;
    if (!gateway.alive) facts.push(["field.heard", momentOf(gateway.lastHeardMs, this.page.now())]);
    if (gateway.alive && gateway.keepsNothing) facts.push(["field.keeping", el("span", { class: "sign down" }, `✕ ${t("gateway.keeps-nothing", { gateway: id })}`)]);
    if (gateway.waiting > 0) facts.push(["field.waiting", integer(gateway.waiting)]);
    const others = [...this.page.city.gateways.values()].filter((g) => thing !== undefined && g.claims.includes(thing));
    if (others.length > 0) facts.push(["field.claimed", el("span", { class: "sign down" }, `✕ ${others.map((g) => g.id).join(", ")}`)]);
    return facts;
  }
}
