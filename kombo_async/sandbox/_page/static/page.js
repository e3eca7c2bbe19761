// Fragments of the page come from the server as HTML; this fetches them anew, and sends what buttons ask for.
"use strict";

const shown = new WeakMap();
const trouble = document.getElementById("trouble");
const dialog = document.getElementById("details");
let pressed = false;

async function refresh(element) {
  const url = new URL(element.dataset.fragment, location.href);
  const choice = document.getElementById(element.dataset.choice || "");
  if (choice) url.searchParams.set("integration", choice.value);
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  // A menu that somebody has open must not be drawn anew under their hand, nor a row that they are pressing.
  if (pressed || focused?.tagName === "SELECT") return;
  try {
    const response = await fetch(url);
    if (!response.ok) throw new Error(response.statusText);
    const html = await response.text();
    if (shown.get(element) !== html) {
      shown.set(element, html);
      element.innerHTML = html;
      if (focused?.dataset.open) element.querySelector(`[data-open="${focused.dataset.open}"]`)?.focus();
    }
    trouble.classList.remove("shown");
  } catch {
    trouble.classList.add("shown");
  }
}

function refreshAll() {
  if (!document.hidden) return Promise.all([...document.querySelectorAll("[data-fragment]")].map(refresh));
}

async function send(element, body) {
  element.blur();
  try {
    await fetch(element.dataset.send, {
      method: element.dataset.method || "POST",
      headers: { "Content-Type": "application/json" },
      body: element.dataset.method === "DELETE" ? undefined : JSON.stringify(body),
    });
  } catch {
    trouble.classList.add("shown");
  }
  await refreshAll();
}

async function open(path) {
  try {
    const response = await fetch(path);
    dialog.querySelector("div").innerHTML = await response.text();
    if (!dialog.open) dialog.showModal();
    dialog.focus(); // else it is the first body, which the browser outlines
    dialog.scrollTop = 0;
  } catch {
    trouble.classList.add("shown");
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-send]");
  if (button) return send(button, JSON.parse(button.dataset.body || "{}"));
  if (event.target.closest("button[data-close]") || event.target === dialog) return dialog.close();
  const row = event.target.closest("[data-open]");
  if (row && !event.target.closest("a, button, select")) open(row.dataset.open);
});
document.addEventListener("keydown", (event) => {
  const row = event.target.closest?.("[data-open]");
  if (row && event.key === "Enter") open(row.dataset.open);
});
document.addEventListener("change", (event) => {
  const select = event.target;
  if (select.matches("select[data-send]")) {
    const chosen = select.value;
    select.selectedIndex = 0; // back to "choose": the badge beside it says what is
    if (chosen) send(select, JSON.parse(chosen));
  } else if (select.matches("select[data-refreshes]")) { select.blur(); refreshAll(); }
});
document.addEventListener("pointerdown", () => { pressed = true; });
for (const end of ["pointerup", "pointercancel", "dragend"]) document.addEventListener(end, () => { pressed = false; });
document.addEventListener("visibilitychange", refreshAll);

const number = location.hash.match(/^#call-(\d+)$/);
if (number) open(`/_sandbox/fragments/requests/${number[1]}`);
refreshAll();
setInterval(refreshAll, 1000);
