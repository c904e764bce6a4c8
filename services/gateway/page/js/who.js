// Who asks, and why: asked in every dialog that changes something, kept in the log.

import { field } from "./dialog.js";
import { h } from "./dom.js";

const WHO = "stretto-by";

// The two fields; `body` puts what was typed into what is sent.
export function whoAndWhy() {
  const by = h("input", { autocomplete: "username", maxlength: 256, value: localStorage.getItem(WHO) || "", placeholder: "your name" });
  const reason = h("input", { autocomplete: "off", maxlength: 1000, placeholder: "why, for the log" });
  const body = () => {
    localStorage.setItem(WHO, by.value.trim());
    return {
      ...(by.value.trim() ? { by: by.value.trim() } : {}),
      ...(reason.value.trim() ? { reason: reason.value.trim() } : {}),
    };
  };
  return { fields: [field("Reason", reason), field("Who asks", by)], body, reason };
}
