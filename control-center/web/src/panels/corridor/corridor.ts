// A corridor: its green wave as it was shown, beside another time, and the offsets that would mend it.
import "./corridor.css";
import { explain, signedOut } from "../../api";
import { el } from "../../dom";
import { momentOf, toInput } from "../../format";
import type { Corridor, GetCorridorResponse } from "../../gen/ngatu/v1/signal_pb";
import { t } from "../../i18n";
import type { LinkState } from "../../link";
import type { Mounted, Page, Panel } from "../panel";
import { backMs, BEFORE_H, PICKED } from "./before";
import { WaveDiagram } from "./diagram";
import { Emergencies, isRoute } from "./emergency";
import { offsets, plans, table, whyNot, type Moment } from "./figures";

/** Between two looks while the panel is in front. */
const LOOK_S = 5;
const MINUTE = 60_000;
const SPANS_MIN = [6, 15, 30, 60, 180] as const;
const DAY_MS = 86_400_000;

export const panel: Panel = { id: "corridor", title: "panel.corridor", place: "left", mount: (host, page) => new CorridorPanel(host, page) };

class CorridorPanel implements Mounted {
  #pick = el("select", { "aria-label": t("corridor.pick") });
  #span = el("select", {}, ...SPANS_MIN.map((n) => el("option", { value: n }, t("corridor.minutes", { n }))));
  #before = el("select", {}, el("option", { value: 0 }, t("corridor.nothing")), ...BEFORE_H.map((n) => el("option", { value: n }, t(`corridor.before-${n}`))), el("option", { value: PICKED }, t("corridor.before-picked")));
  /** Until when, where a moment of one's own is held against it. */
  #until = el("input", { type: "datetime-local", "aria-label": t("corridor.until"), title: t("corridor.until"), hidden: true });
  #note = el("p", { class: "notice" });
  #keys = el("div", { class: "keys" }, ...(["green", "red", "unknown", "band-out", "band-back"] as const).map((name) => el("span", {}, el("i", { class: name }), t(`corridor.key-${name}`))));
  #facts = el("div", { class: "facts", tabindex: 0, role: "region", "aria-label": t("corridor.figures") });
  #diagram: WaveDiagram;
  #emergencies: Emergencies;
  #corridors: Corridor[] | undefined;
  #routes: Corridor[] = [];
  #visible = false;
  #ticks = 0;
  #asked = 0;

  constructor(
    host: HTMLElement,
    private readonly page: Page,
  ) {
    this.#diagram = new WaveDiagram(() => page.now(), (id) => this.#nameOf(id));
    this.#emergencies = new Emergencies(page, (id) => this.#nameOf(id));
    this.#emergencies.about(undefined, []);
    this.#before.addEventListener("change", () => this.#untilWhen());
    const asked: HTMLElement[] = [this.#pick, this.#span, this.#before, this.#until];
    for (const input of asked) input.addEventListener("change", () => void this.#look());
    const named = (name: string, control: HTMLElement) => el("label", {}, el("span", { class: "name" }, name), control);
    host.append(
      el("div", { class: "toolbar" }, this.#pick, named(t("corridor.last"), this.#span), named(t("corridor.compare"), this.#before), this.#until),
      this.#emergencies.root, this.#note, this.#diagram.root, this.#keys, this.#facts);
    this.#say(t("corridor.asking"));
  }

  linked(state: LinkState): void {
    if (state.is === "live") return void this.#look();
    this.#diagram.root.classList.toggle("stale", true);
  }

  shown(visible: boolean): void {
    this.#visible = visible;
    if (visible) void this.#look();
  }

  tick(): void {
    this.#ticks++;
    this.#emergencies.tick();
    this.page.badge("corridor", this.#visible ? 0 : this.#emergencies.under);
    if (this.#visible && this.#ticks % LOOK_S === 0) void this.#look();
  }

  /** A clock for a moment of one's own, which is yesterday at this time until somebody sets it. */
  #untilWhen(): void {
    this.#until.hidden = this.#before.value !== PICKED;
    this.#until.max = toInput(this.page.now());
    if (!this.#until.value) this.#until.value = toInput(this.page.now() - DAY_MS);
  }

  #nameOf(junction: string): string {
    return this.page.city.junctions.get(junction)?.name ?? junction;
  }

  /** A note in the diagram's place; "" takes it away. */
  #say(text: string): void {
    this.#note.hidden = text === "";
    for (const part of [this.#diagram.root, this.#keys, this.#facts]) part.hidden = text !== "";
    this.#note.replaceChildren(text);
  }

  async #look(): Promise<void> {
    if (!this.#visible || this.page.link().is !== "live") return;
    const asked = ++this.#asked;
    const options = { timeoutMs: 10_000 };
    try {
      if (!this.#corridors) {
        const { corridors } = await this.page.signals.listCorridors({}, options);
        this.#routes = corridors.filter(isRoute);
        this.#corridors = corridors.filter((corridor) => !isRoute(corridor));
        this.#pick.replaceChildren(...this.#corridors.map((corridor) => el("option", { value: corridor.id }, corridor.name)));
      }
      const id = this.#pick.value;
      this.#emergencies.about(this.#corridors.find((corridor) => corridor.id === id), this.#routes);
      if (this.#corridors.length === 0) return this.#say(t("corridor.none"));
      const toMs = this.page.now();
      const fromMs = toMs - Number(this.#span.value) * MINUTE;
      const ask = (ago: number) => this.page.signals.getCorridor({ id, fromMs: BigInt(Math.round(fromMs - ago)), toMs: BigInt(Math.round(toMs - ago)) }, options);
      const back = backMs(this.#before.value, this.#until.value, toMs);
      const [now, then] = await Promise.all([ask(0), back > 0 ? ask(back) : undefined]);
      // Something else was picked meanwhile.
      if (asked !== this.#asked) return;
      this.#say("");
      this.#diagram.root.classList.toggle("stale", false);
      this.#diagram.show(now, { fromMs, toMs });
      this.#tell(now, toMs, then && { name: momentOf(Math.round(toMs - back), toMs), out: then.out, back: then.back, shown: then.shown, toMs: toMs - back });
    } catch (error) {
      if (asked === this.#asked && !signedOut(error)) this.#say(t("corridor.failed", { why: explain(error) }));
    }
  }

  #tell(now: GetCorridorResponse, toMs: number, before: Moment | undefined): void {
    const moments: Moment[] = [{ name: t("corridor.now"), out: now.out, back: now.back, shown: now.shown, toMs }];
    if (before) moments.push(before);
    const parts: HTMLElement[] = [table(moments)];
    const { corridor, advice, noAdvice } = now;
    if (corridor) parts.push(plans(corridor, moments, (id) => this.#nameOf(id)));
    if (corridor && advice) {
      const mended = table([
        { name: t("corridor.as-is"), out: advice.outNow, back: advice.backNow },
        { name: t("corridor.advised"), out: advice.outThen, back: advice.backThen },
      ]);
      parts.push(el("section", {}, el("h3", {}, t("corridor.advice")), offsets(corridor, advice, (id) => this.#nameOf(id)), mended));
    } else if (noAdvice) {
      parts.push(el("section", {}, el("h3", {}, t("corridor.advice")), el("p", { class: "soft" }, whyNot(noAdvice, (id) => this.#nameOf(id)))));
    }
    parts.push(el("p", { class: "soft" }, t("corridor.without-queues", { n: Math.round(corridor?.speedKmh ?? 0) })));
    const { scrollTop } = this.#facts;
    this.#facts.replaceChildren(...parts);
    this.#facts.scrollTop = scrollTop;
  }
}
