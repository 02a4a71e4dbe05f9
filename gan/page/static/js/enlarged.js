// The enlarged view of one picture: the ones before and behind it, a variation by another text, and what becomes of it.

import { engine } from "./engine.js";
import { toHash } from "./link.js";
import { $, answer, download, element, events, fileName, page, say, short } from "./page.js";
import { labelOf, make, sharpPicture, sharpen, show, watch } from "./pictures.js";
import { isFavourite, toggleFavourite } from "./shelf.js";
import { t } from "./texts.js";

const SIZES = [256, 512]; // of the larger files, beside the exact one

let view = {}; // {item, label, file, at}: `at` its place in the grid; `other`, the same one by another text
const viewed = () => view.other ?? view.item; // what the buttons below take

export function enlarge(at) {
  const item = page.shown[at];
  if (item) showBig({ at, item, label: labelOf(item), file: fileName(item.text, item.seed) });
}

/** Show what is not of the grid, {item, label, file}, without what only a picture of the grid can become. */
export function showBig(next) {
  view = next;
  watch(view.item);
  const isOfGrid = view.at !== undefined;
  $("other-image").hidden = true;
  $("other-image").removeAttribute("src");
  $("other").value = "";
  say("other-error");
  for (const id of ["previous", "next", "keep", "like", "favourite", "otherwise"]) $(id).hidden = !isOfGrid;
  if (view.item.asked.picture) $("like").hidden = true;
  showOne($("big-image"), view.item, view.label, view.label, view.file);
  showSteps();
  if (!$("big").open) $("big").showModal();
}

function showOne(image, item, label, line, file) {
  image.alt = label;
  show(image, item);
  sharpen(image, item);
  const { sources } = page.config;
  $("big-text").textContent = line + (sources.length > 1 ? `, ${sources[item.asked.style]}` : "");
  Object.assign($("big-save"), { href: item.url, download: file });
  showFavourite();
}

/** Whether there is one before and behind the enlarged one, by now. */
function showSteps() {
  if (view.at === undefined) return;
  $("previous").disabled = !page.shown[view.at - 1];
  $("next").disabled = !page.shown[view.at + 1];
}

function showFavourite() {
  if (view.at === undefined) return;
  $("favourite").setAttribute("aria-pressed", isFavourite(viewed()));
}

const step = (by) => view.at !== undefined && enlarge(view.at + by);

async function drawOtherwise(event) {
  event.preventDefault();
  const mine = view;
  const { item } = mine;
  const text = $("other").value;
  say("other-error");
  try {
    const other = await make(await engine.call("read", text, item.asked.picture), item.asked, item.seed);
    if (mine !== view || text !== $("other").value) return; // another one is looked at by now
    view.other = other;
    watch(item, other);
    const line = `${labelOf(item)} → ${short(other.text)}`;
    showOne($("other-image"), other, labelOf(other), line, fileName(other.text, other.seed));
    $("other-image").hidden = false;
  } catch (error) {
    if (mine === view) say("other-error", error);
  }
}

async function saveLarge(size) {
  const item = viewed();
  const blob = await sharpPicture(item, size / page.config.resolution);
  download(blob, $("big-save").download.replace(/\.png$/, `-${size}.png`));
}

/** Listen to the view's buttons; `keep(item)` draws from a picture on, `drawLike(item)` others that are like it. */
export function listenToEnlarged(keep, drawLike) {
  const leaveWith = (action) => () => {
    const item = viewed();
    view.isLeft = true;
    $("big").close();
    action(item);
  };
  $("previous").addEventListener("click", () => step(-1));
  $("next").addEventListener("click", () => step(1));
  $("big").addEventListener("keydown", ({ key, target }) => {
    if (target.tagName === "INPUT") return;
    if (key === "ArrowLeft") step(-1);
    if (key === "ArrowRight") step(1);
  });
  $("big").addEventListener("click", ({ target }) => target === $("big") && $("big").close()); // beside it
  $("big").addEventListener("close", () => {
    const opener = view.at === undefined ? $("middle") : ($("grid").children[view.at] ?? $("grid").firstChild);
    (view.isLeft ? $("text") : opener)?.focus();
    view = {};
    watch();
  });
  $("big-copy").addEventListener("click", () => copyLink($("big-copy"), toHash(page.config, viewed().asked)));
  $("keep").addEventListener("click", leaveWith(keep));
  $("like").addEventListener("click", leaveWith(drawLike));
  $("favourite").addEventListener("click", async () => {
    await toggleFavourite(viewed());
    showFavourite();
  });
  $("otherwise").addEventListener("submit", drawOtherwise);
  events.addEventListener("picture", showSteps);
  events.addEventListener("enlarge", ({ detail }) => enlarge(detail));
}

/** Make the buttons of the larger files, those that are larger than the exact one. */
export function makeSizes() {
  const { resolution } = page.config;
  const sizes = SIZES.filter((size) => size > resolution && size % resolution === 0);
  const buttons = sizes.map((size) => {
    const button = element("button", { type: "button", textContent: `${size} px`, title: t("Larger, with sharpened edges") });
    button.addEventListener("click", () => saveLarge(size));
    return button;
  });
  $("sizes").replaceChildren(...buttons);
}

export async function copyLink(button, hash) {
  let said = "Copied";
  try {
    await navigator.clipboard.writeText(new URL(hash, location.href).href);
  } catch { // a browser that forbids it: the address is in the bar
    history.replaceState(null, "", hash);
    said = "See the address";
  }
  answer(button, said, "Copy link");
}
