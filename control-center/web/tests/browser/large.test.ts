// The city at its full size: the page opens and stays quick with every camera of Hanoi and a thousand buses on the move.
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { LAPTOP, launch } from "./browser";
import { snapshot } from "./city";
import { FixtureHall, PASSWORD } from "./fixture";
import { openPage } from "./steps";

const CAMERAS = 17_000;
const BUSES = 1_000;
const hall = new FixtureHall();
let browser: Browser;

const place = (i: number) => ({ lat: 20.95 + ((i * 7919) % 1_500) / 10_000, lon: 105.75 + ((i * 104_729) % 1_800) / 10_000 });
const bus = (i: number, step: number) => {
  const { lat, lon } = place(i);
  return { gateway: "g0", fix: { vehicle: `b${i}`, fixMs: BigInt(Date.now()), lat: lat + step * 0.0005, lon, speedMps: 8, courseDeg: 0, valid: true } };
};

beforeAll(async () => {
  hall.snapshot = () => {
    const small = snapshot();
    const template = small.cameras[0]!;
    return {
      ...small,
      cameras: Array.from({ length: CAMERAS }, (_, i) => ({ ...template, info: { ...template.info, camera: `c${i}`, name: `Camera ${i}`, position: place(i) } })),
      vehicles: Array.from({ length: BUSES }, (_, i) => bus(i, 0)),
    };
  };
  await hall.start();
  browser = await launch();
});
afterAll(async () => {
  await browser.close();
  await hall.stop();
});

test("17,000 cameras and 1,000 buses", async () => {
  const page = await openPage(browser, hall.url, PASSWORD, { viewport: LAPTOP });
  await page.waitForFunction(() => document.querySelector(".totals .total b")?.textContent === "17.000/17.000", undefined, { timeout: 30_000 });
  for (let i = 0; i < BUSES; i++) hall.send({ case: "vehicle", value: bus(i, 1) });
  // The page answers while all of them glide.
  const started = Date.now();
  await page.fill(".find input", "camera 16999");
  await page.waitForSelector(".find li button");
  expect(await page.locator(".find li button").first().innerText()).toContain("Camera 16999");
  console.log(`found among ${CAMERAS} in ${Date.now() - started} ms`);
});
