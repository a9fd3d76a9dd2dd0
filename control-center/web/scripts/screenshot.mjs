#!/usr/bin/env node
// Signs in to a running hall and takes a picture of its page once map and wall have drawn.
//   node control-center/web/scripts/screenshot.mjs --url https://127.0.0.1:8443 --password P --out page.png
//     [--name admin] [--size 1920x1080] [--language vi|en] [--wait 6] [--open-event] [--blur]
// --blur makes the camera pictures unreadable, for a picture that leaves the hall.
// The hall's certificate may be its own. Exits 1 and says why when the page does not come up.
import { parseArgs } from "node:util";

import { chromium } from "playwright-core";

const { values: arg } = parseArgs({
  options: {
    url: { type: "string" },
    password: { type: "string" },
    out: { type: "string" },
    name: { type: "string", default: "admin" },
    size: { type: "string", default: "1920x1080" },
    language: { type: "string", default: "vi" },
    wait: { type: "string", default: "6" },
    "open-event": { type: "boolean", default: false },
    blur: { type: "boolean", default: false },
  },
});
if (!arg.url || !arg.password || !arg.out) {
  console.error("usage: screenshot.mjs --url URL --password P --out FILE [--name N] [--size WxH] [--language vi|en] [--wait S] [--open-event] [--blur]");
  process.exit(2);
}
const [width = 1920, height = 1080] = arg.size.split("x").map(Number);

const browser = await chromium.launch({
  executablePath: process.env.NGATU_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run"],
});
try {
  const context = await browser.newContext({ viewport: { width, height }, ignoreHTTPSErrors: true });
  const page = await context.newPage();
  page.on("console", (m) => ["error", "warning"].includes(m.type()) && console.error(`page: ${m.text()}`));
  page.on("pageerror", (e) => console.error(`page: ${e}`));
  await page.addInitScript((language) => localStorage.setItem("ngatu.language", language), arg.language);
  await page.goto(arg.url);
  await page.fill("input[name=name]", arg.name);
  await page.fill("input[name=password]", arg.password);
  await page.click("button[type=submit]");
  await Promise.race([
    page.waitForSelector(".pill.live", { timeout: 30_000 }),
    page.waitForSelector(".sign-in [role=alert]:not(:empty)", { timeout: 30_000 }).then(async (alert) => {
      throw new Error(`the hall refused: ${await alert.innerText()}`);
    }),
  ]);
  await page.waitForSelector(".map .maplibregl-canvas", { timeout: 60_000 });
  // A map on which buses glide is never idle for long; a slow machine may not see the moment.
  await page.waitForSelector(".map[data-idle]", { state: "attached", timeout: 10_000 }).catch(() => {});
  await page.waitForTimeout(Number(arg.wait) * 1000);
  if (arg["open-event"]) {
    await page.click(".rows li:has(.eye:not(:empty)) button");
    await page.waitForSelector(".still canvas:not([hidden])", { timeout: 20_000 }).catch(() => console.error("the event's picture did not come"));
    await page.waitForTimeout(500);
  }
  if (arg.blur) await page.addStyleTag({ content: ".tile canvas, .still canvas { filter: blur(7px) }" });
  await page.screenshot({ path: arg.out });
  console.log(`wrote ${arg.out}`);
} catch (error) {
  console.error(`taking a picture of ${arg.url}: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
