// The events that the panel holds: pages from the hall below, live ones on top, each once, newest first. Pure.
import type { StoredEvent } from "../../gen/ngatu/v1/api_pb";
import { atOf, keyOf } from "./describe";

/** More than this is not scrolled through but asked for again. */
const MOST = 2_000;

export class EventList {
  events: StoredEvent[] = [];
  nextPage = "";
  #keys = new Set<string>();

  /** A first page: forgets what was there. */
  reset(events: StoredEvent[], nextPage: string): void {
    this.events = [];
    this.#keys.clear();
    this.older(events, nextPage);
  }

  /** A further page, to the end. */
  older(events: StoredEvent[], nextPage: string): void {
    for (const event of events) if (this.#take(event)) this.events.push(event);
    this.nextPage = nextPage;
  }

  /** A live event, to its place in time: events of a pole that was cut off come late. Returns where, or -1 when it was there. */
  live(event: StoredEvent): number {
    if (!this.#take(event)) return -1;
    const at = atOf(event);
    let index = this.events.findIndex((other) => atOf(other) <= at);
    if (index < 0) index = this.events.length;
    // Older than the last loaded page: that page will bring it.
    if (index === this.events.length && this.nextPage !== "") {
      this.#keys.delete(keyOf(event));
      return -1;
    }
    this.events.splice(index, 0, event);
    for (const dropped of this.events.splice(MOST)) this.#keys.delete(keyOf(dropped));
    return index;
  }

  /** What is told again of an event that is there already: it has ended, or was not so. Returns where, or -1. */
  again(event: StoredEvent): number {
    const index = this.#keys.has(keyOf(event)) ? this.events.findIndex((other) => keyOf(other) === keyOf(event)) : -1;
    if (index < 0) return -1;
    if (event.withdrawn) {
      this.events.splice(index, 1);
      this.#keys.delete(keyOf(event));
    } else this.events[index] = event;
    return index;
  }

  #take(event: StoredEvent): boolean {
    const key = keyOf(event);
    if (this.#keys.has(key)) return false;
    this.#keys.add(key);
    return true;
  }
}
