// Make and change elements. Text is always text: nothing here parses HTML.

const SVG = "http://www.w3.org/2000/svg";

export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(element.style, value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  add(element, children);
  return element;
}

function add(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) add(element, child);
    else element.append(child instanceof Node ? child : String(child));
  }
}

// What had the focus has it again, if it is there still: who uses the keyboard does not lose the
// place whenever something new comes.
export function replace(element, ...children) {
  const focused = element.contains(document.activeElement) ? selectorOf(document.activeElement) : null;
  element.replaceChildren();
  add(element, children);
  if (focused) element.querySelector(focused)?.focus({ preventScroll: true });
  return element;
}

const NAMES = ["data-step", "data-command", "href", "aria-label"];

function selectorOf(element) {
  const name = NAMES.find((each) => element.hasAttribute(each));
  return name && `${element.localName}[${name}="${CSS.escape(element.getAttribute(name))}"]`;
}

// Calls at most every `ms`, the last call always; for what events ask for again and again.
export function throttled(call, ms) {
  let timer = 0, last = 0;
  const wrapped = () => {
    if (timer) return;
    timer = setTimeout(() => { timer = 0; last = Date.now(); call(); }, Math.max(0, last + ms - Date.now()));
  };
  wrapped.cancel = () => { clearTimeout(timer); timer = 0; };
  return wrapped;
}

export function toast(text, bad = false) {
  const box = document.getElementById("toasts");
  const shown = h("div", { class: bad ? "toast bad" : "toast" }, text);
  box.append(shown);
  setTimeout(() => shown.remove(), bad ? 9000 : 4000);
}

const ICONS = {
  ok: ["M5 13l4 4L19 7"],
  bad: ["M6 6l12 12M18 6L6 18"],
  run: ["M12 3a9 9 0 1 1-8 5"],
  warn: ["M12 5v8M12 18v.5"],
  idle: ["M6 12h12"],
};

export function pill(status) {
  const tone = toneOf(status);
  return h("span", { class: "pill", "data-tone": tone },
    svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, ICONS[tone].map((d) => svg("path", { d }))),
    status);
}

const TONES = {
  completed: "ok", failed: "bad", cancelled: "idle", terminated: "bad", skipped: "idle", failing: "warn",
  active: "ok", started: "run", starting: "run", ended: "ok", missed: "warn", refused: "bad",
  undone: "idle", undoing: "warn",
  retrying: "warn", waiting: "warn", paused: "warn", queued: "warn", blocked: "bad", running: "run", scheduled: "run", deciding: "run", open: "run",
};

export function toneOf(status) {
  return TONES[status.split(" ")[0]] || "idle";
}
