// What each part of the panel has in common: it asks the hall about one junction, and draws no old answer over a newer one.
import { explain, signedOut } from "../../api";
import type { Page } from "../panel";

/** How long the hall may take to answer. */
export const PATIENCE = { timeoutMs: 10_000 };

export abstract class Asked<Answer> {
  abstract readonly root: HTMLElement;
  #id = "";
  #asked = 0;

  constructor(protected readonly page: Page) {}

  about(junction: string): void {
    if (this.#id === junction) return;
    this.#id = junction;
    // What was asked of another junction is not drawn here.
    this.#asked++;
    this.clear();
    void this.look();
  }

  async look(): Promise<void> {
    if (!this.#id || this.page.link().is !== "live") return;
    const asked = ++this.#asked;
    try {
      const answer = await this.ask(this.#id);
      if (asked === this.#asked) this.draw(answer);
    } catch (error) {
      if (asked === this.#asked && !signedOut(error)) this.failed(explain(error));
    }
  }

  protected abstract ask(junction: string): Promise<Answer>;
  protected abstract draw(answer: Answer): void;
  protected abstract failed(why: string): void;
  /** Another junction: nothing is known of it yet. */
  protected clear(): void {
    this.root.hidden = true;
  }
}
