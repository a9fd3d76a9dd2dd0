// The pure parts of the signals' diagrams.
import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

import { ticks } from "../../src/clock_axis";
import { CorridorShownSchema, SignalChangeSchema } from "../../src/gen/ngatu/v1/signal_pb";
import { backMs } from "../../src/panels/corridor/before";
import { planAt, plansInWords, verdict, whyNot } from "../../src/panels/corridor/figures";
import { stretches } from "../../src/panels/junction/split";

test("a group's aspects, each as long as it lasted, and what nobody knows", () => {
  const changes = ([[0, "1B"], [10, "3B"], [20, "N"], [30, ""], [40, "B1"]] as const).map(([s, groups]) => create(SignalChangeSchema, { atMs: BigInt(s * 1000), groups }));
  const words = (group: number) => stretches(changes, group, 50_000).map((one) => `${one.aspect} ${one.fromMs / 1000}-${one.toMs / 1000}`).join(", ");
  expect(words(0)).toBe("green 0-20, yellow 20-30, unknown 30-40, red 40-50");
  expect(words(1)).toBe("red 0-20, unknown 20-40, green 40-50");
});

test("the clock has whole steps that do not touch", () => {
  expect(ticks({ fromMs: 61_000, toMs: 361_000 }, 500, 64)).toEqual([120_000, 180_000, 240_000, 300_000, 360_000]);
  expect(ticks({ fromMs: 1, toMs: 21_000 }, 500, 64, 5_000)).toEqual([5_000, 10_000, 15_000, 20_000]);
  expect(ticks({ fromMs: 0, toMs: 3_600_000 }, 300, 64).length).toBeLessThanOrEqual(5);
});

test("better and worse, and nothing where there is no difference", () => {
  expect([verdict(-1, false), verdict(-1, true), verdict(0.01, true)]).toEqual(["better", "worse", ""]);
});

test("another time is so many hours back, or a moment by Hanoi's clock", () => {
  const now = Date.parse("2026-11-22T16:05:09Z"); // 23:05:09 in Hanoi
  expect([backMs("0", "", now), backMs("24", "", now)]).toEqual([0, 86_400_000]);
  expect(backMs("picked", "2026-11-20T08:30", now)).toBe(now - Date.parse("2026-11-20T01:30:00Z"));
  // Nothing whole, and what is still to come.
  expect([backMs("picked", "", now), backMs("picked", "2026-11-22T23:06", now)]).toEqual([0, 0]);
});

test("plans that ran, in order, and the last one's cycle and offset while it is heard of", () => {
  const shown = (plans: readonly [plan: number, fromS: number, toS: number][], offsetS?: number) =>
    create(CorridorShownSchema, { plans: plans.map(([plan, fromS, toS]) => ({ plan, fromMs: BigInt(fromS * 1000), toMs: BigInt(toS * 1000), cycleLengthS: 90 })), ...(offsetS === undefined ? {} : { offsetS }) });
  const words = (toS: number, ...of: Parameters<typeof shown>) => [planAt(shown(...of), toS * 1000), plansInWords(shown(...of), toS * 1000)];
  expect(words(700, [[1, 0, 300], [3, 300, 640]], 0)).toEqual([3, "1 → 3 · chu kỳ 90 s · lệch 0 s"]);
  // It was not heard for a while, and was the same again.
  expect(words(700, [[1, 0, 100], [1, 400, 700]])).toEqual([1, "1 · chu kỳ 90 s"]);
  expect(words(700, [[1, 0, 100], [3, 100, 579]], 20)).toEqual([undefined, "1 → 3 → ?"]);
  expect(words(700, [])).toEqual([undefined, "–"]);
  expect(plansInWords(undefined, 0)).toBe("–");
});

test("why no offsets are advised", () => {
  const why = { $typeName: "ngatu.v1.NoCorridorAdvice" as const, code: "cycles_differ", junctions: ["a", "b"], seconds: [70, 97.4], text: "in English" };
  expect(whyNot(why, (id) => id.toUpperCase())).toBe("A có chu kỳ 70 s, B có chu kỳ 97 s; hai chu kỳ khác nhau không tạo được làn sóng.");
  expect(whyNot({ ...why, code: "new" }, (id) => id)).toBe("in English");
});
