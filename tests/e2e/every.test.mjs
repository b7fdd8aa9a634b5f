// Every page there is, taken from the application's routes: axe, reflow at 320 px, text at twice its size, accessibility tree.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { DESKTOP, axe, close, complaints, fits, open } from "./browser.mjs";
import { PAGES, administrator, unfolded } from "./still.mjs";
import { outline } from "./tree.mjs";

const TREES = new globalThis.URL("trees/", import.meta.url);
const WRITE = process.env.E2E_TREES === "write";
const NARROW = { width: 320, height: 568 };

before(open);
after(close);

// First of all: who looked at what is on one of the pages.
test("the accessibility tree of every page is the one that was looked at", async () => {
  if (WRITE) {
    rmSync(TREES, { recursive: true, force: true });
    mkdirSync(TREES);
  }
  const page = await administrator();
  const wrong = [];
  for (const { name, address } of PAGES) {
    await unfolded(page, address);
    const framed = (await page.locator("nav.pages").count()) > 0 && name !== "console-queue"; // the frame is the same on all
    const now = outline(await page.locator(framed ? "main" : "body").ariaSnapshot());
    const file = new globalThis.URL(`${name}.txt`, TREES);
    if (WRITE) writeFileSync(file, now);
    else if (!existsSync(file)) wrong.push(`${name}: never looked at`);
    else if (readFileSync(file, "utf8") !== now) wrong.push(`${name}: ${difference(readFileSync(file, "utf8"), now)}`);
  }
  await page.context().close();
  const kept = readdirSync(TREES).sort();
  assert.deepEqual(wrong, [], "look at what changed; if it is meant: python -m tests.e2e.run --trees");
  assert.deepEqual(kept, PAGES.map(({ name }) => `${name}.txt`).sort());
});

function difference(before, now) {
  const old = before.split("\n");
  const lines = now.split("\n");
  const at = lines.findIndex((line, i) => line !== old[i]);
  return `line ${at + 1} was "${old[at]}" and is "${lines[at]}"`;
}

async function everywhere(options, check) {
  const page = await administrator(options);
  const wrong = [];
  for (const { name, address } of PAGES) {
    await unfolded(page, address);
    try {
      await check(page, name);
    } catch (error) {
      if (error.code !== "ERR_ASSERTION") throw error;
      wrong.push(error.message);
    }
  }
  await page.context().close();
  assert.deepEqual(wrong, []);
}

const LOOKS = [["desktop", DESKTOP, "light"], ["320 px", NARROW, "dark"]];
for (const [size, viewport, colorScheme] of LOOKS) {
  test(`every page, ${size}, ${colorScheme}`, () => everywhere({ viewport, colorScheme }, async (page, name) => {
    await axe(page, name);
    await fits(page, name);
  }));
}

test("text at twice its size still fits", () => everywhere({ viewport: { width: 640, height: 800 } }, async (page, name) => {
  await page.evaluate(() => { document.documentElement.style.fontSize = "200%"; });
  await fits(page, `${name} at 200 %`);
}));

test("a tree says what is there, once, without what changes", () => {
  const tree = ['- main:', '  - heading "Queue at 10:05 on 3 Dec" [level=1]', '  - list:', '    - listitem:', '      - link "SEC-101":',
    '        - /url: /x', '        - text: Words', '    - listitem:', '      - link "SEC-102":', '        - /url: /y'].join("\n");
  assert.equal(outline(tree), 'main\n  heading "Queue at # on #" [level=1]\n  list\n    listitem ×\n      link "SEC-#"\n');
  assert.notEqual(outline(tree.replace("link", "button")), outline(tree));
});

test("the browser has nothing to complain of but the pages that say what is wrong", () => {
  assert.deepEqual(complaints().filter((one) => !/sign-in\?token=used/.test(one)), []);
});
