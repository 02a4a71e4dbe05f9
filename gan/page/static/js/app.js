// The page: what is asked for, the pictures, and what can be done with them.

import { toHex } from "./colour.js";
import { Engine } from "./engine.js";
import { COUNTS, LIMITS, fromHash, seedOf, toHash } from "./link.js";
import { MAX_SEED } from "./noise.js";
import { metadata, png, tile } from "./png.js";
import { rove } from "./rove.js";
import { InputError } from "./text.js";
import { LANGUAGES, preferred, speak, t } from "./texts.js";

const $ = (id) => document.getElementById(id);
const COLUMNS = { 1: 1, 4: 2, 8: 4, 12: 4, 25: 5 }; // of the grid, by how many pictures it has
const STEPS = 8;
const KEPT = 24;

let config = null; // until the model is loaded
let state = { text: "", seed: 0n, num: 12, style: 0, truncation: 1, guidance: 1, to: "", at: 0.5 };
let drawn = null; // the state whose pictures are shown, or come
let understood = null; // what was read of the latest text
let shown = []; // the pictures of the grid: {key, text, seed, looks, asked, pixels, url}
let drawing = 0; // the number of the latest drawing: an earlier one stops
const made = new Map(); // the pictures that have an address, by their keys
const touched = new Set(); // the fields that were set while the model was loaded
export const engine = new Engine(tellLoading);

// -- what is asked ---------------------------------------------------------------------------------------------------

const options = ({ style, truncation, guidance }) => ({ style, truncation, guidance });
const isLocked = () => $("lock").getAttribute("aria-pressed") === "true";

function setLock(locked) {
  $("lock").setAttribute("aria-pressed", locked);
}

function setSeed(seed) {
  state.seed = seed;
  $("seed").value = seed;
  touched.add("seed");
  say("seed-error");
}

const anotherSeed = () => BigInt(crypto.getRandomValues(new Uint32Array(1))[0]);

/** Show a state in the fields. */
function fillFields() {
  $("text").value = state.text;
  $("seed").value = state.seed;
  $("num").value = state.num;
  $("style").value = state.style;
  for (const name of Object.keys(LIMITS)) {
    $(name).value = state[name];
    $(`${name}-now`).value = state[name];
  }
  $("to").value = state.to;
  $("at").value = state.at;
  $("at-now").value = percent(state.at);
  fit();
}

function fit() { // the text's field grows with it
  $("text").style.height = "auto";
  $("text").style.height = `${$("text").scrollHeight + 2}px`;
}

const percent = (share) => `${Math.round(100 * share)} %`;

const told = (error) => (error instanceof InputError ? t(error.template, error.values) : error.message);

function say(id, ...errors) {
  for (const error of errors) if (!(error instanceof InputError)) console.error(error);
  $(id).textContent = errors.map(told).join(" ");
}

/** The address of what is shown: a new entry of the browser's history, or in place of the last one. */
function setAddress(asked, isNew) {
  const hash = toHash(config, asked);
  if (hash === location.hash) return;
  if (isNew) history.replaceState(null, ""); // what was typed there is drawn now
  history[isNew ? "pushState" : "replaceState"](null, "", hash);
}

// -- what was understood ---------------------------------------------------------------------------------------------

const NOUNS = { hair: "Hair", eyes: "Eyes", length: "Length" };
const nounOf = (slot) => t(NOUNS[slot] ?? slot);

function chip(slot, text, colours, isOpen) {
  const item = document.createElement("li");
  for (const colour of colours) {
    const swatch = document.createElement("span");
    swatch.className = "swatch";
    swatch.style.background = colour;
    item.append(swatch);
  }
  const name = document.createElement("b");
  name.textContent = nounOf(slot);
  item.append(name, ` ${text}`);
  item.classList.toggle("open", isOpen);
  return item;
}

const both = (values) => values.map((value) => t(value)).join(t(" and "));

function colourOf(slot, value) {
  return config.rules.swatches[slot]?.[value];
}

function looksOf(readings) {
  const found = (readings ?? []).filter(({ look }) => look).map(({ slot, look }) => [slot, toHex(look)]);
  return Object.fromEntries(found);
}

function showUnderstood({ readings, remarks }) {
  understood = { readings, remarks };
  const chips = (readings ?? []).map(({ slot, value, probability, look, denied, shares }) => {
    if (look) return chip(slot, value ? t("{colour}, a kind of {value}", { colour: toHex(look), value: t(value) }) : toHex(look), [toHex(look)], false);
    if (!value) return chip(slot, denied.length ? t("any but {all}", { all: both(denied) }) : t("any"), [], true);
    const named = shares.map((share, i) => [share, config.rules.slots[slot][i]]);
    const [, [share, second]] = named.sort(([one], [other]) => other - one);
    const isMixed = share > 0.2;
    const names = isMixed ? [value, second] : [value];
    const text = isMixed ? both([value, second]) : t(value);
    const sure = probability < 0.995 && !isMixed ? t(", {percent} sure", { percent: percent(probability) }) : "";
    return chip(slot, text + sure, names.map((name) => colourOf(slot, name)).filter(Boolean), false);
  });
  $("understood").replaceChildren(...chips);
  $("remarks").replaceChildren(
    ...remarks.map((remark) => {
      const item = document.createElement("li");
      item.textContent = remark;
      item.dir = "auto";
      return item;
    }),
  );
  const [hair, eyes] = ["hair", "eyes"].map((slot) => {
    const reading = (readings ?? []).find((each) => each.slot === slot);
    return reading?.look ? toHex(reading.look) : reading?.value ? colourOf(slot, reading.value) : null;
  });
  $("glow").style.setProperty("--hair", hair ?? "var(--accent)");
  $("glow").style.setProperty("--eyes", eyes ?? "var(--accent-2)");
  showPalette(readings);
}

// -- the palette -----------------------------------------------------------------------------------------------------

let chosen = {}; // by slot: a value, "#rrggbb", or null

function showPalette(readings) {
  if (!readings || $("palette").hidden) return;
  chosen = Object.fromEntries(readings.map(({ slot, value, look }) => [slot, look ? toHex(look) : value]));
  for (const button of $("palette").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", (chosen[button.dataset.slot] ?? "") === button.dataset.value);
  }
  for (const picker of $("palette").querySelectorAll("input")) {
    const { slot } = picker.dataset;
    const is = chosen[slot]?.startsWith("#");
    picker.value = is ? chosen[slot] : (colourOf(slot, chosen[slot]) ?? "#888888");
    picker.parentElement.classList.toggle("on", Boolean(is));
  }
}

function pick(slot, value) {
  chosen[slot] = value || null;
  const denied = (understood?.readings ?? []).filter((one) => one.slot !== slot && !chosen[one.slot]);
  const hair = [chosen.length, chosen.hair].filter(Boolean).join(" ");
  const parts = [hair && `${hair} hair`, chosen.eyes && `${chosen.eyes} eyes`].filter(Boolean);
  const no = denied.flatMap((one) => one.denied.map((colour) => `no ${colour} ${one.slot}`));
  const isPlain = !no.length && !parts.some((part) => part.includes("#"));
  state.text = [...parts, ...no].join(isPlain ? " " : ", ") || "a face";
  fillFields();
  if (takeSeed()) draw();
}

function makePalette() {
  const { rules, conditioning } = config;
  if (!rules || !["head", "onehot"].includes(conditioning.kind)) return;
  for (const group of $("palette").querySelectorAll(".swatches")) group.remove();
  $("palette").hidden = false;
  const slots = Object.entries(rules.slots).filter(([slot]) => conditioning.kind === "head" || slot !== "length");
  for (const [slot, values] of slots) {
    const group = document.createElement("div");
    group.className = "swatches";
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", nounOf(slot));
    const name = document.createElement("b");
    name.textContent = nounOf(slot);
    group.append(name);
    for (const value of ["", ...values]) {
      const button = document.createElement("button");
      const colour = colourOf(slot, value);
      const word = t(value || "any");
      Object.assign(button, { type: "button", title: word });
      Object.assign(button.dataset, { slot, value });
      button.setAttribute("aria-label", `${nounOf(slot)}: ${word}`);
      if (colour) button.style.background = colour;
      else button.textContent = word;
      button.className = colour ? "swatch" : "word";
      button.addEventListener("click", () => pick(slot, value));
      group.append(button);
    }
    if (slot in rules.swatches && config.reads > Object.values(rules.slots).flat().length) {
      const label = document.createElement("label");
      label.className = "word";
      label.textContent = `${t("own")} `;
      const picker = document.createElement("input");
      picker.type = "color";
      picker.dataset.slot = slot;
      picker.setAttribute("aria-label", t("{what}: a colour of your own", { what: nounOf(slot) }));
      picker.addEventListener("change", () => pick(slot, picker.value));
      label.append(picker);
      group.append(label);
    }
    rove(group);
    $("palette").append(group);
  }
}

// -- the pictures ----------------------------------------------------------------------------------------------------

function pictureOf(asked, items, pixels, size = [config.resolution, config.resolution], extra = {}) {
  const entries = metadata(config, items, { ...options(asked), style: asked.style || undefined });
  return png(...size, pixels, { ...entries, ...extra });
}

/** Let the grid have so many cells; those that it has keep their pictures. */
function layOut(num) {
  const grid = $("grid");
  while (grid.children.length > num) grid.lastChild.remove();
  while (grid.children.length < num) {
    const i = grid.children.length;
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "face empty", disabled: true });
    button.addEventListener("click", () => enlarge(i));
    grid.append(button);
  }
  grid.dataset.num = num;
  shown.length = Math.min(shown.length, num);
}

function place(button, item, label) {
  const image = document.createElement("img");
  Object.assign(image, { src: item.url, alt: label, width: config.resolution, height: config.resolution });
  button.replaceChildren(image);
  button.setAttribute("aria-label", t("{label}. Enlarge", { label }));
  button.classList.remove("empty", "old");
  button.disabled = false;
}

const short = (text) => (text.length > 80 ? `${text.slice(0, 79)}…` : text);
const labelOf = ({ text, seed }) => t("{text}, seed {seed}", { text: short(text), seed });

/** One picture of a text that was read. */
async function make(read, asked, seed) {
  const key = JSON.stringify([read.text, String(seed), options(asked)]);
  if (made.has(key)) return made.get(key);
  const pixels = await engine.call("draw", read.c, seed, options(asked));
  const item = { key, text: read.text, seed, looks: looksOf(read.readings), pixels };
  item.asked = { ...asked, text: read.text, seed, num: 1, to: "" };
  item.url = URL.createObjectURL(await pictureOf(asked, [item], pixels));
  made.set(key, item);
  return item;
}

/** Forget the pictures that are no longer to be seen. */
function sweep() {
  for (const [key, item] of made) {
    if (shown.includes(item) || item === view.item || item === view.other) continue;
    URL.revokeObjectURL(item.url);
    made.delete(key);
  }
}

function setBusy(isBusy) {
  $("grid").setAttribute("aria-busy", isBusy);
  const isWhole = !isBusy && drawn && shown.length === drawn.num && shown.every((item) => item.drawing === drawing);
  $("save").disabled = !isWhole;
  $("copy").disabled = !drawn;
}

/** Empty the page of pictures and of what was said of them. */
function clearPictures(line) {
  shown = [];
  drawn = null;
  $("grid").replaceChildren();
  showUnderstood({ readings: null, remarks: [] });
  $("status").hidden = !line;
  $("stage-text").textContent = line ? t(line) : "";
  $("way").hidden = true;
  setBusy(false);
}

/**
 * Draw what the fields ask for; what is shown stands until the new pictures come.
 *
 * `isAgain`: the same text takes another seed. `remember`: it becomes one of the earlier ones; "over" the last of the
 * same text. `address`: "push", "replace" or "". `notes`: errors to tell beside.
 */
async function draw({ isAgain = false, remember = true, address = "push", notes = [] } = {}) {
  if (!config) return;
  const mine = ++drawing;
  setBusy(true);
  for (const id of ["error", "to-error"]) say(id);
  say("error", ...notes);
  let read;
  try {
    read = await engine.call("read", state.text);
  } catch (error) {
    if (mine !== drawing) return;
    showUnderstood({ readings: null, remarks: [] });
    if (shown.length) setBusy(false);
    else clearPictures("");
    for (const cell of $("grid").querySelectorAll(".old")) cell.classList.remove("old");
    say("error", ...notes, error);
    return;
  }
  if (mine !== drawing) return;
  if (isAgain && drawn?.text === read.text) setSeed(anotherSeed());
  const asked = { ...state, text: read.text };
  drawn = asked;
  showUnderstood(read);
  if (address) setAddress(asked, address === "push");
  layOut(asked.num);
  $("status").hidden = shown.length > 0;
  for (const cell of $("grid").children) cell.classList.add("old");
  try {
    for (let i = 0; i < asked.num; i++) {
      const item = await make(read, asked, (asked.seed + BigInt(i)) % (MAX_SEED + 1n));
      if (mine !== drawing) return;
      item.drawing = mine;
      shown[i] = item;
      place($("grid").children[i], item, labelOf(item));
      $("status").hidden = true;
      showSteps();
    }
  } catch (error) {
    if (mine !== drawing) return;
    say("error", ...notes, error);
    if (shown.length) layOut(shown.length);
    else clearPictures("");
  }
  if (mine !== drawing) return;
  sweep();
  setBusy(false);
  if (remember && !$("save").disabled) await keep(asked, remember === "over");
  if (asked.to) await drawWay();
}

function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function fileName(text, seed) {
  const words = text.replace(/[^\p{L}\p{M}\p{N}]+/gu, "-");
  return `${[...words].slice(0, 40).join("").replace(/^-|-$/g, "") || config.noun}-${seed}.png`;
}

const copied = new Map(); // the buttons that say so, and until when

async function copy(button, hash) {
  let said = "Copied";
  try {
    await navigator.clipboard.writeText(new URL(hash, location.href).href);
  } catch { // a browser that forbids it: the address is in the bar
    history.replaceState(null, "", hash);
    said = "See the address";
  }
  clearTimeout(copied.get(button));
  button.textContent = t(said);
  copied.set(button, setTimeout(() => (button.textContent = t("Copy link")), 2000));
}

// -- one, enlarged ---------------------------------------------------------------------------------------------------

/** What is enlarged: a picture of the grid, `at` its place, or one of the way; `other`, the same one by another text. */
let view = {};

function enlarge(at) {
  if (!shown[at]) return;
  showBig({ at, item: shown[at], label: labelOf(shown[at]) }, fileName(shown[at].text, shown[at].seed));
}

function showBig(next, file) {
  view = next;
  Object.assign($("big-image"), { src: view.item.url, alt: view.label });
  $("other-image").hidden = true;
  $("other-image").removeAttribute("src");
  $("other").value = "";
  say("other-error");
  $("big-text").textContent = view.label + (config.sources.length > 1 ? `, ${config.sources[view.item.asked.style]}` : "");
  Object.assign($("big-save"), { href: view.item.url, download: file });
  const isOfGrid = view.at !== undefined;
  for (const id of ["previous", "next", "keep", "otherwise"]) $(id).hidden = !isOfGrid;
  showSteps();
  if (!$("big").open) $("big").showModal();
}

/** Whether there is one before and behind the enlarged one, by now. */
function showSteps() {
  if (view.at === undefined) return;
  $("previous").disabled = !shown[view.at - 1];
  $("next").disabled = !shown[view.at + 1];
}

const step = (by) => view.at !== undefined && enlarge(view.at + by);

async function drawOtherwise(event) {
  event.preventDefault();
  const mine = view;
  const { item } = mine;
  const text = $("other").value;
  say("other-error");
  try {
    const read = await engine.call("read", text);
    const other = await make(read, item.asked, item.seed);
    if (mine !== view || text !== $("other").value) return; // another one is looked at by now
    view.other = other;
    Object.assign($("other-image"), { src: other.url, alt: labelOf(other), hidden: false });
    $("big-text").textContent = `${labelOf(item)} → ${short(other.text)}`;
    Object.assign($("big-save"), { href: other.url, download: fileName(other.text, other.seed) });
  } catch (error) {
    if (mine === view) say("other-error", error);
  }
}

/** What the buttons under the enlarged one take: the last that was asked for. */
const viewed = () => view.other ?? view.item;

function keepViewed() {
  const { text, seed } = viewed();
  state.text = text;
  fillFields();
  setSeed(seed);
  setLock(true);
  view.isKept = true;
  $("big").close();
  draw();
}

function closed() {
  const opener = view.at === undefined ? $("middle") : ($("grid").children[view.at] ?? $("grid").firstChild);
  (view.isKept ? $("text") : opener)?.focus();
  view = {};
  if ($("grid").getAttribute("aria-busy") === "false") sweep();
}

// -- between two texts -----------------------------------------------------------------------------------------------

let walking = 0;
let ends = null; // of the way: {texts, from, to, seed, key}

async function drawWay({ whole = true } = {}) {
  const mine = ++walking;
  $("way").hidden = !state.to || !drawn;
  say("to-error");
  if (!state.to || !drawn) return;
  const asked = { ...drawn, to: state.to, at: state.at };
  const key = JSON.stringify([asked.text, asked.to]);
  try {
    if (ends?.key !== key) {
      const [from, to] = [await engine.call("read", asked.text), await engine.call("read", asked.to)];
      if (mine !== walking) return;
      const looks = [from, to].map((read) => looksOf(read.readings));
      ends = { key, texts: [from.text, to.text], looks, from: from.c, to: to.c, url: ends?.url };
    }
    ends.asked = asked;
    const at = (share) => engine.call("draw", ends.from, asked.seed, { ...options(asked), to: ends.to, share });
    const pixels = await at(asked.at);
    if (mine !== walking) return;
    const blob = await pictureOf(asked, wayItems(), pixels, undefined, { Between: String(asked.at) });
    const label = t("{percent} of the way to {text}", { percent: percent(asked.at), text: short(ends.texts[1]) });
    URL.revokeObjectURL(ends.url);
    ends.url = URL.createObjectURL(blob);
    place($("middle"), ends, label);
    if (!whole) return;
    const strip = [];
    for (let i = 0; i < STEPS; i++) {
      strip.push(await at(i / (STEPS - 1)));
      if (mine !== walking) return;
    }
    ends.strip = tile(strip, config.resolution, STEPS);
    const { width, height, pixels: all } = ends.strip;
    const image = document.createElement("img");
    const url = URL.createObjectURL(await pictureOf(asked, wayItems(), all, [width, height]));
    URL.revokeObjectURL($("strip").firstChild?.src);
    Object.assign(image, { src: url, alt: "" });
    $("strip").replaceChildren(image);
  } catch (error) {
    if (mine === walking) say("to-error", error);
  }
}

const wayItems = () => ends.texts.map((text, i) => ({ text, seed: ends.asked.seed, looks: ends.looks[i] }));
const wayName = () => fileName(ends.texts.map((text) => text.slice(0, 18)).join(" to "), ends.asked.seed);

function enlargeWay() {
  const { src, alt } = $("middle").querySelector("img");
  showBig({ item: { url: src, asked: ends.asked }, label: alt }, wayName());
}

// -- earlier ones ----------------------------------------------------------------------------------------------------

const storageKey = () => `text2face:${location.pathname}:${config.name}`;

function earlier() {
  try {
    const entries = JSON.parse(localStorage.getItem(storageKey()) ?? "[]");
    return Array.isArray(entries) ? entries.filter(isEntry) : [];
  } catch { // storage is forbidden, or holds something else
    return [];
  }
}

function isEntry(entry) {
  const { hash, thumb, label } = entry ?? {};
  const areTexts = [hash, thumb, label].every((part) => typeof part === "string");
  return areTexts && hash.startsWith("#") && thumb.startsWith("data:image/");
}

function store(entries) {
  try {
    localStorage.setItem(storageKey(), JSON.stringify(entries));
  } catch { // full or forbidden: there is no history then
  }
}

/** Let what was drawn be the first of the earlier ones; `isOver`: in place of the first, where that has the same text. */
async function keep(asked, isOver) {
  const hash = toHash(config, asked);
  const blob = await png(config.resolution, config.resolution, shown[0].pixels, {});
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const thumb = `data:image/png;base64,${btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))}`;
  const textOf = (one) => new URLSearchParams(one.slice(1)).get("text");
  const others = earlier().filter((entry, i) => {
    return entry.hash !== hash && !(isOver && i === 0 && textOf(entry.hash) === asked.text);
  });
  store([{ hash, thumb, label: labelOf(asked) }, ...others].slice(0, KEPT));
  showEarlier();
}

function showEarlier() {
  const entries = earlier();
  $("past").hidden = entries.length === 0;
  $("history").replaceChildren(
    ...entries.map(({ hash, thumb, label }) => {
      const item = document.createElement("li");
      const link = document.createElement("a");
      const image = document.createElement("img");
      Object.assign(image, { src: thumb, alt: label, width: 64, height: 64 });
      Object.assign(link, { href: hash, title: label, className: "face" });
      link.append(image);
      item.append(link);
      return item;
    }),
  );
}

// -- from fields to pictures -----------------------------------------------------------------------------------------

let pause;

function soon(action, after = 250) {
  clearTimeout(pause);
  pause = setTimeout(action, after);
}

/** The seed from its field; false where it is none, which is told beside it. */
function takeSeed() {
  say("seed-error");
  try {
    state.seed = seedOf($("seed").value.trim());
  } catch (error) {
    say("seed-error", error);
    return false;
  }
  return true;
}

/** The texts and the seed from their fields; false where one cannot be taken, which is told. */
function takeFields() {
  state.text = $("text").value;
  state.to = $("to").value.trim();
  return takeSeed();
}

const FIELDS = { text: String, to: (text) => text.trim(), seed: seedOf, num: Number, truncation: Number, guidance: Number, at: Number };

/** What was set in the fields while the model was loaded. */
function takeTouched() {
  for (const name of Object.keys(FIELDS).filter((name) => touched.has(name) && $(name).value.trim())) {
    try {
      state[name] = FIELDS[name]($(name).value);
    } catch (error) {
      say("seed-error", error);
    }
  }
}

async function previewText() {
  const text = $("text").value;
  history.replaceState({ typed: text }, "");
  try {
    const read = await engine.call("read", text);
    if (text !== $("text").value || $("grid").getAttribute("aria-busy") === "true") return;
    say("error");
    showUnderstood(read);
  } catch { // told when it is drawn
  }
}

function listen() {
  document.addEventListener("input", ({ target }) => touched.add(target.id));
  $("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(pause);
    if (takeFields()) draw({ isAgain: !isLocked() });
  });
  $("text").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    $("ask").requestSubmit();
  });
  $("text").addEventListener("input", () => {
    fit();
    soon(() => config && previewText(), 400);
  });
  $("seed").addEventListener("change", () => {
    setLock(true); // who gives a seed wants it kept
    if (takeFields()) draw({ remember: "over", address: "replace" });
  });
  $("die").addEventListener("click", () => {
    setSeed(anotherSeed());
    if (takeFields()) draw({ remember: "over", address: "replace" });
  });
  $("lock").addEventListener("click", () => setLock(!isLocked()));
  for (const name of ["num", "style"]) {
    $(name).addEventListener("change", () => {
      state[name] = Number($(name).value);
      if (takeFields()) draw({ remember: name === "style" && "over", address: "replace" });
    });
  }
  for (const name of Object.keys(LIMITS)) {
    $(name).addEventListener("input", () => {
      state[name] = Number($(name).value);
      $(`${name}-now`).value = state[name];
      soon(() => takeFields() && draw({ remember: false, address: "replace" }));
    });
  }
  $("to").addEventListener("change", () => {
    state.to = $("to").value.trim();
    if (!drawn) return;
    drawn.to = state.to;
    setAddress({ ...drawn, at: state.at }, false);
    drawWay();
  });
  let isBusy = false;
  $("at").addEventListener("input", async () => {
    state.at = Number($("at").value);
    $("at-now").value = percent(state.at);
    if (isBusy) return; // the one in work is followed by the latest
    isBusy = true;
    for (let done; done !== state.at; ) {
      done = state.at;
      await drawWay({ whole: false });
    }
    isBusy = false;
  });
  $("at").addEventListener("change", () => {
    if (!drawn) return;
    drawn.at = state.at;
    setAddress(drawn, false);
  });
  $("middle").addEventListener("click", enlargeWay);
  $("save-strip").addEventListener("click", async () => {
    if (!ends?.strip) return;
    const { width, height, pixels } = ends.strip;
    download(await pictureOf(ends.asked, wayItems(), pixels, [width, height]), wayName());
  });
  $("copy").addEventListener("click", () => drawn && copy($("copy"), toHash(config, drawn)));
  $("save").addEventListener("click", async () => {
    const { width, height, pixels } = tile(shown.map((item) => item.pixels), config.resolution, COLUMNS[drawn.num]);
    const last = shown.at(-1).seed;
    const name = fileName(drawn.text, drawn.num > 1 ? `${drawn.seed}-to-${last}` : drawn.seed);
    download(await pictureOf(drawn, shown, pixels, [width, height]), name);
  });
  $("previous").addEventListener("click", () => step(-1));
  $("next").addEventListener("click", () => step(1));
  $("big").addEventListener("keydown", ({ key, target }) => {
    if (target.tagName === "INPUT") return;
    if (key === "ArrowLeft") step(-1);
    if (key === "ArrowRight") step(1);
  });
  $("big").addEventListener("click", ({ target }) => target === $("big") && $("big").close()); // beside it
  $("big").addEventListener("close", closed);
  $("big-copy").addEventListener("click", () => copy($("big-copy"), toHash(config, viewed().asked)));
  $("keep").addEventListener("click", keepViewed);
  $("otherwise").addEventListener("submit", drawOtherwise);
  $("clear").addEventListener("click", () => {
    store([]);
    showEarlier();
  });
  addEventListener("resize", fit);
  addEventListener("hashchange", () => config && start(location.hash));
  for (const id of ["grid", "history", "examples"]) rove($(id));
}

/** Draw what an address asks for, or else the first example; at first, with what was set meanwhile. */
async function start(hash, isFirst = false) {
  const [given, errors] = fromHash(config, hash);
  clearTimeout(pause);
  if ($("big").open) $("big").close();
  state = { ...given, text: given.text ?? t(config.examples[0] ?? "") };
  const typed = history.state?.typed;
  if (isFirst) takeTouched();
  fillFields();
  const notes = errors.map(({ template, values }) => {
    return new InputError("The link is broken: {what}", { what: t(template, values) });
  });
  if (state.text || !isFirst && given.text === undefined) {
    await draw({ remember: given.text !== undefined || touched.has("text"), address: errors.length ? "" : "replace", notes });
  } else {
    drawing++; // what is being drawn is not wanted any more
    clearPictures("Ready. Describe a picture above.");
    say("error", ...notes);
  }
  if (isFirst && typed && !touched.has("text")) {
    $("text").value = typed; // it was not drawn before the page was left
    fit();
  }
}

// -- the beginning ---------------------------------------------------------------------------------------------------

function tellLoading({ share, what, values, config: early }) {
  if (early) return introduce(early);
  if ($("status").classList.contains("failed")) return; // other files may still come
  $("progress").value = share;
  $("stage-text").textContent = t(what, values);
}

/** What the page says of its model, as soon as that is known. */
function introduce({ noun, name, examples, sources, credits, conditioning }) {
  $("title").textContent = document.title = t(`Text to ${noun}`);
  $("model").textContent = name;
  $("credits").textContent = credits ? t("The training pictures: {credits}.", { credits }) : "";
  $("num").replaceChildren(...COUNTS.map((count) => new Option(count, count, count === 12, count === Number($("num").value))));
  $("styles").hidden = sources.length < 2;
  const chosenStyle = $("style").value || 0;
  $("style").replaceChildren(...sources.map((source, i) => new Option(source, i)));
  $("style").value = chosenStyle;
  const isOfAttributes = ["head", "onehot"].includes(conditioning.kind);
  $("understood").classList.toggle("kept", isOfAttributes);
  $("can").textContent = t(
    conditioning.kind === "head"
      ? "It draws the colours of hair and eyes and the length of hair, and nothing else. Also in 中文, 日本語, 한국어, español, français, Deutsch, português, italiano."
      : conditioning.kind === "onehot"
        ? "It reads only captions like “pink hair green eyes”."
        : "It understands English, and draws what its training pictures show.",
  );
  const items = examples.map((example) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: t(example), dir: "auto" });
    button.addEventListener("click", () => {
      state.text = t(example);
      fillFields();
      touched.add("text");
      if (takeFields()) draw();
    });
    item.append(button);
    return item;
  });
  $("examples").replaceChildren(...items);
}

async function load() {
  $("status").classList.remove("failed");
  $("stage-text").textContent = t("Loading…");
  $("progress").hidden = false;
  $("retry").hidden = true;
  try {
    config = await engine.call("load", new URL("../model/", import.meta.url).href);
  } catch (error) {
    $("progress").hidden = true;
    $("status").classList.add("failed");
    $("retry").hidden = false;
    say("stage-text", error);
    return;
  }
  $("progress").hidden = true;
  $("stage-text").textContent = t("Drawing…");
  makePalette();
  showEarlier();
  await start(location.hash, true);
}

const LANGUAGE = "text2face:language";

function storedLanguage() {
  try {
    const code = localStorage.getItem(LANGUAGE);
    return Object.hasOwn(LANGUAGES, code ?? "") ? code : null;
  } catch { // storage is forbidden
    return null;
  }
}

async function changeLanguage() {
  const language = $("language").value;
  try {
    localStorage.setItem(LANGUAGE, language);
  } catch { // it is asked again then
  }
  await speak(language);
  if (!config) return;
  introduce(config);
  makePalette();
  if (understood) showUnderstood(understood);
  fillFields();
}

async function main() {
  layOut(12);
  listen();
  $("language").replaceChildren(...Object.entries(LANGUAGES).map(([code, name]) => new Option(name, code)));
  $("language").value = storedLanguage() ?? preferred();
  $("language").addEventListener("change", changeLanguage);
  await speak($("language").value);
  $("retry").addEventListener("click", () => (engine.isBroken ? location.reload() : load()));
  await load();
}

main();
