// Workflows: the list, and one with its graph and source; register a new one.

import { api, namespace } from "../api.js";
import { openDialog } from "../dialog.js";
import { h, replace, toast } from "../dom.js";
import { ago, duration, moment, several } from "../format.js";
import { graph } from "../graph.js";
import { json, labelled, yaml } from "../json.js";
import { startDialog } from "../starting.js";

const FIRST = `workflow: hello
description: The smallest workflow.
steps:
  greet:
    task: std.echo
    with: {text: "Hello, \${{ input.name }}"}
output: \${{ steps.greet.output }}
`;

export async function definitionsView(place) {
  const query = { namespace: namespace.get() };
  const [{ definitions }, stats] = await Promise.all([api("/definitions", { query }), api("/stats", { query }).catch(() => null)]);
  replace(place,
    h("div", { class: "row" }, h("h1", {}, "Definitions"), h("button", { class: "primary end", onclick: () => register() }, "Register")),
    definitions.length
      ? h("div", { class: "cards" }, definitions.map((definition) => card(definition, stats)))
      : h("div", { class: "panel" }, h("div", { class: "empty" }, h("strong", {}, "No workflows yet"),
        "Register one here, or from a file:", h("pre", {}, "stretto apply workflow.yaml"))));
}

function card(definition, stats) {
  const runs = stats?.workflows?.[definition.workflow] || {};
  const total = Object.values(runs).reduce((a, b) => a + b, 0);
  const latency = stats?.run_latency?.[definition.workflow];
  return h("a", { class: "panel card", href: `#/definitions/${definition.workflow}` },
    h("div", { class: "row title" }, h("h2", {}, definition.workflow), h("span", { class: "tag end" }, `v${definition.version}`)),
    h("p", { class: "muted" }, definition.description || "No description."),
    h("div", { class: "row muted" },
      h("small", {}, several(total, "run")), latency && h("small", {}, `median ${duration(latency.p50_ms)}`),
      h("small", { class: "end" }, definition.created_at ? ago(definition.created_at) : "")));
}

export async function definitionView(place, [name, version]) {
  const query = { namespace: namespace.get() };
  const definition = await api(`/definitions/${name}${version ? `/${version}` : ""}`, { query });
  const latest = version ? (await api(`/definitions/${name}`, { query })).version : definition.version;
  const versions = h("select", { "aria-label": "Version" },
    Array.from({ length: latest }, (_, i) => latest - i).map((v) => h("option", { value: v }, `version ${v}${v === latest ? " (latest)" : ""}`)));
  versions.value = definition.version;
  versions.addEventListener("change", () => { location.hash = `#/definitions/${name}/${versions.value}`; });
  replace(place,
    h("div", { class: "row" },
      h("a", { href: "#/definitions", class: "muted" }, "Definitions /"), h("h1", {}, name), versions,
      h("span", { class: "end row" },
        h("a", { class: "button", href: `#/runs?workflow=${name}` }, "Its runs"),
        h("button", { onclick: () => register(definition.source) }, "New version"),
        h("button", { class: "primary", onclick: () => startDialog(name) }, "Start"))),
    h("p", { class: "muted" }, definition.created_at ? `Registered ${moment(definition.created_at)}` : ""),
    definition.graph && h("section", { class: "panel" }, h("header", {}, h("h2", {}, "Steps")), graph(definition.graph)),
    h("section", { class: "panel" }, h("header", {}, h("h2", {}, "Source")), h("div", { class: "body" }, yaml(definition.source))),
    definition.graph?.input_schema && h("section", { class: "panel" },
      h("header", {}, h("h2", {}, "What it takes")), h("div", { class: "body" }, labelled("JSON Schema of the input", json(definition.graph.input_schema)))));
}

function register(source = FIRST) {
  const text = h("textarea", { rows: 18, spellcheck: "false", value: source, "aria-label": "Definition in YAML" });
  openDialog({
    title: "Register a definition", label: "Register", fields: [text], wide: true,
    send: async () => {
      const made = await api("/definitions", { method: "POST", body: { source: text.value, namespace: namespace.get() } });
      toast(made.created === false ? `${made.workflow} v${made.version} is there already` : `${made.workflow} v${made.version} registered`);
      location.hash = `#/definitions/${made.workflow}/${made.version}`;
    },
  });
}
