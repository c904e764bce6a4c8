// A dialog with a form: what will happen, fields, a problem if there is one, two buttons.

import { h, replace } from "./dom.js";

const MAX_MISTAKES = 8;
let count = 0;

// `send` is called when the form is sent: the dialog closes when it is through, and shows what it
// throws. `done` is called after either. The first of the fields has the focus, or `focus`.
export function openDialog({ title, tags = [], says, fields = [], label, tone = "primary", wide, send, done = () => {}, focus }) {
  const id = `dialog-${count += 1}`;
  const problem = h("div", { role: "alert" });
  const button = h("button", { class: tone }, label);
  const submit = async (event) => {
    event.preventDefault();
    replace(problem);
    button.disabled = true;
    try {
      await send();
      dialog.close();
    } catch (error) {
      replace(problem, note(error));
    } finally {
      button.disabled = false;
      done();
    }
  };
  const dialog = h("dialog", { class: wide ? "wide" : null, "aria-labelledby": id },
    h("form", { onsubmit: submit },
      h("h2", { id }, title, tags.map((tag) => h("code", { class: "tag" }, tag))),
      says && h("p", { class: "muted" }, says),
      fields, problem,
      h("div", { class: "row" }, h("button", { type: "button", onclick: () => dialog.close() }, "Close"), button)));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  (focus || dialog.querySelector("input, textarea, select"))?.focus();
  return dialog;
}

export function field(label, input) {
  return h("label", { class: "field" }, label, input);
}

// What a text holds as JSON; says which field it is where it holds none.
export function jsonOf(input, what) {
  if (!input.value.trim()) return undefined;
  try {
    return JSON.parse(input.value);
  } catch (error) {
    throw new Error(`${what} is no JSON: ${error.message}`);
  }
}

function note(error) {
  const mistakes = error.errors || [];
  return h("div", { class: "note bad" },
    mistakes.length ? h("b", {}, "It was refused:") : error.message,
    mistakes.slice(0, MAX_MISTAKES).map((m) => h("div", {}, m.line ? `Line ${m.line}: ` : "", m.reason || m.message || JSON.stringify(m), m.suggestion ? ` (${m.suggestion})` : "")),
    mistakes.length > MAX_MISTAKES && h("div", {}, `and ${mistakes.length - MAX_MISTAKES} more`),
    error.remedy && h("small", {}, error.remedy.replaceAll("`", "")));
}
