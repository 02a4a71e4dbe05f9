// The page: what is asked for, the pictures, and what can be done with them.

import { toHex } from "./colour.js";
import { Engine } from "./engine.js";
import { COUNTS, LIMITS, fromHash, seedOf, toHash } from "./link.js";
import { MAX_SEED } from "./noise.js";
import { metadata, png, tile } from "./png.js";
import { InputError } from "./text.js";

const $ = (id) => document.getElementById(id);
const PER_ROW = 5;
const STEPS = 8;
const KEPT = 24;

let config;
let state;
let shown = []; // {text, seed, looks, pixels, url} of the grid
let open = 0; // which of them is enlarged
let drawing = 0; // the number of the latest drawing: an earlier one stops
let last = ""; // the text that was drawn
export const engine = new Engine((share, what) => {
  if ($("status").classList.contains("failed")) return; // other files may still come
  $("progress").value = share;
  $("stage-text").textContent = share < 1 ? `${what}… ${Math.round(100 * share)} %` : `${what}…`;
});

// -- what is asked ---------------------------------------------------------------------------------------------------

const options = () => ({ style: state.style, truncation: state.truncation, guidance: state.guidance });
const isLocked = () => $("lock").getAttribute("aria-pressed") === "true";

function setLock(locked) {
  $("lock").setAttribute("aria-pressed", locked);
}

function setSeed(seed) {
  state.seed = seed;
  $("seed").value = seed;
}

const anotherSeed = () => BigInt(crypto.getRandomValues(new Uint32Array(1))[0]);

/** Show a state in the fields. */
function fill() {
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
  $("text").style.height = `${$("text").scrollHeight}px`;
}

const percent = (share) => `${Math.round(100 * share)} %`;

function say(id, error) {
  if (error && !(error instanceof InputError)) console.error(error);
  $(id).textContent = error ? error.message : "";
}

// -- what was understood ---------------------------------------------------------------------------------------------

const NOUNS = { hair: "Hair", eyes: "Eyes", length: "Length" };

function chip(slot, text, colours, isOpen) {
  const item = document.createElement("li");
  for (const colour of colours) {
    const swatch = document.createElement("span");
    swatch.className = "swatch";
    swatch.style.background = colour;
    item.append(swatch);
  }
  const name = document.createElement("b");
  name.textContent = NOUNS[slot] ?? slot;
  item.append(name, ` ${text}`);
  item.classList.toggle("open", isOpen);
  return item;
}

function colourOf(slot, value) {
  return config.rules.swatches[slot]?.[value];
}

function looksOf(readings) {
  const found = (readings ?? []).filter(({ look }) => look).map(({ slot, look }) => [slot, toHex(look)]);
  return Object.fromEntries(found);
}

function showUnderstood({ readings, remarks }) {
  const chips = (readings ?? []).map(({ slot, value, probability, look, denied, shares }) => {
    if (look) return chip(slot, value ? `${toHex(look)}, a kind of ${value}` : toHex(look), [toHex(look)], false);
    if (!value) return chip(slot, denied.length ? `any but ${denied.join(" and ")}` : "any", [], true);
    const named = shares.map((share, i) => [share, config.rules.slots[slot][i]]);
    const [, [share, second]] = named.sort(([one], [other]) => other - one);
    const isMixed = share > 0.2;
    const names = isMixed ? [value, second] : [value];
    const text = isMixed ? `${value} and ${second}` : value;
    const sure = probability < 0.995 && !isMixed ? `, ${Math.round(100 * probability)} % sure` : "";
    return chip(slot, text + sure, names.map((name) => colourOf(slot, name)).filter(Boolean), false);
  });
  $("understood").replaceChildren(...chips);
  $("remarks").replaceChildren(
    ...remarks.map((remark) => {
      const item = document.createElement("li");
      item.textContent = remark;
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
  const hair = [chosen.length, chosen.hair].filter(Boolean).join(" ");
  const parts = [hair && `${hair} hair`, chosen.eyes && `${chosen.eyes} eyes`].filter(Boolean);
  state.text = parts.join(chosen.hair?.startsWith("#") || chosen.eyes?.startsWith("#") ? ", " : " ") || "a face";
  fill();
  draw();
}

function makePalette() {
  const { rules, conditioning } = config;
  if (!rules || !["head", "onehot"].includes(conditioning.kind)) return;
  $("palette").hidden = false;
  const slots = Object.entries(rules.slots).filter(([slot]) => conditioning.kind === "head" || slot !== "length");
  for (const [slot, values] of slots) {
    const group = document.createElement("div");
    group.className = "swatches";
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", NOUNS[slot] ?? slot);
    const name = document.createElement("b");
    name.textContent = NOUNS[slot] ?? slot;
    group.append(name);
    for (const value of ["", ...values]) {
      const button = document.createElement("button");
      const colour = colourOf(slot, value);
      Object.assign(button, { type: "button", title: value || "any" });
      Object.assign(button.dataset, { slot, value });
      button.setAttribute("aria-label", `${NOUNS[slot] ?? slot}: ${value || "any"}`);
      if (colour) button.style.background = colour;
      else button.textContent = value || "any";
      button.className = colour ? "swatch" : "word";
      button.addEventListener("click", () => pick(slot, value));
      group.append(button);
    }
    if (slot in rules.swatches && config.reads > Object.values(rules.slots).flat().length) {
      const label = document.createElement("label");
      label.className = "word";
      label.textContent = "own ";
      const picker = document.createElement("input");
      picker.type = "color";
      picker.dataset.slot = slot;
      picker.setAttribute("aria-label", `${NOUNS[slot]}: a colour of your own`);
      picker.addEventListener("change", () => pick(slot, picker.value));
      label.append(picker);
      group.append(label);
    }
    $("palette").append(group);
  }
}

// -- the pictures ----------------------------------------------------------------------------------------------------

async function pictureOf(items, pixels, size = [config.resolution, config.resolution], extra = {}) {
  const style = state.style || undefined;
  return png(...size, pixels, { ...metadata(config, items, { ...options(), style }), ...extra });
}

function cell(i) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "face empty";
  button.disabled = true;
  button.addEventListener("click", () => enlarge(i));
  return button;
}

function place(button, item, label) {
  const image = document.createElement("img");
  Object.assign(image, { src: item.url, alt: label, width: config.resolution, height: config.resolution });
  button.replaceChildren(image);
  button.setAttribute("aria-label", `${label}. Enlarge`);
  button.classList.remove("empty");
  button.disabled = false;
}

const labelOf = ({ text, seed }) => `${text.length > 80 ? `${text.slice(0, 79)}…` : text}, seed ${seed}`;

/** Draw what the fields ask for. `remember`: it becomes one of the earlier ones. */
async function draw({ remember = true, toAddress = true } = {}) {
  const mine = ++drawing;
  say("error");
  let read;
  try {
    read = await engine.call("read", state.text);
  } catch (error) {
    if (mine !== drawing) return;
    $("status").hidden = true;
    say("error", error);
    return;
  }
  if (mine !== drawing) return;
  const asked = { ...state, text: read.text };
  last = read.text;
  showUnderstood(read);
  if (toAddress) history.replaceState(null, "", toHash(config, asked));
  const cells = Array.from({ length: asked.num }, (_, i) => cell(i));
  const old = shown;
  shown = [];
  $("grid").replaceChildren(...cells);
  $("grid").dataset.num = asked.num;
  $("grid").setAttribute("aria-busy", "true");
  for (const { url } of old) URL.revokeObjectURL(url);
  try {
    for (let i = 0; i < asked.num; i++) {
      const seed = (asked.seed + BigInt(i)) % (MAX_SEED + 1n);
      const pixels = await engine.call("draw", read.c, seed, options());
      if (mine !== drawing) return;
      const item = { text: read.text, seed, looks: looksOf(read.readings), pixels };
      item.url = URL.createObjectURL(await pictureOf([item], pixels));
      shown.push(item);
      place(cells[i], item, labelOf(item));
      $("status").hidden = true;
    }
  } catch (error) {
    if (mine === drawing) say("error", error);
    return;
  }
  $("grid").setAttribute("aria-busy", "false");
  $("under").hidden = false;
  if (remember) await keep(asked);
  if (state.to) await drawWay();
}

function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

const fileName = (text, seed) => `${text.replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 40).replace(/^-|-$/g, "") || config.noun}-${seed}.png`;

async function copy(button, hash) {
  const link = new URL(hash, location.href).href;
  const text = button.textContent;
  try {
    await navigator.clipboard.writeText(link);
    button.textContent = "Copied";
  } catch { // a browser that forbids it: the address is in the bar
    history.replaceState(null, "", hash);
    button.textContent = "See the address";
  }
  setTimeout(() => (button.textContent = text), 2000);
}

// -- one, enlarged ---------------------------------------------------------------------------------------------------

function enlarge(i) {
  if (!shown[i]) return;
  open = i;
  showBig(shown[i].url, labelOf(shown[i]), fileName(shown[i].text, shown[i].seed));
  $("previous").disabled = i === 0;
  $("next").disabled = i === shown.length - 1;
}

function showBig(url, label, file, isOfGrid = true) {
  Object.assign($("big-image"), { src: url, alt: label });
  $("other-image").hidden = true;
  $("other").value = "";
  say("other-error");
  $("big-text").textContent = label + (config.sources.length > 1 ? `, ${config.sources[state.style]}` : "");
  Object.assign($("big-save"), { href: url, download: file });
  for (const id of ["previous", "next", "big-copy", "keep", "otherwise"]) $(id).hidden = !isOfGrid;
  if (!$("big").open) $("big").showModal();
}

async function drawOtherwise(event) {
  event.preventDefault();
  say("other-error");
  const { seed } = shown[open];
  try {
    const read = await engine.call("read", $("other").value);
    const pixels = await engine.call("draw", read.c, seed, options());
    const item = { text: read.text, seed, looks: looksOf(read.readings) };
    const url = URL.createObjectURL(await pictureOf([item], pixels));
    Object.assign($("other-image"), { src: url, alt: labelOf(item), hidden: false });
    $("big-text").textContent = `${labelOf(shown[open])} → ${read.text}`;
    Object.assign($("big-save"), { href: url, download: fileName(read.text, seed) });
  } catch (error) {
    say("other-error", error);
  }
}

// -- between two texts -----------------------------------------------------------------------------------------------

let walking = 0;
let ends = null; // of the way: {texts, from, to, seed, key}

async function drawWay({ whole = true } = {}) {
  const mine = ++walking;
  $("way").hidden = !state.to;
  if (!state.to) return;
  const key = JSON.stringify([last, state.to]);
  try {
    if (ends?.key !== key) {
      const [from, to] = [await engine.call("read", last), await engine.call("read", state.to)];
      ends = { key, texts: [from.text, to.text], looks: [from, to].map((read) => looksOf(read.readings)), from: from.c, to: to.c };
    }
    say("error");
    const at = (share) => engine.call("draw", ends.from, state.seed, { ...options(), to: ends.to, share });
    const pixels = await at(state.at);
    if (mine !== walking) return;
    const url = URL.createObjectURL(
      await pictureOf(wayItems(), pixels, undefined, { Between: String(state.at) }),
    );
    place($("middle"), { url }, `${percent(state.at)} of the way to ${ends.texts[1]}`);
    if (!whole) return;
    const strip = [];
    for (let i = 0; i < STEPS; i++) {
      strip.push(await at(i / (STEPS - 1)));
      if (mine !== walking) return;
    }
    ends.strip = tile(strip, config.resolution, STEPS);
    const { width, height, pixels: all } = ends.strip;
    const image = document.createElement("img");
    Object.assign(image, { src: URL.createObjectURL(await pictureOf(wayItems(), all, [width, height])), alt: "" });
    $("strip").replaceChildren(image);
  } catch (error) {
    say("error", error);
  }
}

const wayItems = () => ends.texts.map((text, i) => ({ text, seed: state.seed, looks: ends.looks[i] }));

// -- earlier ones ----------------------------------------------------------------------------------------------------

const storageKey = () => `text2face:${location.pathname}:${config.name}`;

function earlier() {
  try {
    return JSON.parse(localStorage.getItem(storageKey()) ?? "[]");
  } catch { // storage is forbidden, or holds something else
    return [];
  }
}

function store(entries) {
  try {
    localStorage.setItem(storageKey(), JSON.stringify(entries));
  } catch { // full or forbidden: there is no history then
  }
}

async function keep(asked) {
  const hash = toHash(config, asked);
  const thumb = await new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    png(config.resolution, config.resolution, shown[0].pixels, {}).then((blob) => reader.readAsDataURL(blob));
  });
  const others = earlier().filter((entry) => entry.hash !== hash);
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

/** The text and the seed from their fields; false where one cannot be taken, which is told. */
function takeFields() {
  state.text = $("text").value;
  state.to = $("to").value.trim();
  try {
    state.seed = seedOf($("seed").value.trim());
  } catch (error) {
    say("error", error);
    return false;
  }
  return true;
}

function listen() {
  $("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!takeFields()) return;
    // Asked again for the same, one wants others; with the lock on, or by another text, the seed stays or is new.
    if (!isLocked() && last) setSeed(anotherSeed());
    draw();
  });
  $("text").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    $("ask").requestSubmit();
  });
  $("text").addEventListener("input", () => {
    fit();
    soon(async () => {
      try {
        const read = await engine.call("read", $("text").value);
        say("error");
        showUnderstood(read);
      } catch { // told when it is drawn
      }
    }, 400);
  });
  $("seed").addEventListener("change", () => {
    setLock(true); // who gives a seed wants it kept
    if (takeFields()) draw();
  });
  $("die").addEventListener("click", () => {
    setSeed(anotherSeed());
    if (takeFields()) draw();
  });
  $("lock").addEventListener("click", () => setLock(!isLocked()));
  for (const name of ["num", "style"]) {
    $(name).addEventListener("change", () => {
      state[name] = Number($(name).value);
      if (takeFields()) draw({ remember: name === "style" });
    });
  }
  for (const name of Object.keys(LIMITS)) {
    $(name).addEventListener("input", () => {
      state[name] = Number($(name).value);
      $(`${name}-now`).value = state[name];
      soon(() => takeFields() && draw({ remember: false }));
    });
  }
  $("to").addEventListener("change", () => {
    if (!takeFields()) return;
    history.replaceState(null, "", toHash(config, { ...state, text: last || state.text }));
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
    history.replaceState(null, "", toHash(config, { ...state, text: last || state.text }));
  });
  $("middle").addEventListener("click", () => {
    const { src, alt } = $("middle").querySelector("img");
    showBig(src, alt, fileName(ends.texts.join(" to "), state.seed), false);
  });
  $("save-strip").addEventListener("click", async () => {
    if (!ends?.strip) return;
    const { width, height, pixels } = ends.strip;
    download(await pictureOf(wayItems(), pixels, [width, height]), fileName(ends.texts.join(" to "), state.seed));
  });
  $("copy").addEventListener("click", () => copy($("copy"), toHash(config, { ...state, text: last })));
  $("save").addEventListener("click", async () => {
    const { width, height, pixels } = tile(shown.map((item) => item.pixels), config.resolution, PER_ROW);
    download(await pictureOf(shown, pixels, [width, height]), fileName(last, state.seed));
  });
  $("previous").addEventListener("click", () => enlarge(open - 1));
  $("next").addEventListener("click", () => enlarge(open + 1));
  $("big").addEventListener("keydown", ({ key, target }) => {
    if (target.tagName === "INPUT") return;
    if (key === "ArrowLeft" && open > 0) enlarge(open - 1);
    if (key === "ArrowRight" && open < shown.length - 1) enlarge(open + 1);
  });
  $("big").addEventListener("click", ({ target }) => target === $("big") && $("big").close()); // beside it
  $("big").addEventListener("close", () => $("grid").children[open]?.focus());
  $("big-copy").addEventListener("click", () => {
    const { text, seed } = shown[open];
    copy($("big-copy"), toHash(config, { ...state, text, seed, num: 1, to: "" }));
  });
  $("keep").addEventListener("click", () => {
    setSeed(shown[open].seed);
    setLock(true);
    $("big").close();
    $("text").focus();
    draw();
  });
  $("otherwise").addEventListener("submit", drawOtherwise);
  $("clear").addEventListener("click", () => {
    store([]);
    showEarlier();
  });
  addEventListener("resize", fit);
  addEventListener("hashchange", () => start(location.hash));
}

/** Begin with what an address asks for, or else with what was typed meanwhile. */
async function start(hash) {
  const [given, lines] = fromHash(config, hash);
  state = { ...given, text: given.text ?? ($("text").value.trim() || (config.examples[0] ?? "")) };
  fill();
  if (state.text) await draw({ remember: Boolean(given.text), toAddress: Boolean(given.text) && !lines.length });
  if (!state.text) {
    $("status").hidden = false;
    $("stage-text").textContent = "Ready. Describe a picture above.";
  }
  if (lines.length) say("error", new InputError([...lines, $("error").textContent].filter(Boolean).join(" ")));
}

async function main() {
  $("stage-text").textContent = "Loading…";
  $("progress").hidden = false;
  $("draw").disabled = true;
  try {
    config = await engine.call("load", new URL("../model/", import.meta.url).href);
  } catch (error) {
    $("progress").hidden = true;
    $("status").classList.add("failed");
    say("stage-text", error);
    return;
  }
  $("progress").hidden = true;
  $("stage-text").textContent = "Drawing…";
  $("draw").disabled = false;
  $("title").textContent = document.title = `Text to ${config.noun}`;
  $("model").textContent = config.name;
  $("num").replaceChildren(...COUNTS.map((count) => new Option(count)));
  if (config.sources.length > 1) {
    $("styles").hidden = false;
    $("style").replaceChildren(...config.sources.map((name, i) => new Option(name, i)));
  }
  for (const example of config.examples) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: example });
    button.addEventListener("click", () => {
      state.text = example;
      fill();
      if (takeFields()) draw();
    });
    item.append(button);
    $("examples").append(item);
  }
  makePalette();
  showEarlier();
  listen();
  await start(location.hash);
}

main();
