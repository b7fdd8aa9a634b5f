// One conversation from both sides: a person in the chat, an analyst in the console, with the keyboard alone.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { LINK, URL, axe, chatting, close, complaints, last, open, say, someone, tabTo } from "./browser.mjs";

let dana;
let sam;
let number;

before(open);
after(close);

test("somebody is chosen, asks and gets an answer, by keyboard", async () => {
  dana = await someone();
  await dana.goto(URL);
  await tabTo(dana, "Skip to the content", 1);
  await tabTo(dana, /Dana Reyes/);
  await dana.keyboard.press("Enter");
  await dana.waitForURL(/\/chat/);
  await tabTo(dana, "Write a message");
  await dana.keyboard.type("Is this email real?");
  await dana.keyboard.press("Enter");
  await last(dana).getByRole("button").first().waitFor();
  assert.equal(await dana.locator(".msg.mine .bubble").last().innerText(), "Is this email real?");
  assert.equal(await dana.evaluate(() => document.activeElement.id), "text");
});

test("a person is asked for, and a ticket is made", async () => {
  await tabTo(dana, "Talk to a person");
  await dana.keyboard.press("Enter");
  await last(dana).getByText(/SEC-\d+/).first().waitFor();
  number = (await last(dana).innerText()).match(/SEC-\d+/)[0];
  assert.equal(await dana.locator(".msg.mine .bubble").last().innerText(), "Talk to a person");
});

test("the one-time link signs in by keyboard", async () => {
  sam = await someone();
  await sam.goto(LINK);
  await tabTo(sam, "Sign in");
  await sam.keyboard.press("Enter");
  await sam.waitForURL(/\/console\/queue/);
});

test("used again it says how to get another", async () => {
  const other = await someone();
  await other.goto(LINK);
  await other.getByText("has been used").waitFor();
  await other.getByText("secdesk console-link").waitFor();
  await axe(other, "used link");
  await other.context().close();
  complaints(); // the 410 of that page
});

test("the queue is walked with j and k and opened with Enter", async () => {
  const rows = sam.locator(".queue a");
  await rows.first().waitFor();
  await sam.keyboard.press("j");
  assert.equal(await sam.evaluate(() => document.activeElement.id), await rows.first().getAttribute("id"));
  await sam.keyboard.press("j");
  await sam.keyboard.press("k");
  assert.equal(await sam.evaluate(() => document.activeElement.id), await rows.first().getAttribute("id"));
  await sam.keyboard.press("?");
  assert.equal(await sam.locator("#keys").getAttribute("open"), "");
  await sam.keyboard.press("?");
  while ((await sam.evaluate(() => document.activeElement.id)) !== `row-${number}`) await sam.keyboard.press("j");
  await sam.keyboard.press("Enter");
  await sam.waitForURL(new RegExp(`/console/tickets/${number}`));
});

test("single keys can be switched off", async () => {
  const page = await sam.context().newPage();
  await page.goto(`${URL}/console/queue`);
  await page.getByText("Keyboard shortcuts").click();
  await page.getByLabel("Single keys on").uncheck();
  await page.locator("h1").click();
  await page.keyboard.press("j");
  assert.equal(await page.evaluate(() => document.activeElement.closest(".queue")), null);
  await page.reload();
  await page.getByText("Keyboard shortcuts").click();
  assert.equal(await page.getByLabel("Single keys on").isChecked(), false);
  await page.getByLabel("Single keys on").check();
  await page.close();
});

test("the ticket is claimed, and the person reads it without a reload", async () => {
  await tabTo(sam, "Claim");
  await sam.keyboard.press("Enter");
  await sam.getByRole("status").getByText(`${number} is yours.`).waitFor();
  await last(dana).getByText(/has your ticket/).waitFor({ timeout: 20_000 });
});

test("a reply reaches the person, a note does not", async () => {
  await tabTo(sam, /^Your reply to/);
  await sam.keyboard.type("Please forward it to us as a file.");
  await tabTo(sam, /^Send to/);
  await sam.keyboard.press("Enter");
  await last(dana).getByText("Please forward it to us as a file.").waitFor({ timeout: 20_000 });
  await tabTo(sam, "Internal note");
  await sam.keyboard.press("Enter");
  await tabTo(sam, "A note for the desk");
  await sam.keyboard.type("Looks harmless.");
  await tabTo(sam, "Keep the note");
  await sam.keyboard.press("Enter");
  await sam.locator(".timeline .note").getByText("Looks harmless.").waitFor();
  await axe(sam, "ticket with reply and note");
});

test("the person answers in the chat and it is on the ticket", async () => {
  await say(dana, "It is attached to the second mail");
  await sam.reload();
  await sam.locator(".timeline .theirs").getByText("It is attached to the second mail").waitFor();
});

test("what the person sees is theirs alone", async () => {
  await tabTo(sam, "What the person sees");
  await sam.keyboard.press("Enter");
  await sam.locator(".preview").getByText("Please forward it to us as a file.").waitFor();
  assert.equal(await sam.locator(".preview").getByText("Looks harmless.").count(), 0);
});

test("it is closed, and the person can open it again", async () => {
  await tabTo(sam, /^Close/);
  await sam.keyboard.press("Enter");
  await tabTo(sam, "Close the ticket");
  await sam.keyboard.press("Enter");
  await sam.getByRole("status").getByText(`${number} is closed`).waitFor();
  await last(dana).getByText(/is closed/).waitFor({ timeout: 20_000 });
  await last(dana).getByRole("button", { name: "Not solved" }).press("Enter");
  await last(dana).getByText(/is open again/).waitFor();
  await sam.goto(`${URL}/console/tickets/${number}`);
  await sam.locator(".state").getByText(/Claimed|Waiting/).waitFor();
});

test("an emergency is answered at once and calls the desk", async () => {
  const tom = await chatting(/Tom Whitaker/);
  await say(tom, "i clicked a link and typed my password");
  const card = last(tom).locator(".tone-emergency");
  await card.getByText("Emergency", { exact: true }).waitFor();
  assert.equal(await card.locator('a[href^="tel:"]').count() > 0, true);
  const button = card.getByRole("button").first();
  const label = await button.innerText();
  await button.press("Enter");
  await tom.locator("#messages").locator(".pressed, .chosen", { hasText: label }).waitFor();
  assert.equal(await tom.locator(".msg.mine .bubble").last().innerText(), label);
  await tom.context().close();
});

const held = () => sam.evaluate(() => document.activeElement.id);
const TAKEN = { timeout: 20_000 };

async function asks(name) {
  const page = await chatting(name);
  await page.getByRole("button", { name: "Talk to a person" }).first().click();
  await last(page).getByText(/SEC-\d+/).first().waitFor();
  const made = (await last(page).innerText()).match(/SEC-\d+/)[0];
  await page.context().close();
  return made;
}

test("the list of keys is on every page, with a script and without", async () => {
  await sam.goto(`${URL}/console/health`);
  await sam.keyboard.press("?");
  await sam.locator("#keys").getByText("give it to somebody").waitFor();
  await sam.keyboard.press("/");
  assert.equal(await sam.evaluate(() => document.activeElement.name), "q");
  await sam.locator("h1").click();
  await sam.keyboard.press("q");
  await sam.waitForURL(/\/console\/queue/);
  const bare = await someone({ javaScriptEnabled: false, storageState: await sam.context().storageState() });
  await bare.goto(`${URL}/console/metrics`);
  await bare.getByText("Keyboard shortcuts").click();
  await bare.getByText("give it to somebody").waitFor();
  await bare.context().close();
});

test("a ticket is sorted by single keys, from the queue and on its page", async () => {
  const made = await asks(/Ama Mensah/);
  const opened = () => sam.waitForURL(new RegExp(`/console/tickets/${made}`));
  for (const [key, id] of [["r", "reply"], ["n", "note"], ["e", "severity"], ["a", "s-assign"], ["s", "s-wait"], ["d", "s-merge"], ["x", "resolve"]]) {
    await sam.goto(`${URL}/console/queue`);
    await sam.locator(`#row-${made}`).focus();
    await sam.keyboard.press(key);
    await opened();
    await sam.waitForFunction((wanted) => document.activeElement.id === wanted, id);
    await sam.goto(`${URL}/console/tickets/${made}`);
    await sam.locator("h1").click();
    await sam.keyboard.press(key);
    assert.equal(await held(), id);
  }
  await sam.goto(`${URL}/console/queue`);
  await sam.locator(`#row-${made}`).focus();
  await sam.keyboard.press("c");
  await opened();
  await sam.getByRole("status").getByText(`${made} is yours.`).waitFor();
  await sam.getByRole("button", { name: "Put back" }).press("Enter");
  await sam.getByRole("button", { name: "Claim" }).waitFor();
  await sam.keyboard.press("c");
  await sam.getByRole("status").getByText(`${made} is yours.`).waitFor();
  await sam.keyboard.press("q");
  await sam.locator(`#row-${made}`).focus();
  await sam.keyboard.press("o");
  await opened();
});

test("the queue changes by itself; the focus stays on its ticket, and goes to the next one when that is closed", async () => {
  const first = await asks(/Lucía Romero/);
  await sam.goto(`${URL}/console/queue`);
  await sam.locator(`#row-${first}`).focus();
  const second = await asks(/Clara Moreau/);
  await sam.locator(`#row-${second}`).waitFor(TAKEN);
  assert.equal(await held(), `row-${first}`);
  const other = await sam.context().newPage();
  await other.goto(`${URL}/console/tickets/${first}#key-x`);
  await other.getByRole("button", { name: "Close the ticket" }).click();
  await other.getByRole("status").getByText(`${first} is closed`).waitFor();
  await other.close();
  await sam.locator(`#row-${first}`).waitFor({ state: "detached", ...TAKEN });
  assert.match(await held(), /^row-SEC-/);
});

test("signing out is for good", async () => {
  await sam.getByRole("button", { name: "Sign out" }).press("Enter");
  await sam.getByText("You are signed out.").waitFor();
  await sam.goto(`${URL}/console/queue`);
  await sam.getByRole("heading", { name: "Sign in to the console" }).waitFor();
  assert.deepEqual(complaints(), []);
});
