// The event list: newest first, live, filtered at the hall; opening one shows its picture.
import "./events.css";
import { explain, signedOut } from "../../api";
import { el, setText } from "../../dom";
import { BY_NAME, integer, momentOf } from "../../format";
import type { StoredEvent } from "../../gen/ngatu/v1/api_pb";
import type { BusEvent } from "../../gen/ngatu/v1/transit_pb";
import { t, tOr } from "../../i18n";
import type { LinkState } from "../../link";
import type { Mounted, Page, Panel } from "../panel";
import { lastKnown } from "../buses/words";
import { atOf, describe, GROUPS, keyOf, wanted, type Group, type Weight } from "./describe";
import { EventList } from "./list";
import { placeOfBus } from "./buses";
import { SosBar } from "./sos";
import { Still } from "./still";

const PAGE = 100;
const SIGNS: Record<Weight, string> = { high: "▲", middle: "◆", low: "·", good: "✓" };
/** Lines crossed by the thousand bury what needs a person: shown on request. */
const AT_FIRST: Group[] = ["rule", "camera", "signal", "bus_safety", "bus_way"];

export const panel: Panel = { id: "events", title: "panel.events", place: "right-bottom", mount: (host, page) => new Events(host, page) };

class Events implements Mounted {
  #list = new EventList();
  #rows = new Map<string, HTMLElement>();
  #seen = new Set<StoredEvent>();
  #ol = el("ol", { class: "rows", "aria-label": t("events.list") });
  #scroll = el("div", { class: "scroll" }, this.#ol);
  #foot = el("div", { class: "foot", role: "status" });
  #fresh = el("button", { type: "button", class: "fresh", hidden: true });
  #freshCount = 0;
  #camera = el("select", { "aria-label": t("events.camera") });
  #groups: Set<Group>;
  #still: Still;
  #sos: SosBar;
  #opened: string | undefined;
  #loading = new AbortController();
  #busy = false;
  #wasLive = false;
  #visible = true;
  #unseen = 0;
  #roster = -1;
  readonly #keptGroups;

  constructor(
    host: HTMLElement,
    private readonly page: Page,
  ) {
    this.#keptGroups = page.keep<Group[]>("events.kinds", AT_FIRST);
    // A call for help is never filtered away.
    this.#groups = new Set<Group>([...this.#keptGroups.get(), "sos"]);
    this.#sos = new SosBar(page, (bus) => this.#onMap(bus));
    this.#still = new Still(page, (by) => this.#step(by), () => this.#closed());
    const chips = el("div", { class: "chips", role: "group", "aria-label": t("events.filter") });
    for (const group of Object.keys(GROUPS) as Group[]) if (group !== "sos") chips.append(this.#chip(group));
    this.#camera.addEventListener("change", () => void this.#reload());
    this.#fresh.addEventListener("click", () => this.#toTop());
    this.#scroll.append(this.#foot);
    this.#scroll.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#ol.addEventListener("keydown", (event) => this.#key(event));
    host.append(el("div", { class: "toolbar" }, chips, el("span", { class: "grow" }), this.#camera), this.#fresh, this.#scroll, this.#still.root);
    this.#cameras();
  }

  linked(state: LinkState): void {
    const live = state.is === "live";
    // What happened while the link was lost is only in the store.
    if (live && !this.#wasLive) {
      void this.#reload();
      void this.#sos.load();
    }
    this.#wasLive = live;
  }

  shown(visible: boolean): void {
    this.#visible = visible;
    this.#unseen = 0;
    this.page.badge("events", 0);
  }

  update(changed: ReadonlySet<string>): void {
    if (changed.has("cameras")) this.#cameras();
    // The hall left events out because this page was slow: they are in the store.
    if (changed.has("missed")) {
      void this.#reload();
      void this.#sos.load();
    }
    if (!changed.has("events")) return;
    const news: StoredEvent[] = [];
    for (const event of this.page.city.events) {
      if (this.#seen.has(event)) break;
      news.push(event);
    }
    this.#seen = new Set(this.page.city.events);
    for (const event of news.reverse()) {
      this.#sos.take(event);
      if (this.#again(event) || event.withdrawn) continue;
      if (wanted(event, this.#groups, this.#camera.value)) this.#live(event);
    }
  }

  /** Whether it was there already: its row says how it stands now. */
  #again(event: StoredEvent): boolean {
    const index = event.bus ? this.#list.again(event) : -1;
    if (index < 0) return false;
    const old = this.#rows.get(keyOf(event));
    if (event.withdrawn) {
      this.#rows.delete(keyOf(event));
      old?.remove();
    } else {
      const focused = old?.contains(document.activeElement);
      const row = this.#row(event);
      row.className = old?.className ?? "";
      old?.replaceWith(row);
      if (focused) row.querySelector("button")?.focus();
    }
    return true;
  }

  #live(event: StoredEvent): void {
    const index = this.#list.live(event);
    if (index < 0) return;
    if (!this.#visible) this.page.badge("events", ++this.#unseen);
    const scroll = this.#scroll;
    const [top, high] = [scroll.scrollTop, scroll.scrollHeight];
    const row = this.#row(event);
    row.classList.add("new");
    this.#ol.insertBefore(row, this.#ol.children[index] ?? null);
    while (this.#ol.children.length > this.#list.events.length) this.#ol.lastElementChild?.remove();
    if (top < 8) return this.#say();
    // Who reads further down keeps the place.
    scroll.scrollTop = top + scroll.scrollHeight - high;
    this.#freshCount++;
    setText(this.#fresh, `↑ ${t("events.new", { n: integer(this.#freshCount) })}`);
    this.#fresh.hidden = false;
  }

  async #reload(): Promise<void> {
    this.#loading.abort();
    this.#loading = new AbortController();
    this.#busy = false;
    await this.#load("");
  }

  async #load(pageToken: string): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    const { signal } = this.#loading;
    this.#say(t("events.loading"));
    try {
      const kinds = [...this.#groups].flatMap((g) => GROUPS[g]);
      const camera = this.#camera.value;
      const answer = kinds.length === 0 ? { events: [], nextPageToken: "" }
        : await this.page.hall.listEvents({ kinds: [...kinds], camera, limit: PAGE, pageToken }, { signal, timeoutMs: 20_000 });
      if (signal.aborted) return;
      if (pageToken === "") {
        this.#list.reset(answer.events, answer.nextPageToken);
        // What came in while the hall was asked is newer than its answer, or in it already.
        for (const event of [...this.page.city.events].reverse()) if (wanted(event, this.#groups, this.#camera.value)) this.#list.live(event);
      }
      else this.#list.older(answer.events, answer.nextPageToken);
      this.#render(pageToken === "");
      this.#busy = false;
      this.#say();
      this.#scrolled();
    } catch (error) {
      if (signal.aborted || signedOut(error)) return;
      this.#busy = false;
      const again = el("button", { type: "button" }, t("events.retry"));
      again.addEventListener("click", () => void this.#load(pageToken));
      this.#foot.replaceChildren(t("events.failed", { why: explain(error) }), " ", again);
    }
  }

  #render(fromTop: boolean): void {
    if (fromTop) {
      this.#rows.clear();
      this.#ol.replaceChildren();
      this.#toTop();
    }
    const more = document.createDocumentFragment();
    for (const event of this.#list.events.slice(this.#ol.children.length)) more.append(this.#row(event));
    this.#ol.append(more);
  }

  #row(event: StoredEvent): HTMLElement {
    const { weight, what, more, still } = describe(event);
    const place = event.bus ? placeOfBus(event.bus) : this.page.city.placeOf(event);
    const sos = event.bus?.finding === "sos" && event.bus.endedMs === undefined;
    const button = el(
      "button",
      { type: "button", class: `weight-${weight}${sos ? " sos" : ""}` },
      el("time", {}, momentOf(atOf(event), this.page.now())),
      el("span", { class: "sign", "aria-hidden": "true" }, SIGNS[weight]),
      el("span", { class: "what" }, what),
      el("span", { class: "more" }, more),
      el("span", { class: "where", title: place }, place),
      el("span", { class: "eye", "aria-hidden": "true" }, still ? "▣" : ""),
    );
    button.addEventListener("click", () => this.#open(event));
    const row = el("li", {}, button);
    this.#rows.set(keyOf(event), row);
    return row;
  }

  #open(event: StoredEvent): void {
    this.#rows.get(this.#opened ?? "")?.classList.remove("opened");
    this.#opened = keyOf(event);
    const row = this.#rows.get(this.#opened);
    row?.classList.add("opened");
    row?.scrollIntoView({ block: "nearest" });
    if (event.bus) return this.#onMap(event.bus);
    this.#still.open(event);
  }

  /** What was found of a bus has no picture: the place where it was, and the bus. */
  #onMap(bus: BusEvent): void {
    if (bus.vehicle && this.page.city.buses.has(bus.vehicle)) this.page.select({ kind: "bus", id: bus.vehicle });
    const { place } = bus;
    const what = tOr("finding", bus.finding);
    const text = [what, placeOfBus(bus), momentOf(Number(bus.beganMs), this.page.now()), lastKnown(bus)].filter(Boolean).join(" · ");
    if (place) this.page.mark({ at: [place.lon, place.lat], text });
  }

  #step(by: -1 | 1): void {
    const here = this.#list.events.findIndex((e) => keyOf(e) === this.#opened);
    // The opened picture goes on to what may have one.
    const others = by === 1 ? this.#list.events.slice(here + 1) : this.#list.events.slice(0, Math.max(0, here)).reverse();
    const next = others.find((e) => !e.bus);
    if (next) this.#open(next);
    if (by === 1 && here + 10 > this.#list.events.length && this.#list.nextPage) void this.#load(this.#list.nextPage);
  }

  #closed(): void {
    this.#rows.get(this.#opened ?? "")?.querySelector("button")?.focus();
  }

  #key(event: KeyboardEvent): void {
    const row = (event.target as HTMLElement).closest("li");
    const to =
      event.key === "ArrowDown" ? row?.nextElementSibling
      : event.key === "ArrowUp" ? row?.previousElementSibling
      : event.key === "Home" ? this.#ol.firstElementChild
      : event.key === "End" ? this.#ol.lastElementChild
      : undefined;
    if (!to) return;
    event.preventDefault();
    to.querySelector("button")?.focus();
  }

  #scrolled(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroll;
    if (scrollTop < 8) this.#toTop();
    if (clientHeight > 0 && scrollHeight - scrollTop - clientHeight < 400 && this.#list.nextPage) void this.#load(this.#list.nextPage);
  }

  #toTop(): void {
    this.#freshCount = 0;
    this.#fresh.hidden = true;
    if (this.#scroll.scrollTop !== 0) this.#scroll.scrollTop = 0;
  }

  #say(words?: string): void {
    const { events, nextPage } = this.#list;
    const all = AT_FIRST.every((group) => this.#groups.has(group)) && this.#camera.value === "";
    setText(this.#foot, words ?? (events.length === 0 ? t(all ? "events.none" : "events.none-match") : nextPage ? "" : t("events.end")));
  }

  #chip(group: Group): HTMLElement {
    const chip = el("button", { type: "button", class: "chip", "aria-pressed": String(this.#groups.has(group)) }, t(`group.${group}`));
    chip.addEventListener("click", () => {
      if (!this.#groups.delete(group)) this.#groups.add(group);
      chip.setAttribute("aria-pressed", String(this.#groups.has(group)));
      this.#keptGroups.set([...this.#groups].filter((g) => g !== "sos"));
      void this.#reload();
    });
    return chip;
  }

  #cameras(): void {
    const now = this.#camera.value;
    if (this.#roster === this.page.city.roster) return;
    this.#roster = this.page.city.roster;
    const cameras = [...this.page.city.cameras.values()].sort((a, b) => BY_NAME.compare(a.name, b.name));
    this.#camera.replaceChildren(el("option", { value: "" }, t("events.all-cameras")), ...cameras.map((c) => el("option", { value: c.id }, c.name)));
    this.#camera.value = now;
    // Names may have come after the rows.
    for (const event of this.#list.events) {
      const place = this.#rows.get(keyOf(event))?.querySelector(".where");
      if (place && !event.bus) setText(place, this.page.city.placeOf(event));
    }
  }
}
