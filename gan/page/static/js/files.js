// Files that are opened: pictures to change, and what was saved here.

import { fillFields, setLock, setSeed } from "./fields.js";
import { takePicture } from "./given.js";
import { setAddress } from "./link.js";
import { addressOf } from "./opened.js";
import { $, answer, page, say, tellStatus } from "./page.js";
import { draw } from "./pictures.js";
import { CHANGES, usual } from "./settings.js";
import { addFavourites } from "./shelf.js";
import { InputError } from "./text.js";
import { t } from "./texts.js";

const TO_CHANGE =
  "Or drop it on the page, or paste it. A picture of this page gives its text, seed and settings back. Any other face is changed by what you type.";

const opens = ({ editing }) => (editing ? "Open a picture" : "Open a saved picture");

/** Say what files can be opened. */
export function introduceFiles({ editing }) {
  $("open").textContent = t(opens({ editing }));
  $("open-hint").textContent = t(editing ? TO_CHANGE : "Or drop it on the page: its text, seed and settings come back.");
  $("shoot").hidden = !(editing && matchMedia("(pointer: coarse)").matches);
}

/** Begin with a picture, of which a text changes something. */
async function changePicture(file) {
  tellStatus(t("Looking at the picture…"));
  try {
    const { id, style } = await takePicture(file);
    const { num } = page.state;
    page.state = { ...page.state, ...usual(page.config), text: "", to: "", picture: id, style, num: Math.min(num, CHANGES) };
  } finally {
    tellStatus("");
  }
  setSeed(0n);
  setLock(true);
  fillFields();
  await draw();
}

export function leavePicture() {
  page.state = { ...page.state, ...usual(page.config), text: t(page.config.examples[0] ?? "a face") };
  fillFields();
  draw();
}

/**
 * Open a picture to change it, or what was saved here: favourites, or a picture, which begins again by `start`, as an
 * address does.
 */
export async function openFile(file, start) {
  if (!file || !page.config) return;
  say("open-error");
  try {
    if (file.type === "application/json" || file.name.endsWith(".json")) {
      const n = addFavourites(await file.text());
      if (!n) throw new InputError("{name} holds no favourites.", { name: file.name });
      return answer($("open"), "Opened", opens(page.config));
    }
    const saved = await addressOf(page.config, new Uint8Array(await file.arrayBuffer()));
    if (!saved && page.config.editing) return await changePicture(file);
    if (!saved) {
      const line = "{name} does not say how it was drawn. Open a PNG that this page or infer.py saved.";
      throw new InputError(line, { name: file.name });
    }
    const { hash, errors } = saved;
    setAddress(hash, true);
    setLock(true);
    await start(hash, { broken: "The picture cannot be repeated as it is: {what}" });
    say("open-error", ...errors);
  } catch (error) {
    say("open-error", error);
  }
}
