// A list of the maintenance panel: asks every ten seconds while it is looked at, and changes on the screen only what changed.
import { explain, signedOut } from "../../api";
import { el, setText } from "../../dom";
import { timeOf } from "../../format";
import { t } from "../../i18n";
import { plain } from "../../plain";
import type { Page } from "../panel";
import type { Said } from "./words";

export const REFRESH_MS = 10_000;
/** Of one question. */
export const PATIENCE = { timeoutMs: 15_000 };

export abstract class Listing {
  readonly root: HTMLElement;
  protected readonly toolbar = el("div", { class: "toolbar" });
  protected readonly scroll: HTMLElement;
  #asOf = el("span", { class: "as-of soft", role: "status" });
  #problem = el("p", { class: "outcome bad problem", role: "alert", hidden: true });
  #askedMs = 0;
  #knownMs = 0;
  #loading: AbortController | undefined;

  constructor(
    protected readonly page: Page,
    className: string,
    label: string,
  ) {
    this.scroll = el("div", { class: "listing", tabindex: "0", role: "region", "aria-label": label });
    this.root = el("div", { class: `view ${className}` }, this.toolbar, this.#problem, this.scroll);
  }

  /** What was asked for in the meantime is asked for anew. */
  async load(): Promise<void> {
    if (this.page.link().is !== "live") return;
    this.#loading?.abort();
    const loading = (this.#loading = new AbortController());
    this.#askedMs = Date.now();
    try {
      const atMs = this.page.now();
      await this.ask({ signal: loading.signal, ...PATIENCE });
      if (loading.signal.aborted) return;
      this.#knownMs = atMs;
      this.#problem.hidden = true;
      this.draw();
    } catch (error) {
      if (loading.signal.aborted || signedOut(error)) return;
      this.#problem.hidden = false;
      setText(this.#problem, `✕ ${t("buses.failed", { why: explain(error) })}`);
    } finally {
      if (this.#loading === loading) this.#loading = undefined;
    }
    this.#sayWhen();
  }

  /** Once a second while it is in front and the hall is reached. */
  tick(): void {
    if (Date.now() - this.#askedMs > REFRESH_MS && !this.#loading) void this.load();
  }

  /** The link came or went: what is there is not shown as live without one, and nothing can be sent. */
  linked(): void {
    this.root.classList.toggle("unknown", !this.live);
    if (!this.live) this.#loading?.abort();
    if (this.known) this.draw();
    this.#sayWhen();
  }

  /** Looks anew at the next tick. */
  stale(): void {
    this.#askedMs = 0;
  }

  protected get live(): boolean {
    return this.page.link().is === "live";
  }

  protected get known(): boolean {
    return this.#knownMs > 0;
  }

  protected get asOf(): HTMLElement {
    return this.#asOf;
  }

  protected abstract ask(options: { signal: AbortSignal; timeoutMs: number }): Promise<void>;
  protected abstract draw(): void;

  /** Nodes that are as before stay: a press that has begun, the focus and the place in the list survive a refresh. */
  protected put(nodes: readonly HTMLElement[]): void {
    put(this.scroll, nodes);
  }

  #sayWhen(): void {
    const time = timeOf(this.#knownMs);
    setText(this.#asOf, !this.known ? "" : this.live ? t("buses.as-of", { time }) : t("link.as-of", { time }));
  }
}

/** Replaces children where they differ, and puts the focus back where it was by `data-key`. */
export function put(host: HTMLElement, nodes: readonly HTMLElement[]): void {
  const old = [...host.children];
  if (old.length === nodes.length && old.every((node, i) => nodes[i]?.isEqualNode(node))) return;
  const { scrollTop } = host;
  const within = host.contains(document.activeElement) ? document.activeElement?.closest<HTMLElement>("[data-key]")?.dataset["key"] : undefined;
  host.replaceChildren(...nodes);
  host.scrollTop = scrollTop;
  if (within) host.querySelector<HTMLElement>(`[data-key="${CSS.escape(within)}"]`)?.focus({ preventScroll: true });
}

export const outcome = (said: Said, className = ""): HTMLElement => el("span", { class: `outcome ${said.kind}${className ? ` ${className}` : ""}` }, said.text);

export function searchBox(words: string, changed: (text: string) => void): HTMLElement {
  const input = el("input", { type: "search", placeholder: words, "aria-label": words, autocomplete: "off" });
  input.addEventListener("input", () => changed(plain(input.value.trim())));
  return input;
}

export function field(words: string, input: HTMLElement): HTMLElement {
  return el("label", {}, el("span", { class: "name" }, words), input);
}

/** What became of what somebody did; read out when it changes. */
export class Status {
  readonly root = el("p", { class: "outcome", role: "status", hidden: true });

  say(kind: Said["kind"], text: string, ...more: HTMLElement[]): void {
    this.root.hidden = false;
    this.root.className = `outcome ${kind}`;
    this.root.replaceChildren(text, ...more);
  }

  clear(): void {
    this.root.hidden = true;
    this.root.replaceChildren();
  }
}
