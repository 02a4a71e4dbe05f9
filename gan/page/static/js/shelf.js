// What the browser keeps of pictures: the earlier texts, and the favourites, which can be saved as a file.

import { toHash } from "./link.js";
import { $, download, element, events, page } from "./page.js";
import { labelOf } from "./pictures.js";
import { png, urlOf } from "./png.js";

/** A row of pictures with their links, {hash, thumb, label}, kept in the browser. */
class Shelf {
  constructor(name, id, most) {
    Object.assign(this, { name, id, most });
  }

  get #key() {
    return `text2face:${this.name}${location.pathname}:${page.config.name}`;
  }

  entries() {
    try {
      return entriesOf(localStorage.getItem(this.#key) ?? "[]");
    } catch { // storage is forbidden
      return [];
    }
  }

  store(entries) {
    try {
      localStorage.setItem(this.#key, JSON.stringify(entries.slice(0, this.most)));
    } catch { // full or forbidden: nothing is kept then
    }
    this.show();
  }

  show() {
    const entries = this.entries();
    $(this.id).parentElement.hidden = entries.length === 0;
    const items = entries.map(({ hash, thumb, label }) => {
      const image = element("img", { src: thumb, alt: label, width: 64, height: 64 });
      return element("li", {}, element("a", { href: hash, title: label, className: "face" }, image));
    });
    $(this.id).replaceChildren(...items);
  }
}

/** The entries that a JSON text holds; what is none is left out. */
function entriesOf(text) {
  try {
    const entries = JSON.parse(text);
    return Array.isArray(entries) ? entries.filter(isEntry) : [];
  } catch {
    return [];
  }
}

function isEntry(entry) {
  const { hash, thumb, label } = entry ?? {};
  const areTexts = [hash, thumb, label].every((part) => typeof part === "string");
  return areTexts && hash.startsWith("#") && thumb.startsWith("data:image/");
}

const earlier = new Shelf("", "history", 24);
const favourites = new Shelf("favourites:", "favourites", 200);

async function entryOf(item, hash) {
  const blob = await png(page.config.resolution, page.config.resolution, item.pixels, {});
  return { hash, thumb: await urlOf(blob), label: labelOf(item) };
}

/** Let what was drawn be the first of the earlier ones; `isOver`: in place of the first, where that has the same text. */
async function remember(asked, isOver) {
  const hash = toHash(page.config, asked);
  const entry = await entryOf(page.shown[0], hash);
  const textOf = (one) => new URLSearchParams(one.slice(1)).get("text");
  const others = earlier.entries().filter((one, i) => {
    return one.hash !== hash && !(isOver && i === 0 && textOf(one.hash) === asked.text);
  });
  earlier.store([entry, ...others]);
}

const isOf = (hash) => (entry) => entry.hash === hash;
const hashOf = (item) => toHash(page.config, item.asked);

export const isFavourite = (item) => favourites.entries().some(isOf(hashOf(item)));

/** Make a picture a favourite, or none any more. */
export async function toggleFavourite(item) {
  const [hash, entries] = [hashOf(item), favourites.entries()];
  const others = entries.filter((entry) => !isOf(hash)(entry));
  favourites.store(others.length < entries.length ? others : [await entryOf(item, hash), ...entries]);
}

/** Add the favourites of a file that was saved here; how many there were. */
export function addFavourites(text) {
  const found = entriesOf(text);
  const known = favourites.entries();
  const isNew = ({ hash }) => !known.some(isOf(hash));
  favourites.store([...found.filter(isNew), ...known]);
  return found.length;
}

export function showShelves() {
  earlier.show();
  favourites.show();
}

export function listenToShelves() {
  $("clear").addEventListener("click", () => earlier.store([]));
  $("export").addEventListener("click", () => {
    const text = JSON.stringify(favourites.entries(), null, 1);
    download(new Blob([text], { type: "application/json" }), `favourites-${page.config.name}.json`);
  });
  events.addEventListener("drawn", ({ detail: { asked, keep } }) => keep && remember(asked, keep === "over"));
}
