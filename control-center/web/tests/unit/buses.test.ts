// The pure parts of the bus panel.
import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

import { GetSpaceTimeResponseSchema } from "../../src/gen/ngatu/v1/transit_pb";
import { ticks } from "../../src/clock_axis";
import { around, drawn, dueAt, labelled, moved, wholeDay, zoomed } from "../../src/panels/buses/model";
import { lateness, percent, span } from "../../src/panels/buses/words";

const MINUTE = 60_000;
const line = (trip: string, times: number[], over = {}) => ({ trip, points: times.map((min, i) => ({ atMs: BigInt(min * MINUTE), alongM: i * 1000 })), ...over });

test("a driven line is cut where its punctuality changes, without a gap", () => {
  const answer = create(GetSpaceTimeResponseSchema, { scheduled: [line("a", [0, 10, 20, 30])], driven: [line("a", [0, 12, 26, 38], { vehicle: "b", now: true }), line("gone", [3, 13])] });
  const [one, other] = drawn(answer);
  expect(one?.stretches.map((s) => [s.is, s.points.map((p) => p.ms / MINUTE)])).toEqual([["on-time", [0, 12, 26]], ["late", [26, 38]]]);
  expect(one?.lateS).toBe(480);
  expect([other?.lateS, other?.stretches.length]).toEqual([undefined, 1]);
  expect(wholeDay(answer)).toEqual({ fromMs: -5 * MINUTE, toMs: 43 * MINUTE });
});

test("a bus between stops is due between their times; beyond the way never", () => {
  const points = [{ ms: 0, m: 0 }, { ms: 600, m: 1000 }, { ms: 700, m: 1000 }, { ms: 900, m: 2000 }];
  expect([dueAt(points, 500), dueAt(points, 1500), dueAt(points, 2001)]).toEqual([300, 800, undefined]);
});

test("the window moves, and zooms around a moment within bounds", () => {
  const hour = { fromMs: 0, toMs: 60 * MINUTE };
  expect(moved(hour, 0.5)).toEqual({ fromMs: 30 * MINUTE, toMs: 90 * MINUTE });
  const near = zoomed(hour, 1, 0);
  expect([near.fromMs, Math.round(near.toMs / MINUTE)]).toEqual([0, 42]);
  expect(zoomed(hour, 20).toMs - zoomed(hour, 20).fromMs).toBe(10 * MINUTE);
  expect(around(0).toMs).toBe(40 * MINUTE);
});

test("marks of time are whole steps of Hanoi's clock, names have room", () => {
  expect(ticks({ fromMs: 1, toMs: 60 * MINUTE }, 600, 56).map((ms) => ms / MINUTE)).toEqual([10, 20, 30, 40, 50, 60]);
  expect(labelled([100, 96, 60, 55, 20], 14)).toEqual([true, false, true, false, true]);
});

test("figures in words", () => {
  expect([span(245), span(-5), span(3_725)]).toEqual(["4:05", "0:05", "1:02:05"]);
  expect([lateness(29), lateness(95), lateness(-95)]).toEqual(["đúng giờ", "trễ 1:35", "sớm 1:35"]);
  expect([percent(1, 3), percent(0, 0)]).toEqual(["33 %", "–"]);
});
