// Signing in to the console as a person does, in a headless Chromium.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { chromium } from "playwright-core";

const { E2E_URL: desk, E2E_ISSUER: issuer, E2E_GROUPS: groups, CHROMIUM: executablePath, E2E_PICTURES: pictures } = process.env;
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
after(() => browser.close());

const say = (what) => writeFileSync(groups, JSON.stringify(what));

async function fresh() {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 } });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const broken = [];
  page.on("console", (message) => message.text().includes("Content Security Policy") && message.location().url.startsWith(desk) && broken.push(message.text()));
  return { context, page, broken };
}

async function atProvider(page, login) {
  await page.getByRole("link", { name: "Sign in with Northwind ID" }).click();
  await page.waitForURL(`${issuer}/interaction/**`);
  if (await page.locator("input[name=login]").count()) {
    await page.fill("input[name=login]", login);
    await page.fill("input[name=password]", "anything");
    await page.click("button[type=submit]");
  }
  await page.waitForSelector("button[type=submit]");
  await page.click("button[type=submit]"); // what the console may know
  await page.waitForURL(`${desk}/**`);
}

async function signIn(page, login, target = "/console/queue") {
  await page.goto(desk + target);
  await atProvider(page, login);
  await page.waitForURL(desk + target);
}

test("from a page of the console to the provider and back to that page", async () => {
  say({ sam: ["analysts"] });
  const { context, page, broken } = await fresh();
  await page.goto(`${desk}/console/queue?mine=1`);
  await page.screenshot({ path: `${pictures}/sign-in.png` });
  await atProvider(page, "sam");
  await page.waitForURL(`${desk}/console/queue?mine=1`); // by the refresh of a page of ours
  assert.match(await page.textContent("header"), /Sam Ortiz/);
  const cookie = (await context.cookies(`${desk}/console`)).find((item) => item.name === "secdesk_console");
  assert.deepEqual([cookie.httpOnly, cookie.sameSite, cookie.path], [true, "Strict", "/console"]);
  assert.equal((await page.goto(`${desk}/console/codes`)).status(), 200);
  assert.equal((await page.goto(`${desk}/console/knowledge/new`)).status(), 403);
  assert.deepEqual(broken, []);
  await context.close();
});

test("somebody of no directory looks, and changes nothing", async () => {
  say({ vera: ["auditors", "everybody"] });
  const { context, page } = await fresh();
  await signIn(page, "vera");
  assert.match(await page.textContent("header"), /Vera <b>Audit<\/b>/);
  assert.equal((await page.goto(`${desk}/console/codes`)).status(), 403);
  await page.screenshot({ path: `${pictures}/not-yours.png` });
  assert.equal((await page.goto(`${desk}/console/access`)).status(), 200);
  await page.screenshot({ path: `${pictures}/access.png`, fullPage: true });
  await context.close();
});

test("roles are read anew at the next sign-in", async () => {
  say({ sam: ["auditors"] }); // an analyst before
  const { context, page } = await fresh();
  await signIn(page, "sam");
  assert.equal((await page.goto(`${desk}/console/codes`)).status(), 403);
  await context.close();
});

test("whoever has no group is told so", async () => {
  say({});
  const { context, page } = await fresh();
  await page.goto(`${desk}/console/queue`);
  await atProvider(page, "dana");
  assert.match(await page.textContent("main"), /nothing gives you a role/);
  await page.screenshot({ path: `${pictures}/nobody.png` });
  await context.close();
});

test("breaking off at the provider is no fault", async () => {
  const { context, page } = await fresh();
  await page.goto(`${desk}/console/queue`);
  await page.getByRole("link", { name: "Sign in with Northwind ID" }).click();
  await page.getByRole("link", { name: /cancel/i }).click();
  await page.waitForURL(`${desk}/console/sign-in/back**`);
  assert.match(await page.textContent("main"), /broken off/);
  assert.equal(await page.getByRole("link", { name: "Sign in with Northwind ID" }).count(), 1);
  await context.close();
});

test("an answer that was meant for another browser opens nothing", async () => {
  say({ sam: ["analysts"] });
  const thief = await fresh();
  const victim = await fresh();
  await signIn(thief.page, "sam");
  const hop = async (url) => (await thief.context.request.get(url, { maxRedirects: 0 })).headers().location;
  const stolen = await hop(await hop(`${desk}/console/sign-in/start`));
  assert.match(stolen, /code=/);
  await victim.page.goto(stolen);
  assert.match(await victim.page.textContent("main"), /another browser/);
  assert.deepEqual((await victim.context.cookies()).map((item) => item.name), []);
  await thief.context.close();
  await victim.context.close();
});

test("signing out leads to the provider, and back to a page that says so", async () => {
  say({ sam: ["analysts"] });
  const { context, page } = await fresh();
  await signIn(page, "sam");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(`${issuer}/session/end**`);
  await page.getByRole("button", { name: /yes/i }).click();
  await page.waitForURL(`${desk}/console/sign-in/out`);
  assert.match(await page.textContent("main"), /You are signed out/);
  await page.goto(`${desk}/console/queue`);
  assert.match(page.url(), /sign-in/);
  await context.close();
});

test("signing out at the provider ends the session here", async () => {
  say({ sam: ["analysts"] });
  const { context, page } = await fresh();
  const other = await fresh();
  await signIn(page, "sam");
  await signIn(other.page, "sam");
  await page.goto(`${issuer}/session/end`);
  await page.getByRole("button", { name: /yes/i }).click();
  await page.waitForLoadState();
  for (let left = 40; left; left -= 1) {
    await page.goto(`${desk}/console/queue`);
    if (page.url().includes("sign-in")) break;
    await new Promise((done) => setTimeout(done, 100));
  }
  assert.match(page.url(), /sign-in/);
  await other.page.goto(`${desk}/console/queue`);
  assert.equal(other.page.url(), `${desk}/console/queue`); // another sign-in of the same person
  await context.close();
  await other.context.close();
});
