// The web chat alone: files, hostile text, long text, and life without a script.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { PHONE, URL, answered, axe, chatting, close, complaints, fits, last, open, say } from "./browser.mjs";

const MAIL = { name: "invoice.eml", mimeType: "message/rfc822", buffer: Buffer.from("From: a@b.example\nSubject: Hi\n\nPay now\n") };

before(open);
after(close);

test("a mail is reported through the picker", async () => {
  const page = await chatting(/Jonas Keller/);
  await page.locator("#files").setInputFiles(MAIL);
  await page.getByText("invoice.eml (1 KB)").waitFor();
  await axe(page, "chosen file");
  const count = await page.locator(".msg.theirs").count();
  await page.getByRole("button", { name: "Send" }).press("Enter");
  await answered(page, count);
  await page.locator("#messages").getByText(/SEC-\d+/).first().waitFor();
  assert.equal(await page.locator(".msg.mine .bubble").last().innerText(), "invoice.eml");
  assert.equal(await page.locator("#chosen li").count(), 0);
  await page.context().close();
});

test("a mail is dropped onto the page, and may be taken away again", async () => {
  const page = await chatting(/Clara Moreau/);
  const data = await page.evaluateHandle(() => {
    const held = new DataTransfer();
    held.items.add(new File(["From: a@b.example\n\nHi"], "dropped.eml", { type: "message/rfc822" }));
    return held;
  });
  await page.dispatchEvent("body", "dragenter", { dataTransfer: data });
  await page.getByText("Drop the mail here").waitFor();
  await page.dispatchEvent("body", "drop", { dataTransfer: data });
  await page.getByRole("button", { name: "Remove dropped.eml" }).press("Enter");
  assert.equal(await page.locator("#chosen li").count(), 0);
  await page.dispatchEvent("body", "dragenter", { dataTransfer: data });
  await page.dispatchEvent("body", "drop", { dataTransfer: data });
  await page.getByRole("textbox", { name: "Write a message" }).press("Enter");
  await page.locator("#messages .msg.theirs").getByText(/SEC-\d+/).first().waitFor();
  await page.context().close();
});

test("a file over 30 MB is refused in words and the text stays", async () => {
  const page = await chatting(/Henrik Vogel/);
  const large = join(mkdtempSync(join(tmpdir(), "secdesk-large-")), "large.eml");
  writeFileSync(large, Buffer.alloc(30 * 1024 * 1024 + 1));
  await page.locator("#files").setInputFiles(large);
  await page.getByRole("textbox", { name: "Write a message" }).fill("here it is");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").getByText("larger than 30 MB").waitFor();
  assert.equal(await page.locator("#text").inputValue(), "here it is");
  rmSync(dirname(large), { recursive: true });
  await page.context().close();
});

test("hostile text stays text", async () => {
  const page = await chatting(/not in the directory/);
  const hostile = '<img src=x onerror="alert(1)"><script>alert(2)</script> \u202efdp.exe ' + "W".repeat(300);
  await say(page, hostile);
  await page.waitForTimeout(200);
  assert.equal(await page.locator("#messages img, #messages script").count(), 0);
  await page.locator(".msg.mine").getByText("[U+202E]fdp.exe").waitFor();
  await page.setViewportSize({ width: 320, height: 640 });
  await fits(page, "hostile text at 320 px");
  await page.context().close();
});

test("two tabs of one person show the same conversation", async () => {
  const first = await chatting(/Ruth Adeyemi/);
  const second = await first.context().newPage();
  await second.goto(`${URL}/chat`);
  await say(first, "Is this email real?");
  await second.locator(".msg.mine").getByText("Is this email real?").waitFor({ timeout: 20_000 });
  await first.context().close();
});

test("shift and Enter makes a new line, the box grows and counts", async () => {
  const page = await chatting(/Ama Mensah/);
  const box = page.getByRole("textbox", { name: "Write a message" });
  const small = (await box.boundingBox()).height;
  await box.focus();
  await page.keyboard.type("one");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("two");
  assert.equal(await box.inputValue(), "one\ntwo");
  assert.ok((await box.boundingBox()).height > small);
  await box.fill("x".repeat(3_600));
  await page.getByText("400 characters left").waitFor();
  await page.context().close();
});

test("everything works without a script", async () => {
  const page = await chatting(/Lucía Romero/, { javaScriptEnabled: false, viewport: PHONE });
  await page.getByRole("textbox", { name: "Write a message" }).fill("Is this email real?");
  await page.getByRole("button", { name: "Send" }).click();
  await page.waitForURL(/\/chat#latest/);
  await last(page).getByRole("button").first().waitFor();
  await page.getByRole("button", { name: "My tickets" }).last().click();
  await last(page).getByText(/tickets/).first().waitFor();
  await page.locator("#files").setInputFiles(MAIL);
  await page.getByRole("button", { name: "Send" }).click();
  await page.locator("#messages").getByText(/SEC-\d+/).first().waitFor();
  await page.getByRole("button", { name: "Change person" }).click();
  await page.getByRole("heading", { name: "Who are you?" }).waitFor();
  await page.context().close();
});

test("nothing moves for those who want it still", async () => {
  const page = await chatting(/Sam Ortiz/, { reducedMotion: "reduce" });
  await page.evaluate(() => { document.getElementById("typing").hidden = false; });
  assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
  await page.context().close();
});

test("the browser has nothing to complain of", () => {
  assert.deepEqual(complaints(), []);
});

test("a procedure is run step by step on a phone, with words as evidence", async () => {
  const page = await chatting(/Sam Ortiz/, { viewport: PHONE });
  const press = async (name) => {
    const count = await page.locator(".msg.theirs").count();
    await page.getByRole("button", { name, exact: true }).last().press("Enter");
    await answered(page, count);
  };
  await say(page, "start procedure account compromised");
  await press("Start");
  await last(page).getByText(/Step 1 of \d+ · 0 min · @Sam Ortiz/).waitFor();
  await axe(page, "step of a procedure");
  await fits(page, "step of a procedure");
  await press("Done");
  await axe(page, "evidence of a step");
  await say(page, "<img src=x onerror=alert(1)> blocked at 14:07");
  await last(page).getByText(/Step 2 of/).waitFor();
  await press("Cannot do this");
  await fits(page, "why a step cannot be done");
  await press("End the run");
  await say(page, "A drill.");
  await page.locator("#messages").getByText("This run was ended before its end.").waitFor();
  assert.equal(await page.locator("#messages img").count(), 0);
  assert.deepEqual(complaints(), []);
  await page.context().close();
});
