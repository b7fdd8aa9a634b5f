// Pictures for the README, into the folder given: chat (phone and desktop) and console, light and dark.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DESKTOP, PHONE, URL, chatting, close, open, picture, say, someone } from "./browser.mjs";
import { signIn } from "./link.mjs";

const folder = process.argv[2];
mkdirSync(folder, { recursive: true });
await open();
const dana = await chatting(/Dana Reyes/);
await say(dana, "Is this email real?");
await say(dana, "i clicked a link and typed my password");
const desk = await signIn();
const [person, analyst] = [await dana.context().storageState(), await desk.context().storageState()];
await dana.context().close();
await desk.context().close();

for (const colorScheme of ["light", "dark"]) {
  for (const [size, viewport] of Object.entries({ phone: PHONE, desktop: DESKTOP })) {
    const chat = await someone({ colorScheme, viewport, storageState: person });
    await chat.goto(`${URL}/chat`);
    await chat.locator("#messages .msg.theirs").nth(1).waitFor();
    await picture(chat, join(folder, `chat-${size}-${colorScheme}.png`));
    await chat.context().close();
    const page = await someone({ colorScheme, viewport, storageState: analyst });
    for (const [name, path] of [["queue", "queue"], ["ticket", "tickets/SEC-101"]]) {
      await page.goto(`${URL}/console/${path}`);
      await picture(page, join(folder, `console-${name}-${size}-${colorScheme}.png`));
    }
    await page.context().close();
  }
}
await close();
