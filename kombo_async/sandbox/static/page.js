// Fragments of the page come from the server as HTML; this fetches them anew, and sends what buttons ask for.
"use strict";

const shown = new WeakMap();
const trouble = document.getElementById("trouble");
const dialog = document.getElementById("details");

async function refresh(element) {
  const url = new URL(element.dataset.fragment, location.href);
  const choice = document.getElementById(element.dataset.choice || "");
  if (choice) url.searchParams.set("integration", choice.value);
  // A menu that somebody has open must not be drawn anew under their hand.
  if (element.contains(document.activeElement) && document.activeElement.tagName === "SELECT") return;
  try {
    const response = await fetch(url);
    if (!response.ok) throw new Error(response.statusText);
    const html = await response.text();
    if (shown.get(element) !== html) {
      shown.set(element, html);
      element.innerHTML = html;
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
  await fetch(element.dataset.send, {
    method: element.dataset.method || "POST",
    headers: { "Content-Type": "application/json" },
    body: element.dataset.method === "DELETE" ? undefined : JSON.stringify(body),
  });
  element.blur();
  await refreshAll();
}

async function open(path) {
  const response = await fetch(path);
  dialog.querySelector("div").innerHTML = await response.text();
  if (!dialog.open) dialog.showModal();
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
  if (select.matches("select[data-send]")) send(select, JSON.parse(select.value));
  else if (select.matches("select[data-refreshes]")) { select.blur(); refreshAll(); }
});

const number = location.hash.match(/^#call-(\d+)$/);
if (number) open(`/_sandbox/fragments/calls/${number[1]}`);
refreshAll();
setInterval(refreshAll, 1000);
