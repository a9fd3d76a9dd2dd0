// What one junction shows now: groups in colour and since when, plan, stage, mode, the controller's clock.
import type { Junction, State } from "../../city";
import { STATE_SIGNS } from "../../city";
import { el, setText } from "../../dom";
import { ageOf, integer, timeOf } from "../../format";
import type { SignalLayout, SignalOrderRow } from "../../gen/ngatu/v1/signal_pb";
import { t, tOr } from "../../i18n";
import { aspectsOf, GLYPHS } from "../../signals";
import { clockInWords, cycleInWords, modeInWords, ordererInWords, planInWords, wantedInWords } from "./words";

export class Live {
  readonly root = el("div", { class: "live", tabindex: 0, role: "region", "aria-label": t("signal.live") });
  #facts = el("dl");
  /** What is said of its plan. */
  readonly note = el("div", {});
  #ending = el("p", { class: "ending", role: "status", hidden: true });
  #rows = el("tbody");
  #table = el("table", { class: "lamps" });

  constructor() {
    const head = el("tr", {}, ...(["signal.group", "signal.shows", "signal.for", "signal.left", "signal.min-green", "signal.max-red"] as const).map((key) => el("th", { scope: "col" }, t(key))));
    this.root.append(this.#ending, this.#facts, this.note, this.#table);
    this.#table.append(el("thead", {}, head), this.#rows);
  }

  /** `nowMs`: the hall's time. `known`: the link to hall, gateway and controller is up. */
  render(junction: Junction, state: State, known: boolean, nowMs: number, layout: SignalLayout | undefined, inForce: SignalOrderRow | undefined): void {
    const { now } = junction;
    const ending = now?.ending ?? "";
    this.#ending.hidden = ending === "";
    setText(this.#ending, ending ? `▲ ${t("signal.ending", { why: tOr("ended", ending) })}` : "");
    const facts: [string, string][] = [
      [t("field.state"), `${STATE_SIGNS[state]} ${t(`state.${state}`)}${junction.reason ? `: ${junction.reason}` : ""}`],
      [t("signal.mode"), known ? modeInWords(now) : t("aspect.unknown")],
      [t("signal.plan"), known ? planInWords(now) + cycleInWords(now, nowMs) : t("aspect.unknown")],
      // Not every controller tells its stages.
      ...(known && junction.stage !== undefined ? [[t("signal.stage"), String(junction.stage)] satisfies [string, string]] : []),
      [t("signal.clock"), known ? clockInWords(now, nowMs) : t("aspect.unknown")],
    ];
    if (known && now?.order) {
      const what = inForce && t("signal.in-force-what", { what: wantedInWords(inForce.wanted), time: timeOf(Number(inForce.endsMs)), user: ordererInWords(inForce.askedBy) });
      facts.push([t("signal.in-force"), what ?? t("signal.in-force-other")]);
    }
    this.#facts.replaceChildren(...facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
    // Few controllers tell when they will change.
    this.#table.classList.toggle("untimed", !junction.changes.some((change) => change.earliestMs > 0));
    const aspects = aspectsOf(junction.groups);
    const rows = aspects.map((aspect, i) => {
      const shown = known ? aspect : "unknown";
      const since = known ? junction.groupSinceMs[i] : undefined;
      const times = layout?.groups[i];
      const sign = el("span", { class: "lamp", "aria-hidden": "true" }, GLYPHS[shown].glyph);
      sign.style.color = GLYPHS[shown].colour;
      const kind = times ? t(times.onFoot ? "signal.on-foot" : "signal.vehicle") : "";
      return el("tr", {},
        el("th", { scope: "row" }, String(i + 1), el("span", { class: "soft" }, kind ? ` ${kind}` : "")),
        el("td", {}, sign, ` ${t(`aspect.${shown}`)}`),
        el("td", { class: "n", title: since ? timeOf(since) : "" }, since ? ageOf(nowMs - since) : "–"),
        el("td", { class: "n", title: known && junction.changes[i]?.untilRed ? t("signal.until-red") : "" }, known ? leftOf(junction.changes[i], nowMs) : "–"),
        el("td", { class: "n" }, times ? ageOf(Number(times.greenMinMs)) : "–"),
        el("td", { class: "n" }, times ? ageOf(Number(times.redMaxMs)) : "–"));
    });
    this.#rows.replaceChildren(...rows);
  }
}

/** Seconds until a group may change: to green for one that is red. Where the controller leaves it open, from and to. */
export function leftOf(change: { earliestMs: number; latestMs: number } | undefined, nowMs: number): string {
  if (!change || change.earliestMs === 0) return "–";
  const s = (ms: number) => Math.max(0, Math.round((ms - nowMs) / 1_000));
  const latestMs = change.latestMs || change.earliestMs;
  // The controller has not said anew when: what it foretold is over.
  if (latestMs < nowMs - 3_000) return "–";
  const [from, to] = [s(change.earliestMs), s(latestMs)];
  return to > from ? `${integer(from)}–${integer(to)}` : integer(from);
}
