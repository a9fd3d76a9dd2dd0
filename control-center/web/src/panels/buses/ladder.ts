// The buses of one line under way: on a strip with the gaps between them, and one row a bus with what to do about it.
import { el } from "../../dom";
import { minuteOf, oneDecimal } from "../../format";
import type { BusNow } from "../../gen/ngatu/v1/transit_pb";
import { t } from "../../i18n";
import { lateness, latenessClass, span } from "./words";

/** A gap below this share of the scheduled one is told in colour before buses run as one. */
const SHORT = 0.6;

export interface LadderActs {
  onMap(bus: BusNow): void;
  replay(vehicle: string): void;
}

export function ladder(buses: readonly BusNow[], acts: LadderActs): HTMLElement {
  const running = buses.filter((b) => !b.waiting);
  if (buses.length === 0) return el("p", { class: "notice small" }, t("buses.ladder-none"));
  const head = el("tr", {}, ...(["vehicle", "departs", "next", "against", "ahead", "advice"] as const).map((key) => el("th", { scope: "col" }, t(`buses.${key}`))), el("th", { scope: "col" }));
  const body = el("tbody");
  for (const bus of buses) body.append(row(bus, acts));
  return el("div", { class: "ladder" }, running.length > 0 && strip(running), el("table", {}, el("caption", {}, t("buses.ladder")), el("thead", {}, head), body));
}

function strip(running: readonly BusNow[]): HTMLElement {
  const way = el("div", { class: "strip", "aria-hidden": "true" });
  const place = (bus: BusNow) => Math.min(100, Math.max(0, (100 * bus.alongM) / Math.max(1, bus.lengthM)));
  for (const bus of running) {
    way.append(el("i", { class: `dot ${latenessClass(bus.lateS ?? 0)}${bus.offRoute ? " off" : ""}`, style: `left:${place(bus).toFixed(1)}%`, title: bus.vehicle }));
    const ahead = running.find((b) => b.vehicle === bus.aheadVehicle);
    if (bus.aheadS === undefined || !ahead) continue;
    const middle = (place(bus) + place(ahead)) / 2;
    // Where two buses stand close, a number between them covers both.
    if (place(ahead) - place(bus) > 4) way.append(el("span", { class: gapClass(bus), style: `left:${middle.toFixed(1)}%` }, span(bus.aheadS)));
  }
  return way;
}

const gapClass = (bus: BusNow): string => {
  const share = bus.aheadS !== undefined && bus.aheadTimetabledS ? bus.aheadS / bus.aheadTimetabledS : 1;
  return bus.bunched ? "gap bunched" : share < SHORT ? "gap short" : "gap";
};

function row(bus: BusNow, acts: LadderActs): HTMLElement {
  const show = el("button", { type: "button", class: "plain", title: t("buses.show-title") }, t("buses.show"));
  show.addEventListener("click", () => acts.onMap(bus));
  const replay = el("button", { type: "button", class: "plain", title: t("buses.replay-title", { vehicle: bus.vehicle }) }, t("buses.replay"));
  replay.addEventListener("click", () => acts.replay(bus.vehicle));
  const marks = [bus.waiting && t("buses.waits"), bus.offRoute && t("buses.off-route")].filter((m): m is string => typeof m === "string");
  // Where no time is promised nobody is late, nor before the run's start.
  const late = bus.lateS !== undefined && bus.waiting && bus.lateS < 0 ? undefined : bus.lateS;
  const ahead = bus.aheadS === undefined ? "–" : `${bus.bunched ? "▲ " : ""}${span(bus.aheadS)}`;
  return el(
    "tr",
    { "data-vehicle": bus.vehicle, class: bus.bunched ? "bunched" : "" },
    el("th", { scope: "row" }, bus.vehicle),
    el("td", { class: "n" }, bus.lateS === undefined ? "–" : minuteOf(Number(bus.departsMs))),
    el("td", { class: "stop" }, bus.nextStop, marks.length > 0 && el("span", { class: bus.offRoute ? "mark off" : "mark" }, marks.join(", "))),
    el("td", { class: latenessClass(late ?? 0) }, late === undefined ? "–" : lateness(late)),
    el("td", { class: gapClass(bus) }, ahead, bus.aheadTimetabledS !== undefined && el("span", { class: "soft" }, t("buses.of-planned", { time: span(bus.aheadTimetabledS) }))),
    el("td", { class: "advice", title: bus.advice && t("buses.hold-load", { n: oneDecimal(bus.advice.worthBelowLoad) }) }, bus.advice && t("buses.hold", { time: span(bus.advice.holdS), saved: span(bus.advice.waitSavedS) })),
    el("td", { class: "acts" }, show, replay),
  );
}
