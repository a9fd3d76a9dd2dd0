// A view that asks for rows and shows them as a table: old rows stay, with their time, while new ones cannot be had.
import { explain, signedOut } from "../../api";
import { el, setText } from "../../dom";
import { timeOf } from "../../format";
import { t } from "../../i18n";
import type { Page } from "../panel";
import type { View } from "./view";

export interface Column {
  name: string;
  number?: boolean;
}

export abstract class TableView implements View {
  readonly root = el("div", { class: "table-view" });
  protected readonly toolbar = el("div", { class: "toolbar" });
  protected readonly asOf = el("span", { class: "as-of", role: "status" });
  #scroll = el("div", { class: "scroll", tabindex: "0", role: "region" });
  #loadedMs = 0;
  #loading: AbortController | undefined;

  constructor(
    protected readonly page: Page,
    private readonly caption: string,
    private readonly refreshMs: number,
  ) {
    this.#scroll.setAttribute("aria-label", caption);
    this.root.append(this.toolbar, this.#scroll);
  }

  shown(): void {
    void this.load();
  }

  tick(): void {
    if (Date.now() - this.#loadedMs > this.refreshMs && !this.#loading) void this.load();
  }

  async load(): Promise<void> {
    this.#loading?.abort();
    const loading = (this.#loading = new AbortController());
    this.#loadedMs = Date.now();
    try {
      const at = this.page.now();
      await this.ask({ signal: loading.signal, timeoutMs: 60_000 });
      if (loading.signal.aborted) return;
      this.draw();
      setText(this.asOf, t("buses.as-of", { time: timeOf(at) }));
    } catch (error) {
      if (loading.signal.aborted || signedOut(error)) return;
      setText(this.asOf, t("buses.failed", { why: explain(error) }));
    } finally {
      if (this.#loading === loading) this.#loading = undefined;
    }
  }

  protected abstract ask(options: { signal: AbortSignal; timeoutMs: number }): Promise<void>;
  protected abstract draw(): void;

  protected rows(columns: readonly Column[], rows: readonly HTMLElement[], none: string): void {
    const scroll = this.#scroll.scrollTop;
    const focused = document.activeElement?.closest<HTMLElement>("tr[data-key]")?.dataset["key"];
    if (rows.length === 0) return this.#scroll.replaceChildren(el("p", { class: "notice" }, none));
    const head = el("tr", {}, ...columns.map(({ name, number }) => el("th", { scope: "col", class: number ? "n" : "" }, name)));
    this.#scroll.replaceChildren(el("table", {}, el("caption", {}, this.caption), el("thead", {}, head), el("tbody", {}, ...rows)));
    this.#scroll.scrollTop = scroll;
    if (focused) this.#scroll.querySelector<HTMLElement>(`tr[data-key="${CSS.escape(focused)}"] button`)?.focus({ preventScroll: true });
  }
}

/** A box to tick with its words. */
export function tickBox(words: string, changed: (on: boolean) => void): HTMLElement {
  const box = el("input", { type: "checkbox" });
  box.addEventListener("change", () => changed(box.checked));
  return el("label", { class: "tick" }, box, words);
}
