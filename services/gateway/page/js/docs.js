// Shows the OpenAPI document.

import { h, replace } from "./dom.js";

document.documentElement.dataset.theme = localStorage.getItem("stretto-theme")
  || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");

const document_ = await (await fetch("/openapi.json")).json();
const main = document.getElementById("main");
const groups = new Map();
for (const [path, operations] of Object.entries(document_.paths)) {
  for (const [verb, operation] of Object.entries(operations)) {
    const tag = operation.tags?.[0] || "other";
    groups.set(tag, [...(groups.get(tag) || []), { path, verb, operation }]);
  }
}

const schemaName = (schema) => schema?.$ref ? link(schema.$ref.split("/").pop())
  : schema?.type === "array" ? ["list of ", schemaName(schema.items)]
  : schema?.anyOf ? schema.anyOf.map((s, i) => [i ? " or " : "", schemaName(s)])
  : schema?.enum ? schema.enum.join(" | ") : schema?.type || schema?.description || "any JSON";
const link = (name) => h("a", { href: `#${name}` }, name);

function operationOf({ path, verb, operation }) {
  const parameters = operation.parameters || [];
  const body = operation.requestBody?.content || {};
  return h("details", { class: "panel operation" },
    h("summary", {}, h("span", { class: `verb ${verb}` }, verb.toUpperCase()), h("code", {}, path), h("span", {}, operation.summary)),
    h("div", { class: "inside" },
      operation.description && h("p", {}, operation.description),
      parameters.length > 0 && table(["Parameter", "In", "What"], parameters.map((p) => [h("code", {}, p.name), p.in, [p.required ? "required. " : "", p.description || p.schema?.description || schemaName(p.schema)]])),
      Object.keys(body).length > 0 && table(["Body", ""], Object.entries(body).map(([type, { schema }]) => [h("code", {}, type), schemaName(schema)])),
      table(["Answer", "", "What"], Object.entries(operation.responses).map(([status, r]) =>
        [h("code", {}, status), Object.values(r.content || {}).slice(0, 1).map((c) => schemaName(c.schema)), r.description]))));
}

function schemaOf([name, schema]) {
  const required = new Set(schema.required || []);
  return h("details", { class: "panel operation", id: name },
    h("summary", {}, h("code", {}, name)),
    h("div", { class: "inside" }, schema.description && h("p", {}, schema.description),
      table(["Field", "Type", ""], Object.entries(schema.properties || {}).map(([field, s]) => [h("code", {}, field), schemaName(s), required.has(field) ? "always" : ""]))));
}

function table(heads, rows) {
  return h("table", { class: "small" }, h("thead", {}, h("tr", {}, heads.map((t) => h("th", {}, t)))),
    h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((c) => h("td", {}, c))))));
}

replace(main, h("div", { class: "stack" },
  h("h1", {}, `${document_.info.title} API ${document_.info.version}`),
  h("p", { class: "muted" }, document_.info.description, " Errors are problems (RFC 9457) with a stable ", h("code", {}, "code"), "."),
  [...groups].map(([tag, operations]) => [h("h2", {}, tag), h("div", {}, operations.map(operationOf))]),
  h("h2", {}, "Types"), h("div", {}, Object.entries(document_.components.schemas).map(schemaOf))));

const open = () => document.getElementById(location.hash.slice(1))?.setAttribute("open", "");
addEventListener("hashchange", open);
open();
