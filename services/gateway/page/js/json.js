// JSON and YAML with colours, as text nodes.

import { h } from "./dom.js";

const JSON_PART = /("(?:[^"\\]|\\.)*"\s*:)|("(?:[^"\\]|\\.)*")|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|\b(true|false|null)\b/g;
const YAML_LINE = /^(\s*(?:- )?)([A-Za-z0-9_.-]+)(:)(\s.*|$)/;
const MAX_CHARS = 60_000;

export function json(value) {
  let text = JSON.stringify(value, null, 2) ?? "null";
  const cut = text.length > MAX_CHARS;
  if (cut) text = text.slice(0, MAX_CHARS);
  const pre = h("pre", { class: "json", tabindex: 0 });
  let at = 0;
  for (const match of text.matchAll(JSON_PART)) {
    pre.append(text.slice(at, match.index));
    const kind = match[1] ? "k" : match[2] ? "s" : match[3] ? "n" : "l";
    pre.append(h("span", { class: kind }, match[0]));
    at = match.index + match[0].length;
  }
  pre.append(text.slice(at));
  if (cut) pre.append(h("span", { class: "c" }, "\n… cut here"));
  return pre;
}

export function yaml(source) {
  const pre = h("pre", { class: "source", tabindex: 0 });
  for (const line of source.split("\n")) {
    const comment = line.search(/(^|\s)#/);
    const code = comment < 0 ? line : line.slice(0, comment);
    const match = YAML_LINE.exec(code);
    if (match) {
      pre.append(match[1], h("span", { class: "k" }, match[2]), match[3]);
      expressions(pre, match[4]);
    } else expressions(pre, code);
    if (comment >= 0) pre.append(h("span", { class: "c" }, line.slice(comment)));
    pre.append("\n");
  }
  return pre;
}

function expressions(pre, text) {
  let at = 0;
  for (const match of text.matchAll(/\$\{\{.*?\}\}/g)) {
    pre.append(text.slice(at, match.index), h("span", { class: "l" }, match[0]));
    at = match.index + match[0].length;
  }
  pre.append(text.slice(at));
}

export function labelled(label, ...content) {
  return h("div", { class: "labelled" }, h("span", {}, label), content);
}
