// Pictures for the README, into the folder given: chat and console, phone and desktop, light and dark. What people say is played on
// the running server; pages of what lasts longer (procedures, partners, figures) are those of the server that stands still.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DESKTOP, PHONE, URL, answered, chatting, close, last, open, picture, say, someone } from "./browser.mjs";
import { signIn } from "./link.mjs";
import { STILL, administrator } from "./still.mjs";

const LASTING = { procedures: "/console/procedures", partner: "/console/partners/brightwell", metrics: "/console/metrics", access: "/console/access",
  campaigns: "/console/nudges/campaigns", measurement: "/console/measurement",
  privacy: "/console/privacy" };

const MAIL = "From: IT Service <it@northw1nd-help.example>\nTo: ama.mensah@northwind.example\nSubject: Your mailbox is full\n" +
  "Content-Type: text/html\n\n<p>Act within the hour: <a href=\"https://northw1nd-help.example/login\">northwind.example</a></p>\n";
const folder = process.argv[2];

async function write(page, verb, words) {
  const form = page.locator(`details.compose.${verb}`);
  if ((await form.getAttribute("open")) === null) await form.locator("summary").click();
  await form.locator("textarea").fill(words);
  await form.locator(verb === "reply" ? "button.primary" : "button").click();
  await page.getByRole("status").waitFor();
}

mkdirSync(folder, { recursive: true });
await open();

// People who ask, report and are in trouble.
const tom = await chatting(/Tom Whitaker/);
await say(tom, "Who may I send the payroll file to?");
await tom.getByRole("button", { name: "Talk to a person" }).last().click();
await last(tom).getByText(/SEC-\d+/).first().waitFor();
const ama = await chatting(/Ama Mensah/);
const before = await ama.locator(".msg.theirs").count();
await ama.locator("#files").setInputFiles({ name: "Your mailbox is full.eml", mimeType: "message/rfc822", buffer: Buffer.from(MAIL) });
await ama.getByRole("button", { name: "Send" }).click();
await answered(ama, before);
const jonas = await chatting(/Jonas Keller/);
await say(jonas, "Is this email real?");
await say(jonas, "i clicked a link and typed my password");
const talk = await jonas.context().storageState();

// An analyst who helps.
const sam = await signIn();
const desk = await sam.context().storageState();
await sam.locator(".queue a", { hasText: "Jonas Keller" }).first().click();
const ticket = sam.url();
await write(sam, "note", "Same sender as the mail Ama reported. Sessions revoked at the provider.");
await write(sam, "reply", "I have signed you out everywhere. Please choose a new password now, and ring me when it is done.");

for (const colorScheme of ["light", "dark"]) {
  for (const [size, viewport] of Object.entries({ phone: PHONE, desktop: DESKTOP })) {
    const chat = await someone({ colorScheme, viewport, storageState: talk });
    await chat.goto(`${URL}/chat`);
    await chat.locator("#messages .tone-emergency").first().waitFor();
    await chat.locator("#messages .msg", { has: chat.locator(".tone-emergency") }).first().evaluate((line) => line.previousElementSibling.scrollIntoView());
    await picture(chat, join(folder, `chat-${size}-${colorScheme}.png`));
    await chat.context().close();
    const page = await someone({ colorScheme, viewport, storageState: desk });
    for (const [name, address] of [["queue", `${URL}/console/queue`], ["ticket", ticket]]) {
      await page.goto(address);
      await picture(page, join(folder, `console-${name}-${size}-${colorScheme}.png`));
    }
    await page.context().close();
    const manager = await administrator({ colorScheme, viewport });
    for (const [name, address] of Object.entries(LASTING)) {
      await manager.goto(STILL + address);
      await picture(manager, join(folder, `console-${name}-${size}-${colorScheme}.png`));
    }
    await manager.context().close();
  }
}
await close();
