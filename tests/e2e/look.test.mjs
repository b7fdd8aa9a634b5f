// The running chat, light and dark, wide and narrow, pages that say what is wrong, and where the focus is (every.test.mjs has the pages).
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { DESKTOP, PHONE, URL, axe, chatting, close, complaints, fits, open, say, someone } from "./browser.mjs";
import { signIn } from "./link.mjs";

let state;

before(async () => {
  await open();
  const page = await chatting(/Dana Reyes/);
  await page.getByRole("button", { name: "Talk to a person" }).first().click();
  await page.locator("#messages").getByText(/SEC-\d+/).first().waitFor();
  const ama = await chatting(/Ama Mensah/);
  const buffer = Buffer.from("From: IT <it@help.example>\nSubject: Full\n\nAct now: https://login.example/a\n");
  await ama.locator("#files").setInputFiles({ name: "full.eml", mimeType: "message/rfc822", buffer });
  await ama.getByRole("button", { name: "Send" }).click();
  await ama.locator("#messages").getByText(/SEC-\d+/).first().waitFor();
  await ama.context().close();
  const other = await chatting(/Tom Whitaker/);
  await say(other, "i typed my password on a page from a mail");
  await page.context().close();
  await other.context().close();
  const desk = await signIn();
  state = await desk.context().storageState();
  await desk.context().close();
});
after(close);

test("the checks themselves find what is wrong", async () => {
  const page = await someone({ viewport: SIZES.narrow });
  await page.setContent('<html lang="en"><title>x</title><main><h1>x</h1><button></button><p style="width:400px">wide</p></main>');
  await assert.rejects(axe(page, "a button without a name"));
  await assert.rejects(fits(page, "a paragraph too wide"));
  await page.context().close();
});

const SIZES = { desktop: DESKTOP, phone: PHONE, narrow: { width: 320, height: 568 } };
for (const colorScheme of ["light", "dark"]) {
  for (const [size, viewport] of Object.entries(SIZES)) {
    test(`chat, ${size}, ${colorScheme}`, async () => {
      const page = await someone({ colorScheme, viewport });
      await page.goto(URL);
      await axe(page, "choice");
      await fits(page, "choice");
      await page.getByRole("button", { name: /Tom Whitaker/ }).click();
      await page.locator("#messages .msg.theirs").nth(1).waitFor();
      await axe(page, "chat");
      await fits(page, "chat");
      await page.context().close();
    });
  }
}

test("what has the focus can be seen", async () => {
  const page = await someone({ viewport: PHONE, storageState: state });
  await page.goto(`${URL}/console/queue`);
  for (let step = 0; step < 40; step += 1) {
    await page.keyboard.press("Tab");
    const seen = await page.evaluate(() => {
      const held = document.activeElement;
      if (held === document.body) return true;
      const box = held.getBoundingClientRect();
      const top = document.elementFromPoint(box.x + box.width / 2, box.y + Math.min(box.height / 2, 20));
      const outline = getComputedStyle(held);
      return (held.contains(top) || top?.contains(held)) && outline.outlineStyle !== "none" && parseFloat(outline.outlineWidth) >= 2
        ? true : held.outerHTML.slice(0, 160);
    });
    assert.equal(seen, true);
  }
  await page.context().close();
});

test("errors are pages too", async () => {
  const page = await someone({ storageState: state });
  for (const path of ["/nowhere", "/console/tickets/SEC-99999", "/console/find?q=99999", "/console/sign-in?token=x"]) {
    await page.goto(URL + path);
    await axe(page, path);
    await fits(page, path);
  }
  await page.context().close();
  complaints(); // the 404s of these pages
});

test("the browser has nothing to complain of", () => {
  assert.deepEqual(complaints(), []);
});
