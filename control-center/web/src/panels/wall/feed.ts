// The live pictures of one camera: opened when somebody looks, closed when nobody does, taken up again with growing waits.
import { explain, signedOut, type Hall } from "../../api";
import type { Picture } from "../../gen/ngatu/v1/gateway_pb";

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 10_000;

export interface Watcher {
  picture(picture: Picture): void;
  /** The stream ended; a new try follows. */
  failed(why: string): void;
}

export class Feed {
  #stop: AbortController | undefined;

  constructor(
    private readonly hall: Hall,
    private readonly camera: string,
    private readonly watcher: Watcher,
  ) {}

  get open(): boolean {
    return this.#stop !== undefined;
  }

  start(maxWidth: number, fps: number): void {
    if (this.#stop) return;
    this.#stop = new AbortController();
    void this.#run(this.#stop.signal, maxWidth, fps);
  }

  stop(): void {
    this.#stop?.abort();
    this.#stop = undefined;
  }

  async #run(signal: AbortSignal, maxWidth: number, fps: number): Promise<void> {
    for (let wait = FIRST_WAIT_MS; !signal.aborted; wait = Math.min(LONGEST_WAIT_MS, wait * 2)) {
      let why = "";
      try {
        for await (const picture of this.hall.watchPictures({ camera: this.camera, maxWidth, fps }, { signal })) {
          wait = FIRST_WAIT_MS;
          this.watcher.picture(picture);
        }
      } catch (error) {
        if (signedOut(error)) return; // the page's own link leads to the sign-in
        why = explain(error);
      }
      if (signal.aborted) return;
      this.watcher.failed(why);
      await new Promise((done) => setTimeout(done, wait));
    }
  }
}
