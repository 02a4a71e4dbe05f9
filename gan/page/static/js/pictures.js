// The grid of pictures: how they are drawn, shown, named and saved.

import { engine } from "./engine.js";
import { setAddress, toHash } from "./link.js";
import { MAX_SEED } from "./noise.js";
import { $, download, element, fail, fileName, isBusy, page, say, short, tell } from "./page.js";
import { metadata, png, tile } from "./png.js";
import { isUsual, settingsOf } from "./settings.js";
import { t } from "./texts.js";
import { looksOf, showUnderstood } from "./understood.js";

const COLUMNS = { 1: 1, 4: 2, 8: 4, 12: 4, 25: 5 }; // of the grid, by how many pictures it has
export const SHARP = 4; // times as many pixels each way, of what is looked at

const made = new Map(); // the pictures that have an address, by their keys
const watched = new Set(); // other pictures than those of the grid that are to be seen
let drawing = 0; // the number of the latest drawing: an earlier one stops

const options = (asked) => settingsOf(page.config, asked);

export const labelOf = ({ text, seed, asked }) => {
  const picture = page.pictures.get(asked.picture);
  if (picture) return t("{name}, {text}, variation {seed}", { name: picture.name, text: short(text) || t("as it is"), seed });
  return asked.like
    ? t("{text}, seed {seed}, like seed {like}", { text: short(text), seed, like: asked.like })
    : t("{text}, seed {seed}", { text: short(text), seed });
};

/** A PNG of `items`, which says how they were drawn. */
export function pictureOf(asked, items, pixels, [width, height] = [page.config.resolution, page.config.resolution], extra = {}) {
  return png(width, height, pixels, { ...metadataOf(asked, items), ...extra });
}

export const metadataOf = (asked, items, isFilm) =>
  metadata(page.config, items, asked, { given: page.pictures.get(asked.picture), isFilm });

/** The address of a picture that travels with the page. */
function firstOf({ text, seed, asked }) {
  const { config } = page;
  const name = `first/${seed}.png`;
  const isFirst = text === config.examples[0] && name in config.files && isUsual(config, asked);
  return isFirst ? new URL(`../model/${name}?${config.files[name].version}`, import.meta.url).href : null;
}

/** One picture of a text that was read. */
export async function make(read, asked, seed) {
  const key = JSON.stringify([read.text, String(seed), options(asked)]);
  if (made.has(key)) return made.get(key);
  const pixels = await engine.call("draw", read.c, seed, options(asked));
  const item = { key, text: read.text, seed, looks: looksOf(read.readings), pixels };
  item.asked = { ...asked, text: read.text, seed, num: 1, to: "" };
  item.url = firstOf(item) ?? URL.createObjectURL(await pictureOf(asked, [item], pixels));
  made.set(key, item);
  return item;
}

/** A picture as a PNG of more pixels, with sharp edges. */
export async function sharpPicture(item, factor) {
  const { resolution } = page.config;
  const size = resolution * factor;
  const pixels = await engine.call("enlarge", item.pixels, resolution, factor);
  return pictureOf(item.asked, item.items ?? [item], pixels, [size, size]);
}

/** Let an image show a picture: the exact one as its `src`, and the sharp one, where there is one, as its `srcset`. */
export function show(image, item) {
  image.src = item.url;
  if (item.sharp) image.srcset = `${item.sharp} ${page.config.resolution * SHARP}w`;
  else image.removeAttribute("srcset");
}

/** Let an image show the sharp picture too, once that is made. */
export async function sharpen(image, item) {
  item.sharp ??= URL.createObjectURL(await sharpPicture(item, SHARP));
  if (image.src === item.url) show(image, item);
}

/** Keep the pictures that are looked at elsewhere than in the grid. */
export function watch(...items) {
  watched.clear();
  for (const item of items) watched.add(item);
  if (!isBusy()) sweep();
}

/** Forget the pictures that are no longer to be seen. */
function sweep() {
  for (const [key, item] of made) {
    if (page.shown.includes(item) || watched.has(item)) continue;
    for (const url of [item.url, item.sharp]) if (url) URL.revokeObjectURL(url);
    made.delete(key);
  }
}

/** Let the grid have so many cells; those that it has keep their pictures. */
export function layOut(num) {
  const grid = $("grid");
  while (grid.children.length > num) grid.lastChild.remove();
  while (grid.children.length < num) {
    grid.append(element("button", { type: "button", className: "face empty", disabled: true }));
  }
  grid.dataset.num = num;
  page.shown.length = Math.min(page.shown.length, num);
}

/** Put a picture into a button that enlarges it. */
export function place(button, item, label) {
  const { resolution } = page.config;
  if (button.firstElementChild?.src !== item.url) { // else the page has begun with it
    button.replaceChildren(element("img", { className: "new", width: resolution, height: resolution }));
  }
  const image = button.firstElementChild;
  image.alt = label;
  show(image, item);
  button.setAttribute("aria-label", t("{label}. Enlarge", { label }));
  button.classList.remove("empty", "old");
  button.disabled = false;
}

function setBusy(isBusy) {
  const { drawn, shown } = page;
  $("grid").setAttribute("aria-busy", isBusy);
  const isWhole = !isBusy && drawn && shown.length === drawn.num && shown.every((item) => item.drawing === drawing);
  $("save").disabled = !isWhole;
  $("copy").disabled = !drawn;
  if (isBusy) return;
  for (const cell of $("grid").querySelectorAll(".old")) cell.classList.remove("old");
}

/** Empty the page of pictures and of what was said of them; a drawing at work stops. */
export function clearPictures() {
  drawing++;
  page.shown = [];
  page.drawn = null;
  $("grid").replaceChildren();
  $("stage").classList.remove("drawn");
  $("way").hidden = true;
  showUnderstood();
  setBusy(false);
}

/**
 * Draw what the fields ask for; what is shown stands until the new pictures come.
 *
 * `nextSeed(asked)` may change the seed once the text is read. `keep`: the text becomes one of the earlier ones; "over"
 * in place of the last of the same text. `address`: "push", "replace" or "". `isLive`: it was drawn while it was typed.
 * `notes`: errors to tell beside.
 */
export async function draw({ nextSeed, keep = true, address = "push", isLive = false, notes = [] } = {}) {
  if (!page.config) return;
  const mine = ++drawing;
  const isOld = () => mine !== drawing;
  setBusy(true);
  say("to-error");
  if (!isLive) say("error", ...notes);
  let read = null;
  try {
    read = await engine.call("read", page.state.text, page.state.picture);
    if (isOld()) return;
    if (nextSeed) page.state.seed = nextSeed(read.text);
    const asked = { ...page.state, text: read.text, isLive };
    page.drawn = asked;
    say("error", ...notes);
    showUnderstood(read);
    if (address) setAddress(toHash(page.config, asked), address === "push");
    layOut(asked.num);
    for (const cell of $("grid").children) cell.classList.toggle("old", page.shown.length > 0);
    for (let i = 0; i < asked.num; i++) {
      const item = await make(read, asked, (asked.seed + BigInt(i)) % (MAX_SEED + 1n));
      if (isOld()) return;
      page.shown[i] = Object.assign(item, { drawing: mine });
      place($("grid").children[i], item, labelOf(item));
      $("stage").classList.add("drawn");
      tell("picture");
    }
  } catch (error) {
    if (isOld()) return;
    if (error.isOfLoading) fail(error);
    else if (!isLive) say("error", ...notes, error);
    if (!read && !isLive) showUnderstood();
    if (page.shown.length) layOut(page.shown.length);
    else clearPictures();
    setBusy(false);
    return;
  }
  sweep();
  setBusy(false);
  tell("drawn", { asked: page.drawn, keep });
  sharpenAll(isOld);
}

/** Let the grid show sharp pictures, one after the other, until another drawing begins. */
async function sharpenAll(isOld) {
  for (const [i, item] of page.shown.entries()) {
    if (isOld()) return;
    await sharpen($("grid").children[i].firstChild, item);
  }
}

export function listenToGrid() {
  $("grid").addEventListener("click", ({ target }) => {
    const at = [...$("grid").children].indexOf(target.closest("button"));
    if (page.shown[at]) tell("enlarge", at);
  });
}

/** Save all pictures of the grid as one. */
export async function saveAll() {
  const { drawn, shown, config } = page;
  const { width, height, pixels } = tile(shown.map((item) => item.pixels), config.resolution, COLUMNS[drawn.num]);
  const name = fileName(drawn.text, drawn.num > 1 ? `${drawn.seed}-to-${shown.at(-1).seed}` : drawn.seed);
  download(await pictureOf(drawn, shown, pixels, [width, height]), name);
}
