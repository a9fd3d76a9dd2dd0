// Snapshot and deltas become the city that panels see.
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

import { City, isStale } from "../../src/city";
import { CityUpdateSchema } from "../../src/gen/ngatu/v1/api_pb";
import { Link } from "../../src/gen/ngatu/v1/event_pb";
import { fullInWords } from "../../src/gateways";

const NOW = 1_700_000_000_000;

type Update = NonNullable<MessageInitShape<typeof CityUpdateSchema>["update"]>;
const apply = (city: City, ...updates: Update[]) => updates.forEach((update) => city.apply(create(CityUpdateSchema, { update }), NOW));

const camera = (id: string, link = Link.UP) => ({ gateway: "g1", info: { camera: id, name: "", link, position: { lat: 21, lon: 105.8 } } });
const fix = (lat: number, lon: number) => ({ gateway: "g1", fix: { vehicle: "b1", fixMs: BigInt(NOW), lat, lon, valid: true } });
const gateway = (alive: boolean) => ({ gateway: "g1", alive, lastHeardMs: BigInt(NOW), waitingEvents: 2n });

test("a snapshot replaces what was there; deltas change one thing", () => {
  const city = new City();
  apply(city,
    { case: "snapshot", value: { atMs: BigInt(NOW + 5_000), gateways: [gateway(true)], cameras: [camera("c1"), camera("c2")] } },
    { case: "camera", value: camera("c2", Link.DOWN) },
    { case: "vehicle", value: fix(21.02, 105.84) });
  expect([...city.cameras.values()].map((c) => `${c.id} ${c.name} ${c.state}`)).toEqual(["c1 c1 up", "c2 c2 down"]);
  expect(city.buses.get("b1")?.at).toEqual([105.84, 21.02]);
  expect(city.now(NOW)).toBe(NOW + 5_000);
  apply(city, { case: "snapshot", value: { atMs: BigInt(NOW), cameras: [camera("c3")] } });
  expect([...city.cameras.keys()]).toEqual(["c3"]);
  expect(city.buses.size).toBe(0);
});

test("what a silent gateway said last is not known", () => {
  const city = new City();
  apply(city, { case: "snapshot", value: { gateways: [gateway(true)], cameras: [camera("c1")] } });
  const c1 = city.cameras.get("c1")!;
  expect(city.stateOf(c1)).toBe("up");
  apply(city, { case: "gateway", value: gateway(false) });
  expect(city.stateOf(c1)).toBe("unknown");
});

test("a gateway that keeps nothing is named with what to do, while it is there and has no room", () => {
  const city = new City();
  const said = () => fullInWords(city.keepingNothing());
  const full = (id: string, keepsNothing: boolean, alive = true) => ({ case: "gateway" as const, value: { gateway: id, alive, keepsNothing } });
  apply(city, { case: "snapshot", value: { gateways: [gateway(true), { gateway: "g2", alive: true, keepsNothing: true }] } });
  expect(said()).toMatch(/^Không lưu được những gì trạm g2 ghi nhận\. Hãy dọn đĩa của trạm/);
  apply(city, full("g1", true));
  expect(said()).toContain("trạm g1, g2 ghi nhận");
  apply(city, full("g2", true, false), full("g1", false));
  expect(said()).toBe("");
  apply(city, ...Array.from({ length: 7 }, (_, i) => full(`pole-${i}`, true)));
  expect(said()).toContain("pole-0, pole-1, pole-2, pole-3, pole-4 (+2)");
});

test("the stage is known where the controller tells it", () => {
  const city = new City();
  const junction = (id: string, stage?: number) => ({ gateway: "g1", info: { junction: id, link: Link.UP, groups: "1e" }, ...(stage === undefined ? {} : { stage }) });
  apply(city, { case: "junction", value: junction("j1", 2) }, { case: "junction", value: junction("j2") });
  expect([city.junctions.get("j1")?.stage, city.junctions.get("j2")?.stage]).toEqual([2, undefined]);
});

test("a bus in the Gulf of Guinea is not drawn", () => {
  const city = new City();
  apply(city, { case: "vehicle", value: fix(0, 0) }, { case: "vehicle", value: fix(Number.NaN, 105) }, { case: "vehicle", value: fix(21, 205) });
  expect(city.buses.size).toBe(0);
});

test("panels hear of many changes once", () => {
  const city = new City();
  const heard: string[] = [];
  city.subscribe((changed) => heard.push([...changed].sort().join(" ")));
  apply(city, { case: "camera", value: camera("c1") }, { case: "camera", value: camera("c2") }, { case: "vehicle", value: fix(21, 105) });
  city.flush();
  city.flush();
  expect(heard).toEqual(["buses cameras"]);
});

test("live events are bounded, newest first", () => {
  const city = new City();
  for (let seq = 0; seq < 700; seq++) apply(city, { case: "event", value: { gateway: "g", boot: 1n, event: { seq: BigInt(seq) } } });
  expect(city.events.length).toBe(500);
  expect(city.events[0]?.event?.seq).toBe(699n);
});

test.each([
  [10, 60_000, false],
  [10, 91_000, true],
  [0, 91_000, false],
  [0, 21 * 60_000, true],
])("a bus at %d m/s whose fix is %d ms old: stale %s", (speedMps, ageMs, want) => {
  expect(isStale({ fixMs: NOW - ageMs, speedMps }, NOW)).toBe(want);
});
