// The page's own texts: English as they are written, others by the tables beside this file.

import { fill } from "./text.js";

export const LANGUAGES = { en: "English", "zh-Hant": "繁體中文", ja: "日本語" };
const ATTRIBUTES = ["aria-label", "title", "placeholder"];
let table = {};

/** A text in the reader's language, with its `{names}` filled in. */
export const t = (text, values) => fill(table[text] ?? text, values);
window.translate = t; // for guard.js

/** The language that the browser asks for, of those that there are. */
export function preferred(wanted = navigator.languages) {
  for (const code of wanted) {
    if (code.startsWith("zh")) return "zh-Hant";
    const [language] = code.split("-");
    if (Object.hasOwn(LANGUAGES, language)) return language;
  }
  return "en";
}

const fixed = []; // what the page begins with: {english, put}
for (const node of textNodes(document.body)) {
  const english = node.data.trim().replace(/\s+/g, " ");
  if (english) fixed.push({ english, put: (text) => (node.data = node.data.replace(/\S(?:.*\S)?/s, () => text)) });
}
for (const name of ATTRIBUTES) {
  for (const element of document.querySelectorAll(`[${name}]`)) {
    fixed.push({ english: element.getAttribute(name), put: (text) => element.setAttribute(name, text) });
  }
}

function* textNodes(root) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) if (!walker.currentNode.parentElement.closest("noscript, script")) yield walker.currentNode;
}

/** Put the page into a language; what is made later asks `t`. */
export async function speak(language) {
  table = language === "en" ? {} : (await import(`./texts.${language}.js`)).default;
  document.documentElement.lang = language;
  for (const { english, put } of fixed) put(t(english));
}
