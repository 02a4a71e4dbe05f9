// What was understood of a text: its values as chips, its warnings, and the palette, which shows and changes them.

import { toHex } from "./colour.js";
import { $, element, page, percent } from "./page.js";
import { rove } from "./rove.js";
import { t } from "./texts.js";

const NOUNS = { hair: "Hair", eyes: "Eyes", length: "Length" };
const nounOf = (slot) => t(NOUNS[slot] ?? slot);
const both = (values) => values.map((value) => t(value)).join(t(" and "));
const colourOf = (slot, value) => page.config.rules.swatches[slot]?.[value];

let understood = null; // {readings, remarks, stated} of the latest text; `stated` where it changes a picture
let chosen = {}; // in the palette, by slot: a value, "#rrggbb", or null

/** The exact colours of readings, by slot: {hair: "#rrggbb"}. */
export function looksOf(readings) {
  const found = (readings ?? []).filter(({ look }) => look).map(({ slot, look }) => [slot, toHex(look)]);
  return Object.fromEntries(found);
}

export function showUnderstood({ readings, remarks, stated } = { readings: null, remarks: [] }) {
  understood = { readings, remarks, stated };
  $("understood").replaceChildren(...(readings ?? []).map(chipOf));
  const lines = remarks.map(({ template, values, words }) => {
    const translated = Object.entries(words).map(([name, word]) => [name, t(word)]);
    const line = t(template, { ...values, ...Object.fromEntries(translated) });
    return element("li", { textContent: line, dir: "auto" });
  });
  $("remarks").replaceChildren(...lines);
  for (const [slot, usual] of [["hair", "--accent"], ["eyes", "--accent-2"]]) {
    const reading = (readings ?? []).find((each) => each.slot === slot);
    const colour = reading?.look ? toHex(reading.look) : reading?.value && colourOf(slot, reading.value);
    $("glow").style.setProperty(`--${slot}`, colour || `var(${usual})`);
  }
  if (readings && !$("palette").hidden) showChosen(stated ?? readings);
}

export const showUnderstoodAgain = () => understood && showUnderstood(understood); // in another language

function chipOf({ slot, value, probability, look, denied, shares }) {
  if (look) {
    const colour = toHex(look);
    return chip(slot, value ? t("{colour}, a kind of {value}", { colour, value: t(value) }) : colour, [colour]);
  }
  if (!value) return chip(slot, denied.length ? t("any but {all}", { all: both(denied) }) : t("any"), [], true);
  const named = shares.map((share, i) => [share, page.config.rules.slots[slot][i]]);
  const [, [share, second]] = named.sort(([one], [other]) => other - one);
  const names = share > 0.2 ? [value, second] : [value];
  const isUnsure = probability < 0.995 && names.length === 1;
  const sure = isUnsure ? t(", {percent} sure", { percent: percent(probability) }) : "";
  return chip(slot, both(names) + sure, names.map((name) => colourOf(slot, name)).filter(Boolean));
}

function chip(slot, text, colours, isOpen = false) {
  const swatches = colours.map((colour) => {
    const swatch = element("span", { className: "swatch" });
    swatch.style.background = colour;
    return swatch;
  });
  const name = element("b", { textContent: nounOf(slot) });
  return element("li", { className: isOpen ? "open" : "" }, ...swatches, name, ` ${text}`);
}

// -- the palette -----------------------------------------------------------------------------------------------------

function showChosen(readings) {
  chosen = Object.fromEntries(readings.map(({ slot, value, look }) => [slot, look ? toHex(look) : value]));
  for (const button of $("palette").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", (chosen[button.dataset.slot] ?? "") === button.dataset.value);
    if (!button.dataset.value) button.textContent = nothingChosen();
  }
  for (const picker of $("palette").querySelectorAll("input")) {
    const { slot } = picker.dataset;
    const isOwn = Boolean(chosen[slot]?.startsWith("#"));
    picker.value = isOwn ? chosen[slot] : (colourOf(slot, chosen[slot]) ?? "#888888");
    picker.parentElement.classList.toggle("on", isOwn);
  }
}

/** The text that says what is chosen, and still denies what the latest one does of slots other than `changed`. */
function textOf(changed) {
  const hair = [chosen.length, chosen.hair].filter(Boolean).join(" ");
  const parts = [hair && `${hair} hair`, chosen.eyes && `${chosen.eyes} eyes`].filter(Boolean);
  const no = (understood?.stated ?? understood?.readings ?? []).flatMap(({ slot, denied }) =>
    chosen[slot] || slot === changed ? [] : denied.map((colour) => `no ${colour} ${slot}`),
  );
  const isPlain = !no.length && !parts.some((part) => part.includes("#"));
  return [...parts, ...no].join(isPlain ? " " : ", ") || (understood?.stated ? "" : "a face");
}

/** Make the palette of a model that knows hair and eyes; `draw(text)` is called with what is chosen. */
export function makePalette(draw) {
  const { rules, conditioning, reads } = page.config;
  if (!rules) return;
  const pick = (slot, value) => {
    chosen[slot] = value || null;
    draw(textOf(slot));
  };
  for (const group of $("palette").querySelectorAll(".swatches")) group.remove();
  $("palette").hidden = false;
  const isWithLength = conditioning.kind === "head";
  const hasOwn = reads > Object.values(rules.slots).flat().length;
  for (const [slot, values] of Object.entries(rules.slots).filter(([slot]) => isWithLength || slot !== "length")) {
    const group = element("div", { className: "swatches" }, element("b", { textContent: nounOf(slot) }));
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", nounOf(slot));
    group.append(...["", ...values].map((value) => choice(slot, value, pick)));
    if (hasOwn && slot in rules.swatches) group.append(ownColour(slot, pick));
    rove(group);
    $("palette").append(group);
  }
}

const nothingChosen = () => t(understood?.stated ? "as it is" : "any");

function choice(slot, value, pick) {
  const [colour, word] = [colourOf(slot, value), value ? t(value) : nothingChosen()];
  const button = element("button", { type: "button", title: word, className: colour ? "swatch" : "word" });
  Object.assign(button.dataset, { slot, value });
  button.setAttribute("aria-label", `${nounOf(slot)}: ${word}`);
  if (colour) button.style.background = colour;
  else button.textContent = word;
  button.addEventListener("click", () => pick(slot, value));
  return button;
}

function ownColour(slot, pick) {
  const picker = element("input", { type: "color" });
  picker.dataset.slot = slot;
  picker.setAttribute("aria-label", t("{what}: a colour of your own", { what: nounOf(slot) }));
  picker.addEventListener("change", () => pick(slot, picker.value));
  return element("label", { className: "word" }, `${t("own")} `, picker);
}
