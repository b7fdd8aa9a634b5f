// The console with a script: the queue keeps itself current and can be walked with j and k. Everything works without it.
"use strict";

(() => {
  const rows = document.getElementById("rows");
  const keys = document.getElementById("keys");
  if (!rows) return;

  const on = document.getElementById("keys-on");
  const links = () => [...rows.querySelectorAll(".queue a")];
  const remembered = "secdesk.keys";
  on.checked = localStorage.getItem(remembered) !== "off";
  on.addEventListener("change", () => localStorage.setItem(remembered, on.checked ? "on" : "off"));

  function step(by) {
    const all = links();
    const at = all.indexOf(document.activeElement);
    const next = all[Math.min(Math.max(at + by, 0), all.length - 1)];
    next?.focus();
  }

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input:not([type=checkbox]), textarea, select");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || !on.checked) return;
    if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (event.key === "?") {
      keys.open = !keys.open;
      keys.querySelector("summary").focus();
    } else return;
    event.preventDefault();
  });

  async function refresh() {
    if (document.hidden) return;
    try {
      const response = await fetch(`${rows.dataset.source}&mark=${rows.dataset.mark}`);
      if (response.redirected) { location.reload(); return; }
      if (response.status !== 200) return;
      const held = document.activeElement?.id;
      const before = links().length;
      rows.innerHTML = await response.text();
      rows.dataset.mark = response.headers.get("X-Mark");
      if (held && rows.querySelector(`#${CSS.escape(held)}`)) document.getElementById(held).focus({ preventScroll: true });
      const news = document.getElementById("news");
      if (links().length !== before) news.textContent = news.dataset.text.replace("{n}", links().length);
    } catch { /* the next look tries again */ }
  }
  setInterval(refresh, 5000);
  document.addEventListener("visibilitychange", refresh);
})();
