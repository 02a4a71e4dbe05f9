// A picture that is given to be changed: taken from a file, kept in this browser, and shown beside its changes.

import { engine } from "./engine.js";
import { $, page } from "./page.js";
import { checksum, png, urlOf } from "./png.js";
import { fitted } from "./resize.js";
import { InputError } from "./text.js";
import { t } from "./texts.js";

const SIZE = 64;
const MOST = 8; // pictures that are kept
const WIDEST = 2048; // pixels that are looked at

/** The pictures that are kept, [{id, name, url}], the latest first. */
function kept() {
  try {
    const found = JSON.parse(localStorage.getItem(key()) ?? "[]");
    return found.filter(({ id, name, url }) => [id, name, url].every((part) => typeof part === "string") && url.startsWith("data:image/"));
  } catch { // storage is forbidden, or holds something else
    return [];
  }
}

const key = () => `text2face:pictures:${location.pathname}:${page.config.name}`;

/** Take a picture from a file. */
export async function takePicture(file) {
  const pixels = await pixelsOf(file);
  const id = checksum(pixels).toString(16).padStart(8, "0");
  const picture = { id, name: file.name || t("a picture"), url: await urlOf(await png(SIZE, SIZE, pixels, {})) };
  try {
    localStorage.setItem(key(), JSON.stringify([picture, ...kept().filter((one) => one.id !== id)].slice(0, MOST)));
  } catch { // full or forbidden: it is lost when the page is left
  }
  return give(picture, pixels);
}

/** A picture that was given before, by its name in an address: {name, url, style, quality}. */
export async function openPicture(id) {
  if (!page.pictures.has(id)) {
    const picture = kept().find((one) => one.id === id);
    if (!picture) throw new InputError("The picture that was changed is not in this browser. Open it again.");
    await give(picture, await pixelsOf(Object.assign(new Image(), { src: picture.url })));
  }
  return page.pictures.get(id);
}

async function give(picture, pixels) {
  const found = await engine.call("give", picture.id, pixels);
  page.pictures.set(picture.id, { ...picture, ...found });
  return page.pictures.get(picture.id);
}

/** The pixels of a picture, a file or an image: the square in the middle, on white, 64 x 64 RGBA. */
async function pixelsOf(source) {
  let bitmap;
  try {
    await source.decode?.();
    bitmap = await createImageBitmap(source);
    const wide = Math.max(bitmap.width, bitmap.height);
    if (wide > WIDEST) {
      const resizeWidth = Math.max(Math.round((bitmap.width * WIDEST) / wide), 1);
      bitmap = await createImageBitmap(bitmap, { resizeWidth, resizeQuality: "high" });
    }
  } catch {
    throw new InputError("{name} is no picture that this browser can read.", { name: source.name ?? "" });
  }
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  return fitted(context.getImageData(0, 0, width, height).data, width, height, SIZE);
}

/** Show the picture that is changed, if one is, and only the fields that go with it. */
export function showGiven() {
  const picture = page.pictures.get(page.state.picture);
  $("given").hidden = !picture;
  document.body.classList.toggle("changing", Boolean(picture));
  $("text").placeholder = picture ? t("what to change, such as: green hair") : "";
  if (!picture) return;
  const { name, url, quality } = picture;
  Object.assign($("given-image"), { src: url, alt: name });
  const isRough = quality < page.config.editing.rough;
  const line = isRough
    ? "The model draws {name} only roughly ({quality} dB, where faces have about 18). A face that fills the picture is drawn best."
    : "{name}, as the model can draw it ({quality} dB).";
  $("given-what").textContent = t(line, { name, quality: quality.toFixed(1) });
}
