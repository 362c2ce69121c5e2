// The keys of every view: Ctrl Enter records, Esc leaves a field, a digit or a letter acts outside one.

import { $ } from "./dom.js";
import { toggle, uncover } from "./panels.js";

export const typing = () => document.activeElement?.matches("input:not([type=radio], [type=checkbox]), textarea, select");

export function listen(keys, { ready, record, digit }) {
  document.addEventListener("keydown", (event) => {
    if (!ready()) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      record();
    } else if (event.key === "Escape") {
      if (!typing()) uncover();
      document.activeElement.blur();
      $("middle").focus({ preventScroll: true });
    } else if (typing() || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) {
      return;
    } else if (/^[1-9]$/.test(event.key)) {
      event.preventDefault(); // it may move into a field, which the digit is not for
      digit(Number(event.key));
    } else if (event.key === "[" || event.key === "]") {
      event.preventDefault();
      toggle(event.key === "[" ? "left" : "right");
    } else if (keys[event.key]) {
      event.preventDefault();
      keys[event.key]();
    }
  });
}
