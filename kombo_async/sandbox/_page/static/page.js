// Fragments of the page come from the server as HTML; this fetches them again, and sends what buttons ask for.
"use strict";

const shown = new WeakMap();
const trouble = document.getElementById("trouble");
const dialog = document.getElementById("details");
let pressed = false;

async function refresh(element) {
  const url = new URL(element.dataset.fragment, location.href);
  const filters = document.getElementById(element.dataset.filters || "");
  if (filters) for (const [name, value] of new FormData(filters)) if (value) url.searchParams.set(name, value);
  if (element.dataset.page) url.searchParams.set("page", element.dataset.page);
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  // A menu that somebody has open must not be redrawn under their hand, nor a row that they are pressing.
  if (pressed || focused?.tagName === "SELECT" || selecting(element)) return;
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

// Whether text in the element is selected, to be copied: a click must not open it, nor a refresh replace it.
function selecting(element) {
  const selection = getSelection();
  return !selection.isCollapsed && selection.containsNode(element, true);
}

function refreshAll() {
  if (!document.hidden) return Promise.all([...document.querySelectorAll("[data-fragment]")].map(refresh));
}

const said = document.getElementById("said");

function say(text) {
  said.textContent = text;
  said.classList.toggle("shown", Boolean(text));
}

async function send(element, body, path = element.dataset.send) {
  if (element.dataset.confirm && !confirm(element.dataset.confirm)) return;
  try {
    const response = await fetch(path, {
      method: element.dataset.method || "POST",
      headers: { "Content-Type": "application/json" },
      body: element.dataset.method === "DELETE" ? undefined : JSON.stringify(body),
    });
    say(response.ok ? "" : (await response.json()).error);
  } catch {
    trouble.classList.add("shown");
  }
  if (element.tagName === "SELECT") element.blur();
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

async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch { // not every browser lets a page do that
    const area = document.createElement("textarea");
    area.value = button.dataset.copy;
    (dialog.open ? dialog : document.body).append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.copy !== undefined) return copy(button);
  if (button?.dataset.turn) {
    const list = button.closest("[data-fragment]");
    list.dataset.page = button.dataset.page;
    return refresh(list);
  }
  if (button?.dataset.send) {
    event.preventDefault();
    return send(button, JSON.parse(button.dataset.body || "{}"));
  }
  if (event.target.closest("button[data-close]") || event.target === dialog) return dialog.close();
  const row = event.target.closest("[data-open]");
  if (row && !event.target.closest("a, button, select") && !selecting(row)) open(row.dataset.open);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches?.("[data-open]")) open(event.target.dataset.open);
});
document.addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  if (!form.dataset.form) return refreshAll();
  const fields = Object.fromEntries(new FormData(form));
  const name = form.dataset.field;
  send(form, name ? {} : fields, form.dataset.form + (name ? encodeURIComponent(fields[name]) : ""));
});
function filtered(form) {
  for (const list of document.querySelectorAll(`[data-filters="${form.id}"]`)) {
    delete list.dataset.page;
    refresh(list);
  }
}
document.addEventListener("input", (event) => {
  if (event.target.matches(".filters input")) filtered(event.target.form);
});
document.addEventListener("change", async (event) => {
  const select = event.target;
  if (select.matches("select[data-send]")) {
    const chosen = select.value;
    select.selectedIndex = 0; // back to "choose": the badge beside it says what is
    if (chosen) send(select, JSON.parse(chosen));
  } else if (select.matches(".filters select")) {
    if (select.dataset.models) {
      const response = await fetch(`/_sandbox/fragments/models?integration=${encodeURIComponent(select.value)}`);
      document.getElementById(select.dataset.models).innerHTML = await response.text();
    }
    filtered(select.form);
  }
});
document.addEventListener("pointerdown", () => { pressed = true; });
for (const end of ["pointerup", "pointercancel", "dragend"]) document.addEventListener(end, () => { pressed = false; });
document.addEventListener("visibilitychange", refreshAll);

const number = location.hash.match(/^#call-(\d+)$/);
if (number) open(`/_sandbox/fragments/requests/${number[1]}`);
refreshAll();
setInterval(refreshAll, 1000);
