#!/usr/bin/env node
// The page of a running city, as an operator meets it, in a real browser.
//   node tests/end_to_end/page.mjs URL PASSWORD [PICTURE.png]
// Exits 1 and names the first thing that is not so. Playwright comes from the page's own packages.
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const require = createRequire(fileURLToPath(new URL("../../control-center/web/package.json", import.meta.url)));
const { chromium } = require("playwright-core");

const [url, password, picture] = process.argv.slice(2);
if (!url || !password) {
  console.error("usage: page.mjs URL PASSWORD [PICTURE.png]");
  process.exit(2);
}
const WAIT = { timeout: 90_000 };

/** Names what is being waited for: the error says it, whatever the selector was. */
async function step(what, promise) {
  try {
    const value = await promise;
    console.log(`ok  ${what}`);
    return value;
  } catch (error) {
    throw new Error(`${what}: ${error instanceof Error ? error.message.split("\n")[0] : error}`);
  }
}

const browser = await chromium.launch({
  executablePath: process.env.NGATU_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run"],
});
try {
  const context = await browser.newContext({ viewport: { width: 1920, height: 1080 }, ignoreHTTPSErrors: true });
  const page = await context.newPage();
  const broken = [];
  page.on("pageerror", (error) => broken.push(`${error}`));
  await page.goto(url);
  await step("without a session one is sent to the sign-in page", page.waitForURL("**/sign-in*", WAIT));
  const signIn = async (word) => {
    await page.fill("input[name=name]", "admin");
    await page.fill("input[name=password]", word);
    await page.click("button[type=submit]");
  };
  await signIn("not the password");
  await step("a wrong password is refused in words", page.waitForSelector("[role=alert]:not(:empty)", WAIT));
  await signIn(password);
  await step("the page is connected to the hall", page.waitForSelector(".pill.live", WAIT));
  const total = (index, wanted) =>
    page.waitForFunction(([i, w]) => new RegExp(w).test(document.querySelectorAll(".totals .total b")[i]?.textContent ?? ""), [index, wanted], WAIT);
  await step("three cameras or more of four are up", total(0, "^[34]/4$"));
  await step("four junctions are up", total(1, "^4/4$"));
  await step("twenty buses are on the road", total(2, "^20(/20)?$"));
  await step("the map is drawn", page.waitForSelector(".map .maplibregl-canvas", WAIT));
  const live = (count) =>
    page.waitForFunction((n) => document.querySelectorAll(".tile:not(.troubled)").length >= n, count, WAIT);
  await step("three cameras or more are live on the wall", live(3));
  const seen = (count) => page.waitForFunction((n) => document.querySelectorAll(".rows li").length >= n, count, WAIT);
  await step("events come in", seen(3));
  // Where the machine is behind, the cameras with rules are looked at in turns.
  await step("an event has a still", page.click(".rows li:has(.eye:not(:empty)) button", { timeout: 240_000 }));
  await step("the still opens", page.waitForSelector(".still canvas:not([hidden])", WAIT));
  if (picture) await page.screenshot({ path: picture });
  await page.keyboard.press("Escape");
  if (broken.length > 0) throw new Error(`the page threw: ${broken.join("; ")}`);
} catch (error) {
  console.error(`the page of ${url}: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
