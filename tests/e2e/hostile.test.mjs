// What somebody outside writes, on a narrow phone: a word of 400 letters pushes nothing out of the page, and nothing comes alive.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { URL, chatting, close, complaints, fits, open, say, someone } from "./browser.mjs";
import { signIn } from "./link.mjs";

const WORD = "W".repeat(400);
const ALIVE = `<img src=x onerror="document.title='out'"><script>document.title='out'</script> \u202efdp.exe`;
const MAIL = [
  `From: "${WORD}" <${"a".repeat(60)}@${"b".repeat(60)}.example>`, `Subject: ${WORD} ${ALIVE}`, "Message-ID: <long@help.example>",
  'MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary="b"', "", "--b", "Content-Type: text/plain; charset=utf-8", "",
  `${WORD} http://${"c".repeat(60)}.example/${WORD}`, "--b", "Content-Type: application/octet-stream",
  `Content-Disposition: attachment; filename="${WORD}.exe"`, "", "MZ", "--b--", "",
].join("\r\n");

let state;
const addresses = [];

before(async () => {
  await open();
  const tom = await chatting(/Tom Whitaker/);
  await say(tom, `talk to a person about ${WORD} ${ALIVE}`);
  await tom.locator("#files").setInputFiles({ name: `${"n".repeat(200)}.eml`, mimeType: "message/rfc822", buffer: Buffer.from(MAIL) });
  await tom.getByRole("button", { name: "Send" }).click();
  await tom.locator("#messages").getByText(/SEC-\d+/).first().waitFor();
  await tom.setViewportSize({ width: 320, height: 640 });
  await fits(tom, "the chat at 320 px");
  await tom.context().close();
  const desk = await signIn();
  state = await desk.context().storageState();
  for (const [list, links] of [["queue", ".queue a[href*='/tickets/']"], ["mail?state=all", ".cases a"]]) {
    await desk.goto(`${URL}/console/${list}`);
    addresses.push(list, ...(await desk.locator(links).evaluateAll((found) => found.map((link) => link.pathname.replace("/console/", "")))));
  }
  addresses.push(...addresses.filter((path) => path.startsWith("tickets/")).map((path) => `${path}?view=person`));
  addresses.push(...addresses.filter((path) => path.startsWith("mail/")).map((path) => `${path}?tab=headers`), "access", "audit", "unanswered", "pages");
  await desk.context().close();
});
after(close);

test("nothing scrolls sideways at 320 px, and nothing comes alive", async () => {
  const page = await someone({ storageState: state, viewport: { width: 320, height: 640 } });
  let seen = 0;
  for (const path of new Set(addresses)) {
    await page.goto(`${URL}/console/${path}`);
    await fits(page, path);
    assert.notEqual(await page.title(), "out");
    assert.equal(await page.locator("main img[src=x], main script").count(), 0);
    seen += (await page.locator("main").innerText()).includes("W".repeat(100)) ? 1 : 0;
  }
  assert.ok(seen >= 3, `the long word was on ${seen} pages`);
  assert.deepEqual(complaints(), []);
  await page.context().close();
});
