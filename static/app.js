// Every page works without this file. It adds speed: shortcuts, copy buttons, a live preview of a balance.
// Pages ask for what they want with data attributes; no page carries a script of its own.

const root = document.documentElement;

function announce(text) {
  document.getElementById("live").textContent = text;
}

/* ---- theme: the button goes against the system, and back to it */

function toggleTheme() {
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const next = (root.dataset.theme ?? system) === "dark" ? "light" : "dark";
  if (next === system) {
    delete root.dataset.theme;
    localStorage.removeItem("theme");
  } else {
    root.dataset.theme = next;
    localStorage.setItem("theme", next);
  }
  announce(`${next === "dark" ? "Dark" : "Light"} theme`);
}

/* ---- copy and fill buttons */

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    announce(`${text} copied`);
  } catch {
    announce(`Could not copy. The text is ${text}`);
  }
}

// <button type="button" data-fill="65.62">: puts the value in the form's amount, or in the box data-fill-for names.
function fill(button) {
  const box = button.dataset.fillFor
    ? document.getElementById(button.dataset.fillFor)
    : button.form?.elements.namedItem("amount");
  if (!box) return;
  box.value = button.dataset.fill;
  box.dispatchEvent(new Event("input", { bubbles: true }));
  box.focus();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy], [data-fill], [data-theme-toggle], [data-print]");
  if (!button) return;
  if ("copy" in button.dataset) copy(button.dataset.copy);
  if ("fill" in button.dataset) fill(button);
  if ("themeToggle" in button.dataset) toggleTheme();
  if ("print" in button.dataset) window.print();
});

/* ---- keys: / and Ctrl-K go to the search box */

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, textarea, [contenteditable]");
  const slash = event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey;
  const k = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.shiftKey;
  const box = document.getElementById("find");
  if (!box || !(slash || k)) return;
  event.preventDefault();
  box.focus();
  box.select();
});

/* ---- sidebar: a popover on a phone must not stay open when the window grows */

const side = document.getElementById("side");
matchMedia("(width >= 62rem)").addEventListener("change", (wide) => {
  if (wide.matches && side?.matches(":popover-open")) side.hidePopover();
});

/* ---- a form is sent once; its key makes a second send harmless, this makes it rare */

const BUSY_MS = 15_000;

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  if (form.ariaBusy === "true") {
    event.preventDefault();
    return;
  }
  form.ariaBusy = "true";
  setTimeout(() => form.removeAttribute("aria-busy"), BUSY_MS);
});

addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[aria-busy]")) form.removeAttribute("aria-busy");
});

/* ---- money, in whole minor units: no floats */

const MINUS = "\u2212";

// "+1250.5" with exponent 2 is 125050n; null when the server would refuse it. `sign` is what an unsigned amount gets.
function parseMinor(text, exponent, sign) {
  const amount = /^([+-]?)(\d{1,12})(?:\.(\d+))?$/.exec(text.trim().replace(MINUS, "-"));
  if (!amount) return null;
  const [, written, whole, decimals = ""] = amount;
  if (decimals.length > exponent) return null;
  const minor = BigInt(whole + decimals.padEnd(exponent, "0"));
  return (written || sign) === "-" ? -minor : minor;
}

function formatMinor(minor, exponent, symbol) {
  const digits = (minor < 0n ? -minor : minor).toString().padStart(exponent + 1, "0");
  const cut = digits.length - exponent;
  const whole = digits.slice(0, cut).replace(/\B(?=(\d{3})+$)/g, ",");
  return (minor < 0n ? MINUS : "") + symbol + whole + (exponent ? `.${digits.slice(cut)}` : "");
}

/* ---- <form data-preview data-balance-minor data-exponent data-symbol>: what the balance will be, and the difference */

// The box holds a change, or with data-target the balance itself, which has no sign.
function preview(form) {
  const { balanceMinor, symbol = "" } = form.dataset;
  const exponent = Number(form.dataset.exponent ?? "2");
  const box = form.querySelector("[data-amount]") ?? form.elements.namedItem("amount");
  const out = form.querySelector("[data-after]");
  const difference = form.querySelector("[data-change]");
  if (!box || !out) return;

  const now = BigInt(balanceMinor);
  const direction = form.elements.namedItem("direction")?.value;
  const typed = parseMinor(box.value, exponent, direction === "remove" ? "-" : "+");
  const after = typed === null ? null : "target" in box.dataset ? typed : now + typed;
  const below = after !== null && after < 0n;
  out.textContent = after === null ? "—" : formatMinor(after, exponent, symbol) + (below ? ", below zero" : "");
  out.classList.toggle("below", below);
  if (difference) {
    const change = after === null ? null : after - now;
    difference.textContent = change === null ? "—" : (change > 0n ? "+" : "") + formatMinor(change, exponent, symbol);
  }
}

// The switch follows a written sign; turned by hand, it takes away a sign that says otherwise.
function followSign(form, turned) {
  const box = form.querySelector("[data-amount]");
  const direction = form.elements.namedItem("direction");
  const says = { "-": "remove", "+": "add" }[box?.value.trim().replace(MINUS, "-")[0]];
  if (!direction || !says || says === direction.value) return;
  if (turned) box.value = box.value.trim().slice(1);
  else direction.value = says;
}

for (const form of document.querySelectorAll("form[data-preview]")) {
  form.addEventListener("input", (event) => {
    followSign(form, event.target.name === "direction");
    preview(form);
  });
  form.addEventListener("reset", () => setTimeout(() => preview(form)));
  followSign(form, false);
  preview(form);
}

/* ---- <select data-note-for="note"> with <option data-note="required|optional">: is a note needed? */

function noteNeeded(select) {
  const note = document.getElementById(select.dataset.noteFor);
  const label = document.querySelector(`label[for="${CSS.escape(select.dataset.noteFor)}"] .optional`);
  const needed = select.selectedOptions[0]?.dataset.note === "required";
  if (note) note.required = needed;
  if (label) label.hidden = needed;
}

for (const select of document.querySelectorAll("select[data-note-for]")) {
  select.addEventListener("change", () => noteNeeded(select));
  select.form?.addEventListener("reset", () => setTimeout(() => noteNeeded(select)));
  noteNeeded(select);
}

/* ---- <select data-line-for="customer_note">: only reasons that fit the sign are offered, and the customer's line shows */

// Options may carry data-direction (add, remove, both) and data-line, or data-line-add and data-line-remove.
function reasonFits(select) {
  const { form } = select;
  const written = form?.querySelector("[data-amount]")?.value.trim().replace(MINUS, "-")[0];
  const chosen = form?.elements.namedItem("direction")?.value ?? "both";
  const direction = chosen === "both" ? chosen : ({ "-": "remove", "+": "add" }[written] ?? chosen);
  for (const option of select.options) {
    const fits = [undefined, "both", direction].includes(option.dataset.direction) || direction === "both";
    option.hidden = !fits;
    option.disabled = !fits;
  }
  if (select.selectedOptions[0]?.disabled) {
    select.selectedIndex = 0;
    select.dispatchEvent(new Event("change"));
  }
  const told = select.selectedOptions[0]?.dataset;
  const line = document.getElementById(select.dataset.lineFor);
  if (line && told) line.placeholder = told.line ?? (direction === "remove" ? told.lineRemove : told.lineAdd) ?? "";
}

for (const select of document.querySelectorAll("select[data-line-for]")) {
  select.form?.addEventListener("input", () => reasonFits(select));
  select.form?.addEventListener("reset", () => setTimeout(() => reasonFits(select)));
  reasonFits(select);
}

/* ---- <input type="checkbox" data-pick-all="picked">: ticks every box of that name in its form */

document.addEventListener("change", (event) => {
  const name = event.target.dataset?.pickAll;
  if (!name) return;
  for (const box of event.target.form?.querySelectorAll(`input[type="checkbox"][name="${CSS.escape(name)}"]`) ?? []) {
    box.checked = event.target.checked;
  }
});

/* ---- <form data-recount="summary">: what the server makes of the form so far shows in the element of that id */

const RECOUNT_MS = 300;

async function recount(form, asked) {
  const body = new FormData(form);
  body.set("act", "update");
  const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(body), signal: asked });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById(form.dataset.recount);
  if (fresh) document.getElementById(form.dataset.recount)?.replaceChildren(...fresh.childNodes);
}

for (const form of document.querySelectorAll("form[data-recount]")) {
  let waiting;
  let asking;
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    asking?.abort();
    asking = new AbortController();
    const { signal } = asking;
    // What could not be asked for is told when the form is sent.
    waiting = setTimeout(() => recount(form, signal).catch(() => {}), RECOUNT_MS);
  });
}

/* ---- <div id="progress" data-watch="/batches/7">: that element of the page is taken anew each second, until it has gone */

const WATCH_MS = 1000;

async function watch(part) {
  const answer = await fetch(part.dataset.watch);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById(part.id);
  if (!fresh) return location.assign(part.dataset.watch);
  part.replaceChildren(...fresh.childNodes);
  setTimeout(keepWatching, WATCH_MS, part);
}

function keepWatching(part) {
  // Who cannot be asked now is asked again.
  watch(part).catch(() => setTimeout(keepWatching, WATCH_MS, part));
}

for (const part of document.querySelectorAll("[data-watch]")) setTimeout(keepWatching, WATCH_MS, part);

/* ---- <details class="menu">: Escape and a press elsewhere close it; it opens without this */

document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && event.target.closest?.("details.menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

/* ---- after a refused form, reading starts at what went wrong */

document.querySelector(".summary")?.focus();
