// Quotes: taken from the selection, and found again in the text to be marked there.

import { $ } from "./dom.js";

// The selected text, cut to the part it begins in; exactly the characters of the datapoint,
// without the line breaks that the page's layout puts between indented lines.
export function selected(id) {
  const { quote, reason, of } = selection();
  if (of && of.dataset.id !== id) return { reason: "that is another datapoint's answer; quote this one's" };
  return { quote, reason, of };
}

// The selected text wherever it stands, and the element it is `of`.
export function selection() {
  const selection = getSelection();
  if (!selection.rangeCount || selection.isCollapsed) return { reason: "select some text first" };
  const range = selection.getRangeAt(0).cloneRange();
  const of = [...$("middle").querySelectorAll(".text")].find((one) => range.intersectsNode(one) && within(range, one));
  return of ? { quote: within(range, of), of } : { reason: "select text of the datapoint" };
}

function within(range, text) {
  const cut = range.cloneRange();
  if (!text.contains(cut.startContainer)) cut.setStart(text, 0);
  if (!text.contains(cut.endContainer)) cut.setEnd(text, text.childNodes.length);
  return wholeWords(cut).cloneContents().textContent.trim();
}

// A quote is whole words, and a hand that drags seldom hits their ends.
function wholeWords(range) {
  const inWord = (text, place) => /^[\p{L}\p{N}_]{2}$/u.test(text.slice(place - 1, place + 1));
  let { startContainer: first, startOffset: from, endContainer: last, endOffset: to } = range;
  if (first.nodeType === Node.TEXT_NODE) while (inWord(first.data, from)) from -= 1;
  if (last.nodeType === Node.TEXT_NODE) while (inWord(last.data, to)) to += 1;
  range.setStart(first, from);
  range.setEnd(last, to);
  return range;
}

export function mark(mine, others) {
  if (!CSS.highlights) return;
  const texts = [...$("middle").querySelectorAll(".text:not([data-other])")].map(foldedText);
  const ranges = (quotes) => quotes.flatMap((quote) => texts.map((text) => rangeOf(quote, text)).filter(Boolean));
  CSS.highlights.set("quote", new Highlight(...ranges(mine)));
  CSS.highlights.set("quote-other", new Highlight(...ranges(others)));
}

export function scrollTo(quote) {
  for (const one of $("middle").querySelectorAll(".text:not([data-other])")) {
    const range = rangeOf(quote, foldedText(one));
    if (range) {
      const top = range.getBoundingClientRect().top - $("middle").getBoundingClientRect().top;
      $("middle").scrollBy({ top: top - $("middle").clientHeight / 3 });
      return true;
    }
  }
  return false;
}

// An element's text with its white space folded, and where each character of it stands.
function foldedText(element) {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const nodes = [];
  let raw = "";
  while (walker.nextNode()) {
    nodes.push([raw.length, walker.currentNode]);
    raw += walker.currentNode.data;
  }
  return { raw, nodes };
}

const escaped = (word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

function rangeOf(quote, { raw, nodes }) {
  const words = quote.split(/\s+/).filter(Boolean);
  if (!words.length || !raw.includes(words[0])) return null;
  const match = new RegExp(words.map(escaped).join("\\s+")).exec(raw);
  if (!match) return null;
  const range = document.createRange();
  const place = (offset, end) => {
    const [start, node] = nodes.findLast(([from]) => (end ? from < offset : from <= offset));
    return [node, offset - start];
  };
  range.setStart(...place(match.index, false));
  range.setEnd(...place(match.index + match[0].length, true));
  return range;
}
