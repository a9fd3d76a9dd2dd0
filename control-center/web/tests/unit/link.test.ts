// The link to the hall: taken up again, slower each time, and given up only when the session is over.
import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

import { City } from "../../src/city";
import { CityUpdateSchema, GetFiguresResponseSchema, type CityUpdate } from "../../src/gen/ngatu/v1/api_pb";
import { HallLink, waitMs, type World } from "../../src/link";

const SNAPSHOT = create(CityUpdateSchema, { update: { case: "snapshot", value: { atMs: 1n } } });
const SIGNED_OUT = new Error("signed out");

type Try = "refused" | "snapshot then end" | "hangs before snapshot" | "snapshot then hangs" | "signed out";

/** Plays the tries in order and writes down the states; time passes only while somebody waits. */
async function play(tries: Try[], pulse: "answers" | "hangs" = "answers"): Promise<string[]> {
  const log: string[] = [];
  const stop = new AbortController();
  let now = 1_000_000;
  const world: World = {
    async *watch(signal): AsyncGenerator<CityUpdate> {
      const next = tries.shift();
      if (next === undefined) {
        stop.abort();
        return;
      }
      if (next === "signed out") throw SIGNED_OUT;
      if (next === "refused") throw new Error("refused");
      if (next.startsWith("snapshot")) yield SNAPSHOT;
      if (next.endsWith("hangs") || next.startsWith("hangs")) await new Promise((done) => signal.addEventListener("abort", done));
    },
    figures: () => Promise.resolve(create(GetFiguresResponseSchema)),
    pulse: (signal) =>
      pulse === "answers" ? Promise.resolve() : new Promise((_, no) => signal.addEventListener("abort", () => no(new Error("late")))),
    signedOut: (error) => error === SIGNED_OUT,
    now: () => now,
    wait: async (ms, signal) => {
      await new Promise((soon) => setTimeout(soon, 0));
      if (!signal.aborted) now += ms;
    },
    random: () => 0.5,
  };
  const link = new HallLink(new City(), world);
  link.onSignedOut = () => void log.push("signed out");
  let before = "";
  link.onChange = () => {
    const { state } = link;
    const text = state.is === "lost" ? (state.retryAtMs ? `lost, again in ${state.retryAtMs - now}` : "trying") : state.is;
    if (text !== before) log.push((before = text));
  };
  await link.run(stop.signal);
  return log;
}

test.each<[string, Try[], "answers" | "hangs", string[]]>([
  ["waits grow while the hall is away, and start anew after it was there",
    ["refused", "refused", "snapshot then end", "refused"], "answers",
    ["lost, again in 1000", "trying", "lost, again in 2000", "trying", "live", "lost, again in 1000", "trying", "lost, again in 2000", "trying"]],
  ["a stream without a snapshot is dead", ["hangs before snapshot"], "answers", ["lost, again in 1000", "trying"]],
  ["a stream that hangs is noticed by the pulse", ["snapshot then hangs"], "hangs", ["live", "lost, again in 1000", "trying"]],
  ["the end of the session ends the tries", ["snapshot then end", "signed out"], "answers", ["live", "lost, again in 1000", "trying", "signed out"]],
])("%s", async (_, tries, pulse, want) => {
  expect(await play(tries, pulse)).toEqual(want);
});

test("a wait is never shorter than 0.7 s nor longer than 20 s", () => {
  for (let failures = 0; failures < 2_000; failures += 7) {
    for (const random of [0, 0.5, 1]) {
      expect(waitMs(failures, random)).toBeGreaterThanOrEqual(700);
      expect(waitMs(failures, random)).toBeLessThanOrEqual(20_000);
    }
  }
});

test("whoever asks for a try does not wait for it", async () => {
  const stop = new AbortController();
  let tries = 0;
  const world: World = {
    async *watch(): AsyncGenerator<CityUpdate> {
      if (++tries === 3) stop.abort();
      throw new Error("refused");
    },
    figures: () => Promise.resolve(create(GetFiguresResponseSchema)),
    pulse: () => Promise.resolve(),
    signedOut: () => false,
    now: () => 1,
    // No wait ends by itself.
    wait: (_, signal) => new Promise((done) => signal.addEventListener("abort", () => done())),
    random: () => 0.5,
  };
  const link = new HallLink(new City(), world);
  link.onChange = () => {
    if (link.state.is === "lost" && link.state.retryAtMs > 0) setTimeout(() => link.retry(), 0);
  };
  await link.run(stop.signal);
  expect(tries).toBe(3);
});
