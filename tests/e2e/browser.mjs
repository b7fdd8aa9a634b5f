// What every browser test needs: one Chromium, people in contexts of their own, keys instead of a mouse, axe.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"];

export const URL = process.env.E2E_URL;
export const LINK = process.env.E2E_LINK;
export const PHONE = { width: 390, height: 844 };
export const DESKTOP = { width: 1280, height: 800 };

let browser;
let home;
const troubles = [];

export async function open() {
  home = mkdtempSync(join(tmpdir(), "secdesk-chromium-"));
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: FLAGS, env: { ...process.env, HOME: home } });
}

export async function close() {
  await browser.close();
  rmSync(home, { recursive: true, force: true });
}

// Problems the browser itself complained about: script errors, blocked scripts and styles, failed requests to us.
export const complaints = () => troubles.splice(0);

export async function someone(options = {}) {
  const context = await browser.newContext({ viewport: DESKTOP, reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  page.on("pageerror", (error) => troubles.push(String(error)));
  page.on("console", (message) => message.type() === "error" && troubles.push(`${page.url()}: ${message.text()}`));
  page.on("dialog", (dialog) => { troubles.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  return page;
}

export async function chatting(name, options) {
  const page = await someone(options);
  await page.goto(URL);
  await page.getByRole("button", { name }).click();
  await page.waitForURL(/\/chat/);
  return page;
}

export async function say(page, words) {
  const before = await page.locator(".msg.theirs").count();
  await page.getByRole("textbox", { name: "Write a message" }).fill(words);
  await page.keyboard.press("Enter");
  await answered(page, before);
}

export async function answered(page, before) {
  await page.waitForFunction((n) => document.querySelectorAll("#messages .msg.theirs").length > n, before);
}

export const last = (page) => page.locator("#messages .msg.theirs").last();

// Press Tab until something of this name has the focus. Fails after a whole round.
export async function tabTo(page, name, most = 80) {
  for (let step = 0; step < most; step += 1) {
    await page.keyboard.press("Tab");
    const found = await page.evaluate(() => {
      const held = document.activeElement;
      return held.getAttribute("aria-label") || held.labels?.[0]?.innerText || held.innerText || "";
    });
    if (name instanceof RegExp ? name.test(found) : found.trim().startsWith(name)) return;
  }
  assert.fail(`Tab never reaches ${name}`);
}

export async function axe(page, what) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  const found = violations.map((v) => `${v.id} (${v.impact}): ${v.nodes.map((n) => n.html.slice(0, 160)).join(" | ")}`);
  assert.deepEqual(found, [], what);
}

// WCAG 2.2, 1.4.10 and 2.5.8: nothing to scroll sideways, nothing too small to hit (links in text excepted).
export async function fits(page, what) {
  const width = await page.evaluate(() => document.scrollingElement.scrollWidth - window.innerWidth);
  assert.ok(width <= 0, `${what}: ${width} px too wide`);
  const small = await page.evaluate(() => [...document.querySelectorAll("button, input:not([type=hidden]), select, textarea, summary, nav a, .queue a")]
    .filter((item) => item.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && item.type !== "checkbox")
    .filter((item) => { const box = item.getBoundingClientRect(); return box.width < 24 || box.height < 24; })
    .map((item) => item.outerHTML.slice(0, 120)));
  assert.deepEqual(small, [], `${what}: smaller than 24 px`);
}

// A screenshot now and then finds the compositor not ready.
export async function picture(page, path, options = {}) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await page.screenshot({ path, ...options });
    } catch (error) {
      if (tries === 5) throw error;
      await page.waitForTimeout(300);
    }
  }
}
