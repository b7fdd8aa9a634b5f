// A hostile mail on the analyst's desk: it reaches neither the network nor the page around it; a verdict by keyboard, no script.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { DESKTOP, PHONE, URL, axe, chatting, close, complaints, fits, open, someone } from "./browser.mjs";
import { signIn } from "./link.mjs";

let state;
let report;
let server;
let trap;
const reached = [];

const hostile = (to) => [
  "From: IT <it@help.example>", "Subject: Frame me", "Message-ID: <frame@help.example>", "MIME-Version: 1.0",
  "Content-Type: text/html; charset=utf-8", "",
  `<html><head><meta http-equiv=refresh content="0;url=${to}/refresh"><base href="${to}/"><link rel=stylesheet href="${to}/css">`,
  `</head><body onload="parent.document.title='out'" background="${to}/ground">`,
  `<script>parent.document.title='out';top.location='${to}/top';fetch('${to}/fetch')</script><p>Act now or lose your mailbox</p>`,
  `<img src="${to}/pixel.gif" onerror="top.location='${to}/error'"><iframe src="${to}/frame"></iframe>`,
  `<a href="${to}/link" target=_top>bank.example</a><form action="${to}/form" target=_top><button>Sign in</button></form>`,
  `<object data="${to}/object"></object><video src="${to}/video" autoplay></video><svg><image href="${to}/svg"/></svg>`,
  `<div style="background:url(${to}/style)">styled</div></body></html>`, "",
].join("\r\n");

before(async () => {
  server = createServer((request, response) => { reached.push(request.url); response.end("x"); });
  await new Promise((done) => { server.listen(0, "127.0.0.1", done); });
  trap = `http://127.0.0.1:${server.address().port}`;
  await open();
  const ama = await chatting(/Ama Mensah/);
  await ama.locator("#files").setInputFiles({ name: "frame.eml", mimeType: "message/rfc822", buffer: Buffer.from(hostile(trap)) });
  await ama.getByRole("button", { name: "Send" }).click();
  await ama.locator("#messages").getByText(/SEC-\d+/).first().waitFor();
  await ama.context().close();
  const desk = await signIn();
  state = await desk.context().storageState();
  await desk.goto(`${URL}/console/mail?state=all`);
  report = await desk.locator(".cases a").filter({ hasText: /frame|Your mailbox is full/ }).first().getAttribute("href");
  await desk.context().close();
});
after(async () => {
  await close();
  server.close();
});

for (const [name, options] of Object.entries({ script: {}, "no script": { javaScriptEnabled: false } })) {
  test(`the mail reaches neither the network nor the page around it (${name})`, async () => {
    const page = await someone({ storageState: state, ...options });
    const asked = [];
    page.on("request", (request) => asked.push(request.url()));
    for (const tab of ["text", "html", "headers"]) {
      await page.goto(`${URL}${report}?tab=${tab}`);
      const frame = page.frameLocator("iframe.letter");
      await frame.locator("body").waitFor();
      assert.equal(page.frames().length, 2);
      assert.notEqual(await page.title(), "out");
      assert.equal(await frame.locator("a, img, form, input, script, iframe, object, svg, link, base, [style], [onload]").count(), 0);
    }
    assert.deepEqual(asked.filter((address) => !address.startsWith(URL)), []);
    assert.deepEqual(reached, []);
    await page.context().close();
    assert.deepEqual(complaints(), []);
  });
}

test("whatever were in the frame could do nothing: its policy and its sandbox hold by themselves", async () => {
  const page = await someone({ storageState: state });
  await page.route("**/frame?tab=text", async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, body: hostile(trap).split("\r\n\r\n")[1] });
  });
  await page.goto(`${URL}${report}?tab=text`);
  await page.frameLocator("iframe.letter").getByText("Act now").waitFor();
  await page.frameLocator("iframe.letter").getByRole("button", { name: "Sign in" }).click();
  await page.frameLocator("iframe.letter").getByText("bank.example").click();
  await page.waitForLoadState("networkidle");
  assert.notEqual(await page.title(), "out");
  assert.ok(page.url().startsWith(URL));
  assert.deepEqual(reached, []);
  await page.context().close();
  complaints(); // all that was blocked
});

test("a verdict by keyboard, without a script, previewed first", async () => {
  const page = await someone({ storageState: state, javaScriptEnabled: false });
  await page.goto(`${URL}${report}`);
  await page.locator("input[value=spam]").focus();
  await page.keyboard.press("Space");
  await page.locator("#note").focus();
  await page.keyboard.type("Known advertiser.");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByText("What reporters will read").waitFor();
  await page.locator(".preview").getByText("Known advertiser.").waitFor();
  await page.waitForLoadState();
  await page.locator("button[value=send]").press("Enter");
  await page.getByText(/goes out to everybody/).waitFor();
  await page.context().close();
});

const SIZES = { desktop: DESKTOP, phone: PHONE, narrow: { width: 320, height: 568 } };
for (const colorScheme of ["light", "dark"]) {
  for (const [size, viewport] of Object.entries(SIZES)) {
    test(`the desk for mail, ${size}, ${colorScheme}`, async () => {
      const page = await someone({ colorScheme, viewport, storageState: state });
      for (const path of ["/console/mail?state=all", report, `${report}?tab=html`, `${report}?tab=headers&kind=spam`]) {
        await page.goto(URL + path);
        await page.evaluate(() => document.querySelectorAll("details").forEach((part) => { part.open = true; }));
        await axe(page, path);
        await fits(page, path);
        if (process.env.E2E_SHOTS) {
          await page.screenshot({ path: `${process.env.E2E_SHOTS}/mail-${size}-${colorScheme}-${path.split("=").pop().slice(-8)}.png`, fullPage: true });
        }
      }
      await page.context().close();
    });
  }
}
