// What stood on the screen: each chunk of text that came into view is told to the server once.

import { post } from "./api.js";

let seen = new Map();
const told = new Set();
let timer = 0;

const observer = new IntersectionObserver((changes) => {
  for (const change of changes) {
    if (!change.isIntersecting) continue;
    observer.unobserve(change.target);
    const { id, part, from, to } = change.target.dataset;
    const key = `${id}\n${part}\n${from}`;
    if (told.has(key)) continue;
    told.add(key);
    if (!seen.has(id)) seen.set(id, []);
    seen.get(id).push([part, Number(from), Number(to)]);
  }
  if (seen.size && !timer) timer = setTimeout(flush, 1500);
}, { threshold: 0 });

// Where nothing is recorded, that was seen.
export function nothingIn(id) {
  if (told.has(id)) return;
  told.add(id);
  seen.set(id, []);
  timer ||= setTimeout(flush, 1500);
}

export const watch = (chunk) => observer.observe(chunk);

export function stop() {
  observer.disconnect();
  flush();
}

export function flush(leaving = false) {
  clearTimeout(timer);
  timer = 0;
  for (const [id, spans] of seen) post("shown", { id, spans }, leaving).catch(() => {});
  seen = new Map();
}
