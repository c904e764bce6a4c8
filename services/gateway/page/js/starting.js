// The dialog that starts a run.

import { api, namespace } from "./api.js";
import { h, replace, toast } from "./dom.js";

export async function startDialog(chosen) {
  const { definitions } = await api("/definitions", { query: { namespace: namespace.get() } });
  if (!definitions.length) return toast("There is no workflow to start yet: register one first.", true);
  const select = h("select", { required: true }, definitions.map((d) => h("option", { value: d.workflow }, d.workflow)));
  if (chosen) select.value = chosen;
  const input = h("textarea", { rows: 9, spellcheck: "false", "aria-describedby": "start-problem" });
  const key = h("input", { autocomplete: "off", placeholder: "none" });
  const problem = h("p", { id: "start-problem", role: "alert" });
  const suggest = async () => {
    const { graph } = await api(`/definitions/${select.value}`, { query: { namespace: namespace.get() } });
    input.value = JSON.stringify(example(graph?.input_schema), null, 2);
  };
  const submit = async (event) => {
    event.preventDefault();
    replace(problem);
    let value;
    try {
      value = input.value.trim() ? JSON.parse(input.value) : null;
    } catch (error) {
      return void replace(problem, h("span", { class: "note bad" }, `The input is no JSON: ${error.message}`));
    }
    try {
      const started = await api("/runs", { method: "POST", body: {
        workflow: select.value, namespace: namespace.get(), input: value, ...(key.value ? { id: key.value } : {}),
      } });
      dialog.close();
      location.hash = `#/runs/${started.run_id}`;
    } catch (error) {
      replace(problem, h("span", { class: "note bad" }, error.message));
    }
  };
  const dialog = h("dialog", { "aria-labelledby": "start-title" },
    h("form", { onsubmit: submit },
      h("h2", { id: "start-title" }, "Start a run"),
      h("label", { class: "field" }, "Workflow", select),
      h("label", { class: "field" }, "Input (JSON)", input),
      h("label", { class: "field" }, "Key of your own: while a run with it is open, it is that run", key),
      problem,
      h("div", { class: "row" },
        h("button", { type: "button", onclick: () => dialog.close() }, "Close"),
        h("button", { class: "primary" }, "Start"))));
  dialog.addEventListener("close", () => dialog.remove());
  select.addEventListener("change", suggest);
  document.body.append(dialog);
  dialog.showModal();
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
