// The editor with a script: what people get is shown while somebody types, and a fault leads to its line. It works without.
"use strict";

(() => {
  const sheet = document.getElementById("sheet");
  const shown = document.getElementById("look");
  if (!sheet || !shown) return;

  const text = document.getElementById("text");
  let timer = 0;
  let asked = 0;
  let changed = false;

  async function look() {
    if (!sheet.dataset.look) return;
    const mine = ++asked;
    try {
      const response = await fetch(sheet.dataset.look, { method: "POST", body: new FormData(sheet) });
      if (mine !== asked || response.status !== 200 || response.redirected) return;
      const open = [...shown.querySelectorAll("details")].map((part) => part.open);
      shown.innerHTML = await response.text();
      shown.querySelectorAll("details").forEach((part, i) => { if (i in open) part.open = open[i]; });
      mark();
    } catch { /* the next key tries again */ }
  }

  // The numbers beside the file: one a line, red where something is wrong.
  function mark() {
    const gutter = sheet.querySelector(".gutter");
    if (!gutter || !text) return;
    const bad = new Set([...shown.querySelectorAll("[data-line]")].map((link) => Number(link.dataset.line)));
    const count = text.value.split("\n").length;
    gutter.replaceChildren(...Array.from({ length: count }, (_, i) => {
      const number = document.createElement("span");
      number.id = `line-${i + 1}`;
      number.textContent = `${i + 1}`;
      if (bad.has(i + 1)) number.className = "bad";
      return [number, "\n"];
    }).flat());
    text.rows = count + 1;
  }

  function go(line) {
    const lines = text.value.split("\n");
    const start = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    text.focus({ preventScroll: true });
    text.setSelectionRange(start, start + lines[line - 1].length);
    document.getElementById(`line-${line}`)?.scrollIntoView({ block: "center" });
  }

  shown.addEventListener("click", (event) => {
    const link = event.target.closest("[data-line]");
    if (!link || !text) return;
    event.preventDefault();
    go(Number(link.dataset.line));
  });

  sheet.addEventListener("input", (event) => {
    if (event.target.id === "asked") return;
    changed = true;
    clearTimeout(timer);
    timer = setTimeout(look, 400);
  });
  sheet.addEventListener("submit", () => { changed = false; });
  addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });
})();
