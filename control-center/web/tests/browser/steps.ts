// What tests of the page do again and again.
import type { Browser, Page } from "playwright-core";

interface Opened {
  viewport: { width: number; height: number };
  language?: "vi" | "en";
  /** Called on the sign-in page before anything is typed. */
  before?: (page: Page) => Promise<void>;
}

/** A signed-in page that shows the city. */
export async function openPage(browser: Browser, url: string, password: string, { viewport, language = "vi", before }: Opened): Promise<Page> {
  const context = await browser.newContext({ viewport, ignoreHTTPSErrors: true });
  const page = await context.newPage();
  if (language === "en") await page.addInitScript(() => localStorage.setItem("ngatu.language", "en"));
  await page.goto(url);
  await page.waitForSelector("input[name=name]");
  await before?.(page);
  await page.fill("input[name=name]", "admin");
  await page.fill("input[name=password]", password);
  await page.click("button[type=submit]");
  await page.waitForSelector(".pill.live", { timeout: 20_000 });
  return page;
}

/** Waits until the map has drawn all it has. */
export async function settled(page: Page): Promise<void> {
  await page.waitForSelector(".map[data-idle]", { timeout: 30_000, state: "attached" });
}

/** A drawn street scene as JPEG; no picture of people is in the repository. */
export async function drawJpeg(browser: Browser): Promise<Uint8Array> {
  const page = await browser.newPage();
  const text = await page.evaluate(() => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [1280, 720];
    const g = canvas.getContext("2d")!;
    const fill = (colour: string, x: number, y: number, w: number, h: number) => {
      g.fillStyle = colour;
      g.fillRect(x, y, w, h);
    };
    fill("#8fa5b5", 0, 0, 1280, 260);
    fill("#5d6468", 0, 260, 1280, 460);
    for (let i = 0; i < 9; i++) fill(["#77695c", "#8a7f6d", "#6a7078"][i % 3]!, i * 150 - 20, 90 + (i % 4) * 25, 130, 220);
    for (let i = 0; i < 8; i++) fill("#dcdcd2", i * 180, 520, 90, 12);
    fill("#8c1f1f", 420, 330, 220, 110);
    fill("#22313d", 455, 305, 140, 60);
    fill("#2b4a7a", 770, 450, 50, 80);
    fill("#3a2d22", 140, 410, 30, 110);
    return canvas.toDataURL("image/jpeg", 0.8);
  });
  await page.close();
  return Uint8Array.from(Buffer.from(text.split(",")[1] ?? "", "base64"));
}
