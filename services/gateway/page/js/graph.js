// The steps of a workflow as a graph: layers by the longest way to a step, left to right.

import { svg, h, toneOf } from "./dom.js";

const WIDTH = 150, HEIGHT = 46, GAP_X = 56, GAP_Y = 18;

// `statuses`: by step name, to colour it; may be empty.
export function graph(plan, statuses = {}) {
  const steps = plan?.root?.steps || [];
  if (!steps.length) return h("div", { class: "empty" }, "No steps to draw");
  const needs = steps.map((step) => [...(step.needs || [])]);
  steps.forEach((step, index) => {
    for (const one of step.cases || []) for (const then of one.then || []) {
      if (!needs[then].includes(index)) needs[then].push(index);
    }
  });
  const layers = layersOf(needs);
  const columns = [];
  layers.forEach((layer, index) => (columns[layer] ||= []).push(index));
  order(columns, needs);
  const tallest = Math.max(...columns.map((c) => c.length));
  const height = tallest * (HEIGHT + GAP_Y) - GAP_Y + 4;
  const width = columns.length * (WIDTH + GAP_X) - GAP_X + 4;
  const place = [];
  columns.forEach((column, x) => column.forEach((index, y) => {
    const top = (height - (column.length * (HEIGHT + GAP_Y) - GAP_Y)) / 2;
    place[index] = [2 + x * (WIDTH + GAP_X), top + y * (HEIGHT + GAP_Y)];
  }));
  const edges = needs.flatMap((from, to) => from.map((start) => edge(place[start], place[to])));
  const nodes = steps.map((step, index) => node(step, place[index], statuses[step.name]));
  return h("div", { class: "graph" },
    svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img",
      "aria-label": `Steps: ${steps.map((s) => s.name).join(", ")}` }, edges, nodes));
}

// How the steps at the top stand, by name; one that was undone afterwards is not done any more.
export function standing(steps) {
  const by = Object.fromEntries(steps.map((s) => [s.step, s]));
  const found = Object.fromEntries(steps.map((s) => [s.step, s.status]));
  const undoing = {};
  for (const step of steps.filter((s) => s.step.endsWith("~compensate"))) {
    const name = step.step.split(/[.[~]/)[0];
    // Not one of an earlier round: the step has run again since.
    if (by[name]?.ended_at && Date.parse(step.activated_at) >= Date.parse(by[name].ended_at)) (undoing[name] ||= []).push(step.status);
  }
  for (const [name, statuses] of Object.entries(undoing)) {
    found[name] = statuses.find((s) => toneOf(s) === "bad") || (statuses.every((s) => s === "completed") ? "undone" : "undoing");
  }
  return found;
}

function layersOf(needs) {
  const layers = needs.map(() => -1);
  const layer = (index, depth) => {
    if (depth > needs.length) return 0; // a cycle cannot be, but must not hang the page
    if (layers[index] < 0) layers[index] = Math.max(-1, ...needs[index].map((n) => layer(n, depth + 1))) + 1;
    return layers[index];
  };
  needs.forEach((_, index) => layer(index, 0));
  return layers;
}

// Each step near the middle of what it needs, so that few lines cross.
function order(columns, needs) {
  const rank = {};
  for (const column of columns) {
    const middle = (i) => needs[i].length ? needs[i].reduce((sum, n) => sum + (rank[n] ?? 0), 0) / needs[i].length : i;
    column.sort((a, b) => middle(a) - middle(b) || a - b);
    column.forEach((index, y) => { rank[index] = y - (column.length - 1) / 2; });
  }
}

function edge([fromX, fromY], [toX, toY]) {
  const x1 = fromX + WIDTH, y1 = fromY + HEIGHT / 2, x2 = toX, y2 = toY + HEIGHT / 2, bend = Math.max(22, (x2 - x1) / 2);
  return svg("path", { d: `M${x1} ${y1} C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}` });
}

function node(step, [x, y], status) {
  const cut = (text, chars) => (text.length > chars ? text.slice(0, chars - 1) + "…" : text);
  const kind = step.task?.name || step.kind;
  return svg("g", { "data-tone": status && toneOf(status), "data-undone": status === "undone" || null, transform: `translate(${x} ${y})` },
    svg("title", {}, `${step.name}: ${kind}${status ? ` (${status})` : ""}`),
    svg("rect", { width: WIDTH, height: HEIGHT, rx: 10 }),
    svg("text", { x: 14, y: 20 }, cut(step.name, 17)),
    svg("text", { x: 14, y: 36, class: "kind" }, cut((step.for_each ? "for each · " : "") + kind, 22)));
}
