// The way in: plain words for everything that can go wrong, and nothing of the page before it.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";

import { axe, LAPTOP, launch } from "./browser";
import { snapshot } from "./city";
import { FixtureHall, PASSWORD } from "./fixture";

const DIST = join(import.meta.dirname, "../../dist");
const hall = new FixtureHall();
hall.snapshot = snapshot;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());
beforeEach(async () => {
  hall.tooMany = false;
  await hall.start();
  page = await (await browser.newContext({ viewport: LAPTOP })).newPage();
  await page.goto(hall.url);
  await page.waitForURL(/\/sign-in/);
});
afterEach(async () => {
  await page.context().close();
  await hall.stop();
});

async function signIn(name: string, password: string): Promise<void> {
  await page.fill("input[name=name]", name);
  await page.fill("input[name=password]", password);
  await page.keyboard.press("Enter");
}
const says = (words: string) => page.waitForFunction((want) => document.querySelector("[role=alert]")?.textContent === want, words);

test("everything that can go wrong, in words", async () => {
  await signIn("", "");
  await says("Hãy nhập tên và mật khẩu.");
  await signIn("admin", "sai");
  await says("Tên hoặc mật khẩu không đúng.");
  hall.tooMany = true;
  await signIn("admin", "sai");
  await says("Nhập sai quá nhiều lần. Hãy đợi một phút rồi thử lại.");
  await hall.stop();
  await signIn("admin", PASSWORD);
  await says("Không kết nối được với trung tâm. Kiểm tra mạng rồi thử lại.");
  await hall.start();
  hall.tooMany = false;
  await page.click(".language button:text-is('EN')");
  await page.waitForSelector("button[type=submit]:text-is('Sign in')");
  await signIn("admin", "wrong");
  await says("The name or the password is wrong.");
  await signIn("admin", PASSWORD);
  await page.waitForSelector(".pill.live");
});

test("no serious barrier", async () => {
  expect(await axe(page)).toEqual([]);
});

test("the sign-in page loads only files that are named as open", async () => {
  const asked: string[] = [];
  page.on("response", (r) => asked.push(`${r.status()} ${new URL(r.url()).pathname}`));
  await page.reload({ waitUntil: "networkidle" });
  expect(asked.length).toBeGreaterThan(4);
  for (const answer of asked) expect(answer).toMatch(/^200 \/(sign-in|assets\/(sign-in|shared)-.*)$/);
});

test("open files name no file that is guarded, and hold none of the page", async () => {
  const files = await readdir(join(DIST, "assets"));
  const guarded = files.filter((f) => !/^(sign-in|shared)-/.test(f));
  expect(guarded.some((f) => f.startsWith("page-"))).toBe(true);
  for (const file of files.filter((f) => /^(sign-in|shared)-.*\.(js|css)$/.test(f))) {
    const text = await readFile(join(DIST, "assets", file), "utf8");
    for (const name of guarded) expect(text.includes(name), `${file} names ${name}`).toBe(false);
    expect(text.includes("Trần Khánh Dư"), `${file} holds the map`).toBe(false);
  }
});
