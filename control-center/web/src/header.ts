// The line on top: how the page stands to the hall, the city in figures, the time, the language, the way out. And the
// banners that say plainly when what is on the screen is no longer live, and when something is not kept.
import { goToSignIn, session, signedOut } from "./api";
import { isStale } from "./city";
import { el, icon, setText } from "./dom";
import { dateOf, integer, timeOf } from "./format";
import { fullInWords } from "./gateways";
import { t, type Key } from "./i18n";
import iconUrl from "./icon.svg";
import { languageSwitch } from "./language";
import type { HallLink } from "./link";
import type { Page } from "./panels/panel";

const WARNING = "M12 2 1 21h22L12 2Zm-1 7h2v6h-2V9Zm0 8h2v2h-2v-2Z";
const LEAVE = "M5 4h8v2H7v12h6v2H5V4Zm11 4 4 4-4 4v-3h-6v-2h6V8Z";

export class Header {
  readonly root = el("header", { class: "head" });
  readonly banner = el("div", { class: "banner", role: "alert", hidden: true });
  readonly problem = el("div", { class: "banner problem", role: "alert", hidden: true });
  readonly full = el("div", { class: "banner full", role: "alert", hidden: true });
  #problemText = el("span");
  #fullText = el("span");
  #pill = el("span", { class: "pill", role: "status" });
  #clock = el("time", { class: "clock", title: t("clock.hanoi") });
  #date = el("span", { class: "date" });
  #totals = new Map<string, HTMLElement>();
  #gateways = el("span", { class: "total bad", hidden: true });
  #bannerText = el("span");
  // The seconds change too often to be read out.
  #countdown = el("span", { "aria-hidden": "true" });

  constructor(
    private readonly page: Page,
    private readonly link: HallLink,
  ) {
    const totals = el("div", { class: "totals" });
    for (const name of ["cameras", "junctions", "vehicles", "events", "crossings"] as const) totals.append(this.#total(name));
    totals.append(this.#gateways);

    const leave = el("button", { type: "button", class: "leave", title: t("sign-out"), "aria-label": t("sign-out") }, icon(LEAVE));
    leave.addEventListener("click", () => void this.#signOut());
    this.root.append(
      el("h1", { class: "brand" }, el("img", { src: iconUrl, alt: "" }), "Ngã Tư"),
      this.#pill,
      totals,
      el("div", { class: "when" }, this.#date, this.#clock),
      languageSwitch(),
      leave,
    );

    const retry = el("button", { type: "button" }, t("link.retry"));
    retry.addEventListener("click", () => link.retry());
    this.problem.append(icon(WARNING), this.#problemText);
    this.full.append(icon(WARNING), this.#fullText);
    this.banner.append(icon(WARNING), this.#bannerText, this.#countdown, retry);
  }

  render(): void {
    const { city } = this.page;
    const now = this.page.now();
    setText(this.#clock, timeOf(now));
    setText(this.#date, dateOf(now));

    const cameras = [...city.cameras.values()];
    const junctions = [...city.junctions.values()];
    const buses = [...city.buses.values()];
    this.#of("cameras", cameras.filter((c) => city.stateOf(c) === "up").length, cameras.length);
    this.#of("junctions", junctions.filter((j) => city.stateOf(j) === "up").length, junctions.length);
    this.#of("vehicles", buses.filter((b) => !isStale(b, now)).length, buses.length);
    const figures = this.link.figures;
    this.#set("events", figures ? integer(Number(figures.events)) : "–");
    this.#set("crossings", figures ? integer(Number(figures.crossings)) : "–");
    const silent = [...city.gateways.values()].filter((g) => !g.alive);
    this.#gateways.hidden = silent.length === 0;
    setText(this.#gateways, t("total.gateways-down", { n: silent.length }));
    this.#gateways.title = silent.map((g) => g.id).join(", ");

    this.problem.hidden = city.problem === "";
    setText(this.#problemText, city.problem && t("hall.problem", { problem: city.problem }));
    const full = fullInWords(city.keepingNothing());
    this.full.hidden = full === "";
    setText(this.#fullText, full);
    this.#renderLink();
  }

  #renderLink(): void {
    const { state } = this.link;
    this.#pill.className = `pill ${state.is}`;
    setText(this.#pill, t(`link.${state.is}`));
    const lost = state.is === "lost";
    document.body.classList.toggle("is-lost", lost);
    document.title = lost ? `✕ ${t("link.lost")} · Ngã Tư` : "Ngã Tư";
    this.banner.hidden = !lost;
    if (!lost) return;
    const { city } = this.page;
    setText(this.#bannerText, city.heardMs === 0 ? t("link.banner-never") : t("link.banner", { time: timeOf(city.now(city.heardMs)) }));
    const s = Math.max(0, Math.ceil((state.retryAtMs - Date.now()) / 1000));
    setText(this.#countdown, state.retryAtMs === 0 ? t("link.retrying") : t("link.retry-in", { s }));
  }

  #total(name: "cameras" | "junctions" | "vehicles" | "events" | "crossings"): HTMLElement {
    const number = el("b", {}, "–");
    this.#totals.set(name, number);
    const title = name === "events" || name === "crossings" ? undefined : t(`total.${name}-title` as Key);
    return el("span", { class: `total ${name}`, title }, number, " ", el("span", {}, t(`total.${name}`)));
  }

  #of(name: string, part: number, all: number): void {
    this.#set(name, `${integer(part)}/${integer(all)}`);
    this.#totals.get(name)?.classList.toggle("short", part < all);
  }

  #set(name: string, text: string): void {
    const node = this.#totals.get(name);
    if (node) setText(node, text);
  }

  async #signOut(): Promise<void> {
    try {
      await session.signOut({}, { timeoutMs: 5_000 });
      goToSignIn();
    } catch (error) {
      if (signedOut(error)) return goToSignIn();
      // The session still stands at the hall: say so instead of pretending.
      this.banner.hidden = false;
      setText(this.#bannerText, t("sign-out.failed"));
      setText(this.#countdown, "");
    }
  }
}
