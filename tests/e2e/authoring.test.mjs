// Writing answers: two people and a keyboard, the file on disk and the answer in the chat; then without a script, and every look.
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { DESKTOP, PHONE, URL, axe, chatting, close, complaints, fits, last, open, say, someone, tabTo } from "./browser.mjs";
import { signIn } from "./link.mjs";

const SKIP = { skip: process.env.E2E_FIXTURE ? "needs the whole program" : false };
const FILE = join(process.env.SECDESK_FOLDER ?? ".", "knowledge", "answers", "found-usb-stick.yaml");
const PAGE = `${URL}/console/knowledge/found-usb-stick`;
const FITTING = { timeout: 120_000 }; // the search is fitted to a draft

let sam;
let ines;

before(async () => {
  await open();
  if (SKIP.skip) return;
  sam = await signIn({}, "sam.ortiz");
  ines = await signIn({}, "ines.brandt");
});
after(close);

const field = (page, name) => page.locator(`[name="${name}"]`);

test("an answer is found in the list and opened, by keyboard", SKIP, async () => {
  await sam.goto(`${URL}/console/knowledge`);
  await tabTo(sam, "Words in the title");
  await sam.keyboard.type("usb");
  await sam.keyboard.press("Enter");
  await sam.waitForURL(/q=usb/);
  assert.equal(await sam.locator('td a[href^="/console/knowledge/"]').count(), 1);
  await tabTo(sam, /USB/);
  await sam.keyboard.press("Enter");
  await sam.waitForURL(PAGE);
  await tabTo(sam, "Edit");
  await sam.keyboard.press("Enter");
  await sam.waitForURL(`${PAGE}/edit`);
});

test("what people get is shown while somebody types, and what stands against it", SKIP, async () => {
  await tabTo(sam, "The answer, in plain words");
  await sam.keyboard.press("Control+a");
  await sam.keyboard.type("Leave it where it is!");
  for (const place of ["slack", "teams", "spoken"]) {
    await sam.locator(`#look figure.${place}`).first().getByText("Leave it where it is!").waitFor();
  }
  await sam.locator("#look").getByText("there is an exclamation mark").waitFor();
  assert.equal(await sam.evaluate(() => document.activeElement.name), "en.short");
});

test("a fault leads to its line of the file", SKIP, async () => {
  await sam.getByRole("button", { name: "File (YAML)" }).press("Enter");
  const link = sam.locator("#look [data-line]").first();
  const line = Number(await link.getAttribute("data-line"));
  assert.equal(await sam.locator(`.gutter #line-${line}`).getAttribute("class"), "bad");
  await link.press("Enter");
  assert.match(await sam.evaluate(() => getSelection().toString()), /short: "Leave it where it is!"/);
  await sam.keyboard.press("End");
  for (let i = 0; i < 2; i += 1) await sam.keyboard.press("ArrowLeft");
  await sam.keyboard.press("Shift+ArrowRight");
  await sam.keyboard.press("ArrowLeft");
  await sam.keyboard.press("Delete");
  await sam.keyboard.type(".");
  await sam.locator("#look").getByText("Nothing. It can be handed in.").waitFor();
  assert.equal(await sam.locator(".gutter .bad").count(), 0);
});

test("questions are tried, with the confidence shown", { ...SKIP, ...FITTING }, async () => {
  await sam.getByText("Try questions").press("Enter");
  await tabTo(sam, "Questions, one a line");
  await sam.keyboard.type("there is a stick lying in the car park");
  await sam.getByRole("button", { name: "Try them" }).press("Enter");
  const row = sam.locator("tr", { hasText: "car park" }).first();
  await row.waitFor(FITTING);
  assert.match(await row.innerText(), /\d+ %/);
  await sam.getByText("No golden question breaks").waitFor();
  await axe(sam, "tried");
});

test("it is saved, handed in, and nothing is live yet", { ...SKIP, ...FITTING }, async () => {
  await sam.getByRole("button", { name: "Save draft" }).press("Enter");
  await sam.getByRole("status").getByText("The draft of found-usb-stick is saved.").waitFor();
  await sam.getByRole("button", { name: "Hand in" }).press("Enter");
  await sam.getByText("waits for a second person now.").waitFor(FITTING);
  await sam.getByText("A second person has to approve this.").waitFor();
  assert.equal(await sam.getByRole("button", { name: "Approve and publish" }).count(), 0);
  assert.equal(existsSync(FILE), false);
});

test("a second person sees the difference, approves it, and people get it", { ...SKIP, ...FITTING }, async () => {
  await ines.goto(`${URL}/console/knowledge?state=waiting`);
  await tabTo(ines, /USB/);
  await ines.keyboard.press("Enter");
  await ines.locator(".diff .new", { hasText: "Leave it where it is." }).first().waitFor();
  await axe(ines, "change that waits");
  await ines.getByRole("button", { name: "Approve and publish" }).press("Enter", FITTING);
  await ines.getByText("found-usb-stick is published.").waitFor(FITTING);
  assert.match(readFileSync(FILE, "utf8"), /short: "Leave it where it is\."/);
  assert.match(readFileSync(FILE, "utf8"), /approved_by: "?ines-brandt"?/);
  const dana = await chatting(/Dana Reyes/);
  await say(dana, "I found a USB stick. May I plug it in?");
  await last(dana).getByText("Leave it where it is.").waitFor();
  await dana.context().close();
});

test("a golden question that finds another answer is refused with the reason", { ...SKIP, ...FITTING }, async () => {
  await sam.goto(`${PAGE}/edit`);
  await field(sam, "en.golden").press("Control+End");
  await sam.keyboard.type("\nis the free hotel wifi safe for work mail");
  await sam.getByRole("button", { name: "Hand in" }).press("Enter", FITTING);
  await sam.locator(".against").getByText(/does not find this entry: "[a-z-]+" comes first now/).waitFor(FITTING);
  assert.match(await field(sam, "en.golden").inputValue(), /hotel wifi/); // nothing is lost
  assert.equal(await field(sam, "en.golden").getAttribute("aria-invalid"), "true");
  complaints(); // the 409 of that page
});

test("the last change is taken back", { ...SKIP, ...FITTING }, async () => {
  await sam.goto(PAGE);
  await sam.getByText("Take the last change back").press("Enter");
  await sam.getByRole("button", { name: "Take it back" }).press("Enter", FITTING);
  await sam.getByText("The last change to found-usb-stick is taken back.").waitFor(FITTING);
  assert.equal(existsSync(FILE), false); // what ships is in use again
  assert.equal(await sam.locator(".timeline li").count(), 2);
});

test("a newer file on disk is never overwritten", { ...SKIP, ...FITTING }, async () => {
  await sam.goto(`${PAGE}/edit`);
  await field(sam, "en.short").fill("Give it to the help desk.");
  const shipped = readFileSync(new globalThis.URL("../../knowledge/answers/found-usb-stick.yaml", import.meta.url), "utf8");
  writeFileSync(FILE, `# by hand\n${shipped}`);
  await sam.getByRole("button", { name: "Save draft" }).press("Enter");
  await sam.getByRole("alert").getByText("changed on disk").first().waitFor();
  assert.equal(await field(sam, "en.short").inputValue(), "Give it to the help desk.");
  await sam.getByRole("button", { name: "Go on from the new file" }).press("Enter");
  await sam.getByRole("button", { name: "Save draft" }).press("Enter");
  await sam.getByRole("status").getByText("is saved.").waitFor();
  assert.match(readFileSync(FILE, "utf8"), /^# by hand/);
  complaints(); // the 409 of that page
});

test("all of it works without a script", { ...SKIP, ...FITTING }, async () => {
  const page = await someone({ javaScriptEnabled: false, viewport: PHONE, storageState: await sam.context().storageState() });
  await page.goto(`${PAGE}/edit`);
  await field(page, "en.short").fill("Hand it in at reception!");
  await page.getByRole("button", { name: "Preview" }).click();
  await page.locator("#look figure.slack").first().getByText("Hand it in at reception!").waitFor();
  await page.locator("#look").getByText("there is an exclamation mark").waitFor();
  await field(page, "en.short").fill("Hand it in at reception.");
  await page.getByRole("button", { name: "File (YAML)" }).click();
  await page.getByRole("button", { name: "Hand in" }).click();
  await page.getByText("waits for a second person now.").waitFor(FITTING);
  await page.getByText("Throw it away").first().click();
  await page.getByRole("button", { name: "Throw it away" }).click();
  await page.getByText("is thrown away").waitFor();
  await page.goto(`${URL}/console/knowledge/new?question=who+cleans+the+fridge`);
  assert.equal(await field(page, "en.title").inputValue(), "who cleans the fridge");
  await page.goto(`${PAGE}/edit?paraphrase=a+stick+in+the+lift`);
  assert.match(await field(page, "en.questions").inputValue(), /a stick in the lift$/);
  await page.context().close();
});

const SIZES = { desktop: DESKTOP, phone: PHONE, narrow: { width: 320, height: 568 } };
for (const colorScheme of ["light", "dark"]) {
  for (const [size, viewport] of Object.entries(SIZES)) {
    test(`pages for authors, ${size}, ${colorScheme}`, SKIP, async () => {
      const page = await someone({ colorScheme, viewport, storageState: await sam.context().storageState() });
      await page.goto(PAGE);
      const change = await page.locator(".timeline a").first().getAttribute("href");
      for (const path of ["/console/knowledge", PAGE.slice(URL.length), `${PAGE.slice(URL.length)}/edit`, "/console/knowledge/new", change]) {
        await page.goto(URL + path);
        await page.evaluate(() => document.querySelectorAll("details").forEach((part) => { part.open = true; }));
        await axe(page, path);
        await fits(page, path);
      }
      await page.goto(`${PAGE}/edit`);
      await page.getByRole("button", { name: "File (YAML)" }).click();
      await page.locator("#text").waitFor();
      await axe(page, "the file");
      await fits(page, "the file");
      await page.context().close();
    });
  }
}

test("text at twice its size still fits", SKIP, async () => {
  const page = await someone({ viewport: { width: 640, height: 800 }, storageState: await sam.context().storageState() });
  for (const path of ["/console/knowledge", PAGE.slice(URL.length), `${PAGE.slice(URL.length)}/edit`]) {
    await page.goto(URL + path);
    await page.evaluate(() => { document.documentElement.style.fontSize = "200%"; });
    await fits(page, `${path} at 200 %`);
  }
  await page.context().close();
});

test("the browser has nothing to complain of", SKIP, () => {
  assert.deepEqual(complaints(), []);
});
