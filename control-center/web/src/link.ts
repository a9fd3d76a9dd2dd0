// Keeps the page in step with the hall: one WatchCity stream, taken up again with growing waits, and a pulse that notices a
// stream which hangs without an end.
import type { City } from "./city";
import type { CityUpdate, GetFiguresResponse } from "./gen/ngatu/v1/api_pb";

export type LinkState =
  | { is: "connecting" }
  | { is: "live" }
  /** `retryAtMs` by the browser's clock; 0 while a try is under way. */
  | { is: "lost"; retryAtMs: number };

/** What the link needs of the world; the browser's own in service, scripted in tests. */
export interface World {
  watch(signal: AbortSignal): AsyncIterable<CityUpdate>;
  /** A call that costs the hall next to nothing: whether it answers at all. */
  pulse(signal: AbortSignal): Promise<unknown>;
  figures(signal: AbortSignal): Promise<GetFiguresResponse>;
  signedOut(error: unknown): boolean;
  now(): number;
  /** Resolves after `ms`, or at once when `signal` aborts. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
  random(): number;
}

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 15_000;
export const PULSE_MS = 10_000;
const PULSE_TIMEOUT_MS = 8_000;
const SNAPSHOT_TIMEOUT_MS = 10_000;

export class HallLink {
  state: LinkState = { is: "connecting" };
  figures: GetFiguresResponse | undefined;
  onChange: () => void = () => {};
  onSignedOut: () => void = () => {};

  #retryNow = new AbortController();
  #counting = false;

  constructor(
    private readonly city: City,
    private readonly world: World,
  ) {}

  /** Ends the wait before the next try. */
  retry(): void {
    this.#retryNow.abort();
  }

  /** Runs until `stop` aborts or the session is over. */
  async run(stop: AbortSignal): Promise<void> {
    for (let failures = 0; !stop.aborted; failures++) {
      const lived = await this.#once(stop);
      if (stop.aborted) return;
      if (lived === "signed-out") return this.onSignedOut();
      if (lived === "lived") failures = 0;
      const ms = waitMs(failures, this.world.random());
      this.#set({ is: "lost", retryAtMs: this.world.now() + ms });
      this.#retryNow = new AbortController();
      await this.world.wait(ms, AbortSignal.any([stop, this.#retryNow.signal]));
      if (!stop.aborted) this.#set({ is: "lost", retryAtMs: 0 });
    }
  }

  /** One stream from its start to its end. */
  async #once(stop: AbortSignal): Promise<"lived" | "failed" | "signed-out"> {
    const end = new AbortController();
    const signal = AbortSignal.any([stop, end.signal]);
    const pulse = { beating: false };
    // A stream that opens but never sends its snapshot is as dead as one that does not open.
    void this.world.wait(SNAPSHOT_TIMEOUT_MS, signal).then(() => {
      if (!pulse.beating) end.abort();
    });
    try {
      for await (const update of this.world.watch(signal)) {
        this.city.apply(update, this.world.now());
        if (!pulse.beating) {
          pulse.beating = true;
          this.#set({ is: "live" });
          void this.#beat(signal, () => end.abort());
        }
      }
    } catch (error) {
      if (this.world.signedOut(error)) return "signed-out";
    } finally {
      end.abort();
    }
    return pulse.beating ? "lived" : "failed";
  }

  async #beat(signal: AbortSignal, dead: () => void): Promise<void> {
    while (!signal.aborted) {
      const late = new AbortController();
      const timer = this.world.wait(PULSE_TIMEOUT_MS, AbortSignal.any([signal, late.signal]));
      const answer = this.world.pulse(AbortSignal.any([signal, late.signal])).then(
        () => true,
        (error: unknown) => {
          if (this.world.signedOut(error)) this.onSignedOut();
          return false;
        },
      );
      const alive = await Promise.race([answer, timer.then(() => false)]);
      late.abort();
      if (signal.aborted) return;
      if (!alive) return dead();
      void this.#count(signal);
      await this.world.wait(PULSE_MS, signal);
    }
  }

  /** Totals may take the store a while; that says nothing of the link. */
  async #count(signal: AbortSignal): Promise<void> {
    if (this.#counting) return;
    this.#counting = true;
    try {
      this.figures = await this.world.figures(signal);
      this.onChange();
    } catch {
      // the old totals stay until the next beat
    }
    this.#counting = false;
  }

  #set(state: LinkState): void {
    this.state = state;
    this.onChange();
  }
}

/** Doubling waits with a jitter of ±30 %, so that a hundred screens do not come back in the same second. */
export function waitMs(failures: number, random: number): number {
  const whole = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(failures, 10));
  return Math.round(whole * (0.7 + 0.6 * random));
}
