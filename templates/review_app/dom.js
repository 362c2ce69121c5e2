// Making elements. Text always goes in as text: nothing here parses HTML.

export const $ = (id) => document.getElementById(id);

export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== ""));
  return element;
}

export function option(value, label) {
  const made = el("option", { value });
  made.textContent = label;
  return made;
}

let told = 0;
let lasting = false;

// Says something in the line below the page, where it covers nothing and is read aloud; what does
// not last is gone with the datapoint that it is said of.
export function say(words, bad = false, lasts = false) {
  lasting = lasts;
  $("message").textContent = words;
  $("message").className = bad ? "bad" : "";
  clearTimeout(told);
  told = setTimeout(() => { $("message").textContent = ""; }, bad ? 15000 : 6000);
}

export const hush = () => { if (!lasting) say(""); };

export function status(words, kind = "") {
  $("status").textContent = words;
  $("status").title = words;
  $("status").className = kind;
}

export function toggleTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
}

export const clock = () => new Date().toTimeString().slice(0, 5);
