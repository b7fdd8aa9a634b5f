// The server whose clock stands still: its pages, and somebody who is signed in there as an administrator.
import { readFileSync } from "node:fs";
import { someone } from "./browser.mjs";

export const STILL = process.env.E2E_STILL_URL;
const { name, value, pages } = JSON.parse(readFileSync(process.env.E2E_STILL, "utf8"));

// Every page that the application's routes have: {name, address}.
export const PAGES = pages;

export async function administrator(options) {
  const page = await someone(options);
  await page.context().addCookies([{ name, value, url: `${STILL}/console`, httpOnly: true, sameSite: "Strict" }]);
  await page.goto(STILL);
  await page.getByRole("button", { name: /Dana Reyes/ }).click();
  await page.waitForURL(/\/chat/);
  return page;
}

// Go to a page and unfold all of it; the list of keys, which is the same on all, only on the queue's.
export async function unfolded(page, address) {
  await page.goto(STILL + address);
  await page.evaluate((all) => document.querySelectorAll(all).forEach((part) => {
    part.removeAttribute("name"); // of those with one only one is open
    part.open = true;
  }), address === "/console/queue" ? "details" : "details:not(#keys)");
}
