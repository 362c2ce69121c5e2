// The panels at the sides: beside the text where there is room, else drawers over it.

import { $ } from "./dom.js";

const SIDES = { left: "(max-width: 1099.98px)", right: "(max-width: 719.98px)" };
const isDrawer = (side) => matchMedia(SIDES[side]).matches;
const isOpen = (side) => (isDrawer(side) ? $(side).classList.contains("open") : !$(side).classList.contains("folded"));

export function start() {
  for (const side of Object.keys(SIDES)) {
    if (localStorage.getItem(`folded ${side}`)) $(side).classList.add("folded");
    $(`show-${side}`).addEventListener("mousedown", (event) => event.preventDefault()); // keeps the selection
    $(`show-${side}`).addEventListener("click", () => toggle(side));
    matchMedia(SIDES[side]).addEventListener("change", tell);
  }
  tell();
}

function tell() {
  for (const side of Object.keys(SIDES)) $(`show-${side}`).setAttribute("aria-expanded", String(isOpen(side)));
}

export function toggle(side) {
  if (isOpen(side)) fold(side);
  else unfold(side);
}

// Shows a panel; a drawer takes the focus, and another drawer's place.
export function unfold(side) {
  if (isOpen(side)) return;
  if (isDrawer(side)) {
    for (const other of Object.keys(SIDES)) $(other).classList.remove("open");
    $(side).classList.add("open");
    $(side).querySelector("input:not([type=hidden], [type=radio]), select, button, [tabindex='0']")?.focus();
  } else {
    $(side).classList.remove("folded");
    localStorage.removeItem(`folded ${side}`);
  }
  tell();
}

function fold(side) {
  const had = $(side).contains(document.activeElement);
  if (isDrawer(side)) $(side).classList.remove("open");
  else {
    $(side).classList.add("folded");
    localStorage.setItem(`folded ${side}`, "1");
  }
  tell();
  if (had) $(`show-${side}`).focus();
}

// Closes what lies over the text; false where nothing does.
export function uncover() {
  const over = Object.keys(SIDES).filter((side) => isDrawer(side) && isOpen(side));
  over.forEach(fold);
  return over.length > 0;
}
