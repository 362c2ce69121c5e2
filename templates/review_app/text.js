// A part's text in chunks; what does not stand open comes when it is asked for.

import { el } from "./dom.js";
import { watch } from "./shown.js";

// How many chunks of a part stand open, by the kind of part.
export const OPEN = { call: 1, result: 1, expected: 3, reasoning: 12, system: 1, sibling: 1, message: 4, question: 4, answer: 4, judge: 4 };

export function body(id, part, open, other = false) {
  const text = el("div", { class: `text${part.json ? " json" : part.readable ? " readable" : ""}`, "data-part": part.name, "data-id": id, "data-other": other });
  const size = part.brief || part.chunks.length > open + 1 ? open : part.chunks.length;
  const add = (chunks) => {
    for (const chunk of chunks) {
      const span = el("span", { class: "chunk", "data-id": id, "data-part": part.name, "data-from": chunk.from, "data-to": chunk.to },
        ...chunk.lines.map(part.readable ? readable : ([depth, words]) => (part.json ? el("span", { class: `line d${depth}` }, words) : words)));
      text.append(span);
      watch(span);
    }
  };
  add(part.chunks.slice(0, size));
  if (size === part.chunks.length) return [text];
  const more = el("button", { class: "fold link", type: "button" }, `show all ${part.size.toLocaleString("en")} characters`);
  more.addEventListener("click", () => {
    add(part.chunks.slice(size));
    more.remove();
    document.dispatchEvent(new Event("unfolded"));
  });
  return [text, more];
}

// A line of which only some is shown: what is hidden is still in it, so that a quote has the
// characters that were recorded, and what is shown in its place is the style's.
const readable = (line) => el("span", { class: `line${line.some(([, shown]) => shown === "(") ? " called" : ""}` }, ...line.flatMap(([recorded, shown]) => (recorded === shown ? [recorded]
  : [el("span", { class: "off" }, recorded), shown && el("span", { class: "as", "data-as": shown })])));
