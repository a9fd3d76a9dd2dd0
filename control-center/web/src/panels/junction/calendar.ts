// What the calendar says of a junction for now and next, and why it is not followed.
import { el } from "../../dom";
import { momentOf } from "../../format";
import { SignalCalendarState, type GetCalendarResponse, type SignalCalendar } from "../../gen/ngatu/v1/signal_pb";
import { fill, t, tOr } from "../../i18n";
import { Asked, PATIENCE } from "./asked";
import { reasonsInWords } from "./words";

export class Calendar extends Asked<GetCalendarResponse> {
  readonly root = el("p", { class: "calendar", role: "status", hidden: true });

  protected ask(junction: string): Promise<GetCalendarResponse> {
    return this.page.signals.getCalendar({ junction }, PATIENCE);
  }

  protected draw({ calendar }: GetCalendarResponse): void {
    this.root.hidden = calendar === undefined;
    if (calendar) this.#draw(calendar);
  }

  protected failed(why: string): void {
    this.root.hidden = false;
    this.root.replaceChildren(t("calendar.failed", { why }));
  }

  #draw(calendar: SignalCalendar): void {
    const { sign, kind, text } = stateInWords(calendar, this.page.now());
    this.root.title = calendar.name;
    this.root.replaceChildren(
      el("span", { class: "soft" }, `${t("calendar.title")} (${calendar.name}): `),
      el("b", {}, saidInWords(calendar, this.page.now())),
      " ",
      el("span", { class: `outcome ${kind}` }, `${sign} ${text}`),
    );
  }
}

function planInWords(plan: number | undefined): string {
  return plan === undefined ? t("calendar.own") : t("calendar.plan", { n: plan });
}

/** `chương trình 3 đến 09:00:00, sau đó chương trình 1`. */
export function saidInWords(calendar: Pick<SignalCalendar, "plan" | "nextPlan" | "untilMs">, nowMs: number): string {
  const now = planInWords(calendar.plan);
  const untilMs = Number(calendar.untilMs);
  if (untilMs === 0) return t("calendar.unchanged", { now });
  // To the minute: entries begin and end on one.
  return t("calendar.now", { now, time: momentOf(untilMs, nowMs).replace(/:00$/, ""), next: planInWords(calendar.nextPlan) });
}

export function stateInWords(calendar: Pick<SignalCalendar, "state" | "why" | "detail" | "whyMs" | "whyNumber">, nowMs: number): { sign: string; kind: string; text: string } {
  switch (calendar.state) {
    case SignalCalendarState.FOLLOWED:
      // Its own plan is right, and the street has no green wave.
      if (calendar.why === "wave_broken") return { sign: "▲", kind: "warn", text: t("calendar.wave-broken", { where: calendar.detail }) };
      return { sign: "●", kind: "good", text: t("calendar.followed") };
    case SignalCalendarState.UNDER_WAY:
      return { sign: "◌", kind: "warn", text: t("calendar.under-way") };
    case SignalCalendarState.NOT_FOLLOWED:
    case SignalCalendarState.UNSPECIFIED: {
      const values = { by: calendar.detail, reason: reasonsInWords(calendar.detail), time: momentOf(Number(calendar.whyMs), nowMs), n: Number(calendar.whyNumber) };
      const why = fill(tOr("calendar", `why-${calendar.why}`), values);
      return { sign: "▲", kind: "warn", text: t("calendar.not", { why }) };
    }
  }
}
