// The web chat with a script: sending without a page load, live updates, a growing text box, files by picker, paste and
// drag. Without it the same forms work by themselves.
"use strict";

(() => {
  const root = document.documentElement;
  const log = document.querySelector(".log");
  const list = document.getElementById("messages");
  const unsaved = document.getElementById("unsaved");
  const typing = document.getElementById("typing");
  const problem = document.getElementById("problem");
  const composer = document.getElementById("composer");
  const text = document.getElementById("text");
  const files = document.getElementById("files");
  const chosen = document.getElementById("chosen");
  const left = document.getElementById("left");
  const limit = Number(composer.dataset.limit);
  const title = document.title;
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  let busy = false;
  let wait = 0;

  root.classList.add("js");

  const toEnd = () => document.getElementById("latest").scrollIntoView({ block: "end", behavior: calm.matches ? "auto" : "smooth" });
  const atEnd = () => window.innerHeight + window.scrollY >= document.body.scrollHeight - 160;

  function say(words) {
    problem.textContent = words;
    problem.hidden = !words;
  }

  // Lines -------------------------------------------------------------------------------------------------------------

  function show(content) {
    const follow = atEnd();
    const held = document.activeElement;
    const fresh = document.createElement("template");
    fresh.innerHTML = content.html;
    if (!content.down) {
      const seen = new Set();
      let before = list.querySelector(".hello");
      for (const line of [...fresh.content.children]) {
        const old = line.id && document.getElementById(line.id);
        const same = old && old.dataset.version === line.dataset.version;
        const kept = same ? old : line;
        if (old && !same) old.replaceWith(line);
        if (before.nextElementSibling !== kept) before.after(kept);
        before = kept;
        seen.add(kept);
      }
      for (const line of [...list.children]) if (!seen.has(line) && !line.classList.contains("hello")) line.remove();
      list.querySelector(".hello form")?.remove();
      list.querySelector(".hello .prompt")?.remove();
    }
    log.dataset.stamp = content.stamp;
    if (held && held !== document.body && !held.isConnected) list.lastElementChild.focus({ preventScroll: true });
    return follow;
  }

  function pending(words) {
    const line = document.createElement("li");
    const bubble = document.createElement("div");
    line.className = "msg mine pending";
    bubble.className = "bubble";
    bubble.dir = "auto";
    bubble.textContent = words;
    line.append(bubble);
    list.append(line);
    toEnd();
    return line;
  }

  // Sending -----------------------------------------------------------------------------------------------------------

  async function post(form, body, words) {
    if (busy) return false;
    busy = true;
    say("");
    unsaved.replaceChildren();
    const line = words ? pending(words) : null;
    const slow = setTimeout(() => { typing.hidden = false; toEnd(); }, 250);
    form.classList.add("busy");
    try {
      const response = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
      if (response.redirected) { location.reload(); return true; }
      const content = await response.json();
      if (content.problem) { line?.remove(); say(content.problem); return false; }
      line?.remove();
      show(content);
      if (content.unsaved) {
        if (line && content.down) list.append(line);
        unsaved.innerHTML = `<div class="msg theirs" tabindex="-1">${content.unsaved}</div>`;
      }
      for (const field of document.querySelectorAll(".composer input[name=event]")) field.value = content.event;
      return true;
    } catch {
      line?.remove();
      say(composer.dataset.failed);
      return false;
    } finally {
      clearTimeout(slow);
      typing.hidden = true;
      form.classList.remove("busy");
      busy = false;
      toEnd();
      soon();
    }
  }

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.action.includes("/chat/")) return;
    event.preventDefault();
    const button = event.submitter;
    if (form !== composer) {
      const body = new URLSearchParams();
      for (const [name, value] of new FormData(form, button)) body.append(name, value);
      await post(form, body, button && (button.name === "text" || button.name === "press") ? button.textContent.trim() : "");
      return;
    }
    const words = text.value.trim();
    const picked = [...files.files];
    if (!words && !picked.length) { text.focus(); return; }
    if (picked.reduce((sum, file) => sum + file.size, 0) > limit) { say(composer.dataset.tooLarge); return; }
    const body = new FormData(composer);
    text.value = "";
    pick([]);
    grow();
    const sent = await post(composer, body, [words, ...picked.map((file) => file.name)].filter(Boolean).join("\n"));
    if (!sent) { text.value = words; pick(picked); grow(); }
    text.focus();
  });

  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      composer.requestSubmit();
    }
  });

  function grow() {
    text.rows = 1;
    while (text.scrollHeight > text.clientHeight + 2 && text.rows < 8) text.rows += 1;
    const room = text.maxLength - text.value.length;
    left.textContent = room < 500 ? composer.dataset.left.replace("{n}", room) : "";
  }
  text.addEventListener("input", grow);

  // Files -------------------------------------------------------------------------------------------------------------

  function pick(wanted) {
    const holder = new DataTransfer();
    for (const file of wanted.slice(0, 5)) holder.items.add(file);
    files.files = holder.files;
    chosen.replaceChildren(...[...files.files].map((file, index) => {
      const line = document.createElement("li");
      const remove = document.createElement("button");
      line.textContent = `${file.name} (${Math.max(1, Math.round(file.size / 1024)).toLocaleString()} KB) `;
      remove.type = "button";
      remove.className = "link";
      remove.textContent = composer.dataset.remove;
      remove.setAttribute("aria-label", `${composer.dataset.remove} ${file.name}`);
      remove.addEventListener("click", () => { pick([...files.files].filter((_, other) => other !== index)); text.focus(); });
      line.append(remove);
      return line;
    }));
  }
  files.addEventListener("change", () => { pick([...files.files]); text.focus(); });

  const carries = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  let depth = 0;
  const hover = (on) => { document.querySelector(".drop").hidden = !on; root.classList.toggle("dragging", on); };
  document.addEventListener("dragenter", (event) => { if (carries(event)) { depth += 1; hover(true); } });
  document.addEventListener("dragleave", (event) => { if (carries(event)) { depth -= 1; hover(depth > 0); } });
  document.addEventListener("dragover", (event) => { if (carries(event)) event.preventDefault(); });
  document.addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    depth = 0;
    hover(false);
    pick([...files.files, ...event.dataTransfer.files]);
    text.focus();
  });

  // Live updates ------------------------------------------------------------------------------------------------------

  async function look() {
    if (!busy) {
      try {
        const response = await fetch(`/chat/updates?stamp=${log.dataset.stamp}`, { headers: { Accept: "application/json" } });
        if (response.status === 403) return;
        if (response.status === 200 && !busy) {
          const content = await response.json();
          unsaved.replaceChildren();
          if (show(content)) toEnd();
          if (document.hidden) document.title = `• ${title}`;
        }
        wait = response.ok ? Math.min(wait + 250, 4000) : 5000;
      } catch {
        wait = 5000;
      }
    }
    timer = setTimeout(look, document.hidden ? 15000 : wait);
  }
  let timer = setTimeout(look, 1000);
  function soon() {
    wait = 1000;
    clearTimeout(timer);
    timer = setTimeout(look, wait);
  }
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    document.title = title;
    soon();
  });

  grow();
  if (!location.hash || location.hash === "#latest") document.getElementById("latest").scrollIntoView({ block: "end" });
})();
