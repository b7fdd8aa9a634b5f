// Signing in more than once: `secdesk console-link` is what a person would run, and so do we.
import { execFileSync } from "node:child_process";
import { someone } from "./browser.mjs";

export async function signIn(options, who = "") {
  const command = process.env.E2E_LINK_COMMAND + (who && ` --as ${who}`);
  const printed = execFileSync("sh", ["-c", command], { encoding: "utf8" });
  const page = await someone(options);
  await page.goto(printed.match(/http\S+token=\S+/)[0]);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(/\/console/);
  return page;
}
