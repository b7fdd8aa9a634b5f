// The console with a script: lists can be walked and tickets sorted by single keys, and the queue keeps itself current.
// Everything works without it; the keys stand in the fold at the end of each page.
"use strict";

(() => {
  const rows = document.getElementById("rows");
  const keys = document.getElementById("keys");
  const on = document.getElementById("keys-on");
  if (!keys) return;

  const remembered = "secdesk.keys";
  on.checked = localStorage.getItem(remembered) !== "off";
  on.addEventListener("change", () => localStorage.setItem(remembered, on.checked ? "on" : "off"));

  const links = () => [...document.querySelectorAll(".queue a")];

  function step(by) {
    const all = links();
    const at = all.indexOf(document.activeElement);
    all[Math.min(Math.max(at + by, 0), all.length - 1)]?.focus();
  }

  // The field or button of a key: fields get the focus, in whatever is folded around them; only a visible button is pressed.
  function reach(key, press) {
    const found = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (!found) return false;
    const fold = found.closest("details");
    if (fold) fold.open = true;
    if (press && found.tagName === "BUTTON") found.click();
    else found.focus();
    return true;
  }

  // The same keys in a list mean the ticket that has the focus: claiming is done at once, for the rest it is opened there.
  function sort(key) {
    const row = document.activeElement.closest(".queue:not(.cases) a");
    if (!row) return reach(key, true);
    const take = document.getElementById("take");
    if (key === "c" && take) {
      take.action = `${row.getAttribute("href")}/claim`;
      take.submit();
    } else location.assign(`${row.href}#key-${key}`);
    return true;
  }

  const everywhere = {
    j: () => step(1),
    k: () => step(-1),
    o: () => document.activeElement.closest(".queue a")?.click(),
    q: () => document.querySelector(".brand a").click(),
    z: () => reach("z", true),
    "/": () => document.querySelector(".top [type=search]").focus(),
    "?": () => {
      keys.open = !keys.open;
      keys.querySelector("summary").focus();
      keys.scrollIntoView({ block: "nearest" });
    },
  };

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || (event.repeat && !"jk".includes(event.key)) || !on.checked) return;
    if (everywhere[event.key]) everywhere[event.key]();
    else if (!"caesdrnxvm".includes(event.key) || !sort(event.key)) return;
    event.preventDefault();
  });

  const asked = location.hash.match(/^#key-([a-z])$/);
  if (asked) reach(asked[1], false);

  // What can be taken back for some seconds: then the button goes, and a ticket's timeline shows what was sent.
  for (const form of document.querySelectorAll("form.undo[data-left]")) {
    setTimeout(() => {
      if (form.contains(document.activeElement)) document.getElementById("main").focus({ preventScroll: true });
      form.remove();
    }, form.dataset.left * 1000);
  }

  async function sent(looks) {
    const response = await fetch(location.pathname);
    const fresh = response.ok && !response.redirected && new DOMParser().parseFromString(await response.text(), "text/html").querySelector(".timeline");
    if (!fresh) return;
    if (fresh.querySelector(".waits")) { if (looks) setTimeout(() => sent(looks - 1), 2000); } else document.querySelector(".timeline").replaceWith(fresh);
  }
  if (document.querySelector("#reply") && document.querySelector(".timeline .waits")) {
    const left = Math.max(...[...document.querySelectorAll("form.undo[data-left]")].map((form) => Number(form.dataset.left)), 1);
    setTimeout(() => sent(10).catch(() => { /* the next look at the page shows it */ }), left * 1000 + 1500);
  }

  if (!rows?.dataset.source) return;

  // New rows in place of the old: the focus stays on its ticket, and where that has gone, on the one that took its place.
  function show(html) {
    const held = document.activeElement.closest("#rows a");
    const at = links().indexOf(held);
    rows.innerHTML = html;
    if (!held) return;
    const all = links();
    const next = document.getElementById(held.id) ?? all[Math.min(at, all.length - 1)] ?? document.getElementById("main");
    next.focus({ preventScroll: true });
  }

  async function refresh() {
    if (document.hidden) return;
    try {
      const response = await fetch(`${rows.dataset.source}&mark=${rows.dataset.mark}`);
      if (response.redirected) { location.reload(); return; }
      if (response.status !== 200) return;
      const before = links().length;
      show(await response.text());
      rows.dataset.mark = response.headers.get("X-Mark");
      const news = document.getElementById("news");
      if (links().length !== before) news.textContent = news.dataset.text.replace("{n}", links().length);
    } catch { /* the next look tries again */ }
  }
  setInterval(refresh, 5000);
  document.addEventListener("visibilitychange", refresh);
})();
