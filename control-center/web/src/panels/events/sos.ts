// The bar over the page while a bus calls for help, until somebody says that it is known. It hangs on no filter.
import { el, setText } from "../../dom";
import { momentOf } from "../../format";
import type { StoredEvent } from "../../gen/ngatu/v1/api_pb";
import type { BusEvent } from "../../gen/ngatu/v1/transit_pb";
import { t } from "../../i18n";
import type { Page } from "../panel";
import { lastKnown } from "../buses/words";
import { callsOf, keyOfBus } from "./buses";

export class SosBar {
  readonly root = el("div", { class: "banner sos", role: "alert", hidden: true });
  #text = el("span");
  #calls = new Map<string, StoredEvent>();
  #seen: Set<string>;
  #first: BusEvent | undefined;
  readonly #kept;

  constructor(
    private readonly page: Page,
    private readonly show: (bus: BusEvent) => void,
  ) {
    this.#kept = page.keep<string[]>("sos.seen", []);
    this.#seen = new Set(this.#kept.get());
    const place = el("button", { type: "button" }, t("sos.show"));
    place.addEventListener("click", () => this.#first && this.show(this.#first));
    const seen = el("button", { type: "button" }, t("sos.seen"));
    seen.addEventListener("click", () => this.#put());
    this.root.append(el("b", { class: "glyph", "aria-hidden": "true" }, "SOS"), this.#text, place, seen);
    const banners = [...document.querySelectorAll(".banner")];
    banners.at(-1)?.after(this.root);
    void this.load();
  }

  take(event: StoredEvent): void {
    if (event.bus?.finding !== "sos") return;
    const key = keyOfBus(event.bus);
    if (event.withdrawn) this.#calls.delete(key);
    else this.#calls.set(key, event);
    this.draw();
  }

  /** What holds already when the page comes. */
  async load(): Promise<void> {
    try {
      const { events } = await this.page.hall.listEvents({ kinds: ["bus_sos"], limit: 50 }, { timeoutMs: 20_000 });
      events.forEach((event) => this.take(event));
    } catch {
      // the list says why when it asks itself
    }
  }

  draw(): void {
    const calls = callsOf([...this.#calls.values()], this.#seen, this.page.now());
    this.#first = calls[0];
    this.root.hidden = calls.length === 0;
    const told = calls.slice(0, 3).map((bus) => [t("sos.banner", { vehicle: bus.vehicle, time: momentOf(Number(bus.beganMs), this.page.now()) }), lastKnown(bus)].filter(Boolean).join(", "));
    setText(this.#text, `${told.join(" · ")}${calls.length > 3 ? ` (+${calls.length - 3})` : ""}`);
  }

  #put(): void {
    for (const key of this.#calls.keys()) this.#seen.add(key);
    this.#kept.set([...this.#seen].slice(-200));
    this.draw();
  }
}
