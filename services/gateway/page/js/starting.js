// The dialog that starts a run.

import { api, namespace } from "./api.js";
import { field, jsonOf, openDialog } from "./dialog.js";
import { h, toast } from "./dom.js";

export async function startDialog(chosen) {
  const { definitions } = await api("/definitions", { query: { namespace: namespace.get() } });
  if (!definitions.length) return toast("There is no workflow to start yet: register one first.", true);
  const select = h("select", { required: true }, definitions.map((d) => h("option", { value: d.workflow }, d.workflow)));
  if (chosen) select.value = chosen;
  const input = h("textarea", { rows: 9, spellcheck: "false" });
  const key = h("input", { autocomplete: "off", placeholder: "none" });
  const suggest = async () => {
    const { graph } = await api(`/definitions/${select.value}`, { query: { namespace: namespace.get() } });
    input.value = JSON.stringify(example(graph?.input_schema), null, 2);
  };
  select.addEventListener("change", () => suggest().catch((error) => toast(error.message, true)));
  openDialog({
    title: "Start a run", label: "Start",
    fields: [
      field("Workflow", select), field("Input (JSON)", input),
      field("Key of your own: while a run with it is open, it is that run", key),
    ],
    send: async () => {
      const started = await api("/runs", { method: "POST", body: {
        workflow: select.value, namespace: namespace.get(), input: jsonOf(input, "The input") ?? null, ...(key.value ? { id: key.value } : {}),
      } });
      location.hash = `#/runs/${started.run_id}`;
    },
  });
  await suggest();
}

// A value that a JSON Schema would take, more or less: to begin with.
function example(schema, depth = 0) {
  if (!schema || typeof schema !== "object" || depth > 4) return {};
  if (schema.default !== undefined) return schema.default;
  if (schema.examples?.length) return schema.examples[0];
  if (schema.enum?.length) return schema.enum[0];
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  switch (type) {
    case "string": return "";
    case "number": case "integer": return schema.minimum ?? 0;
    case "boolean": return false;
    case "null": return null;
    case "array": return schema.items ? [example(schema.items, depth + 1)] : [];
    default: return Object.fromEntries(Object.entries(schema.properties || {}).map(([name, part]) => [name, example(part, depth + 1)]));
  }
}
