// The page: what begins a drawing, and how the page itself begins.

import { listenToWay, makeFilms } from "./between.js";
import { engine } from "./engine.js";
import { copyLink, listenToEnlarged, makeSizes } from "./enlarged.js";
import { anotherSeed, fillFields, fit, isLocked, setLock, setSeed, showLike, takeFields, takeTouched, touched } from "./fields.js";
import { introduceFiles, leavePicture, openFile } from "./files.js";
import { openPicture } from "./given.js";
import { COUNTS, MOST_LIKE, fromHash, toHash } from "./link.js";
import { $, element, fail, hasFailed, page, say, tellStatus } from "./page.js";
import { clearPictures, draw, layOut, listenToGrid, saveAll } from "./pictures.js";
import { rove } from "./rove.js";
import { LIMITS } from "./settings.js";
import { listenToShelves, showShelves } from "./shelf.js";
import { InputError } from "./text.js";
import { LANGUAGES, preferred, speak, t } from "./texts.js";
import { makePalette, showUnderstoodAgain } from "./understood.js";

export { engine };

const TYPING = 400; // milliseconds without a letter, after which what is typed is drawn
const SLIDING = 250;

let isOpen = false; // whether all of the model is here
let pause; // until what is typed or slid is drawn

// -- what begins a drawing -------------------------------------------------------------------------------------------

function soon(action, after) {
  clearTimeout(pause);
  pause = setTimeout(action, after);
}

/** Draw the fields; the same text again takes another seed, unless that is locked or the text was drawn as it was typed. */
function drawFields() {
  clearTimeout(pause);
  if (!takeFields()) return;
  const last = page.drawn;
  const nextSeed = (text) => {
    if (!isLocked() && last?.text === text && !last.isLive) setSeed(anotherSeed());
    return page.state.seed;
  };
  draw({ nextSeed, address: last?.isLive ? "replace" : "push" });
}

/** Draw what is typed so far; the entries of the browser's history are those of whole texts. */
function drawTyped() {
  if (!page.config || $("text").value === page.drawn?.text || !takeFields()) return;
  draw({ isLive: true, keep: false, address: page.drawn?.isLive ? "replace" : "push" });
}

/** Draw a setting that changed. */
const redraw = (keep) => takeFields() && draw({ keep, address: "replace" });

function drawText(text) {
  page.state.text = text;
  touched.add("text");
  fillFields();
  if (takeFields()) draw();
}

function keepOne({ text, seed, asked }) {
  Object.assign(page.state, { text, like: asked.like });
  setSeed(seed);
  setLock(true);
  fillFields();
  draw();
}

function drawLike({ text, seed, asked }) {
  const seeds = [...(asked.like ? asked.like.split(",") : []), seed].slice(-MOST_LIKE);
  Object.assign(page.state, { text, like: seeds.join(",") });
  if (page.state.num === 1) page.state.num = 12;
  setSeed(anotherSeed());
  fillFields();
  draw();
}

function listen() {
  $("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    drawFields();
  });
  $("text").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    $("ask").requestSubmit();
  });
  for (const kind of ["input", "compositionend"]) {
    $("text").addEventListener(kind, ({ isComposing }) => {
      fit();
      if (!isComposing) soon(drawTyped, TYPING);
    });
  }
  $("seed").addEventListener("change", () => {
    setLock(true); // who gives a seed wants it kept
    redraw("over");
  });
  $("die").addEventListener("click", () => {
    setSeed(anotherSeed());
    redraw("over");
  });
  $("layout").addEventListener("change", () => redraw("over"));
  $("layout-die").addEventListener("click", () => {
    $("layout").value = anotherSeed();
    redraw("over");
  });
  $("lock").addEventListener("click", () => setLock(!isLocked()));
  $("unlike").addEventListener("click", () => {
    page.state.like = "";
    showLike();
    $("text").focus();
    redraw("over");
  });
  for (const [name, keep] of [["num", false], ["style", "over"]]) {
    $(name).addEventListener("change", () => {
      page.state[name] = Number($(name).value);
      redraw(keep);
    });
  }
  for (const name of Object.keys(LIMITS)) {
    $(name).addEventListener("input", () => {
      page.state[name] = Number($(name).value);
      $(`${name}-now`).value = page.state[name];
      soon(() => redraw(false), SLIDING);
    });
  }
  $("copy").addEventListener("click", () => page.drawn && copyLink($("copy"), toHash(page.config, page.drawn)));
  $("save").addEventListener("click", saveAll);
  for (const [button, input] of [["open", "file"], ["shoot", "photo"]]) {
    $(button).addEventListener("click", () => $(input).click());
    $(input).addEventListener("change", () => {
      openFile($(input).files[0], start);
      $(input).value = "";
    });
  }
  addEventListener("paste", ({ clipboardData }) => clipboardData.files.length && openFile(clipboardData.files[0], start));
  $("ungive").addEventListener("click", leavePicture);
  for (const kind of ["dragover", "drop"]) {
    addEventListener(kind, (event) => {
      if (!event.dataTransfer.types.includes("Files")) return; // a text is dropped into a field
      event.preventDefault();
      if (kind === "drop") openFile(event.dataTransfer.files[0], start);
    });
  }
  listenToGrid();
  listenToEnlarged(keepOne, drawLike);
  listenToWay();
  listenToShelves();
  addEventListener("resize", fit);
  addEventListener("hashchange", () => page.config && start(location.hash));
  for (const id of ["grid", "history", "favourites", "examples"]) rove($(id));
}

/**
 * Draw what an address asks for, or else the first example; at first, with what was set meanwhile. `broken` is what is
 * said of parts that cannot be taken.
 */
async function start(hash, { isFirst = false, broken = "The link is broken: {what}" } = {}) {
  const [given, errors] = fromHash(page.config, hash);
  clearTimeout(pause);
  if ($("big").open) $("big").close();
  if (given.picture) {
    try {
      await openPicture(given.picture);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      given.picture = "";
      errors.push(error);
    }
  }
  page.state = { ...given, text: given.text ?? t(page.config.examples[0] ?? "") };
  if (isFirst) takeTouched();
  fillFields();
  const notes = errors.map(({ template, values }) => {
    return new InputError(broken, { what: t(template, values) });
  });
  if (page.state.text || given.picture || (!isFirst && given.text === undefined)) {
    await draw({ keep: given.text !== undefined || touched.has("text"), address: errors.length ? "" : "replace", notes });
  } else {
    clearPictures();
    if (isOpen) tellReady();
    say("error", ...notes);
  }
}

// -- the beginning ---------------------------------------------------------------------------------------------------

const tellReady = () => tellStatus(page.drawn ? "" : t("Ready. Describe a picture above."));

engine.tell = ({ share, what, values, config: early }) => {
  if (early) introduce(early);
  else if (!hasFailed()) tellStatus(t(what, values), { share }); // of several files one may have failed
};

const ABILITIES = {
  head: "It draws the colours of hair and eyes and the length of hair, and nothing else. Also in 中文, 日本語, 한국어, español, français, Deutsch, português, italiano.",
  onehot: "It reads only captions like “pink hair green eyes”.",
};
const OTHER_ABILITIES = "It understands English, and draws what its training pictures show.";

/** What the page says of its model, as soon as that is known. */
function introduce({ noun, name, examples, sources, credits, conditioning, latents, pose, editing }) {
  $("title").textContent = document.title = t(`Text to ${noun}`);
  $("model").textContent = name;
  $("credits").textContent = credits ? t("The training pictures: {credits}.", { credits }) : "";
  $("num").replaceChildren(...COUNTS.map((count) => new Option(count, count, count === 12, count === Number($("num").value))));
  $("styles").hidden = sources.length < 2;
  $("pose").hidden = !latents;
  $("turns").hidden = !Object.keys(pose).length;
  introduceFiles({ editing });
  const chosenStyle = $("style").value || 0;
  $("style").replaceChildren(...sources.map((source, i) => new Option(source, i)));
  $("style").value = chosenStyle;
  $("understood").classList.toggle("kept", conditioning.kind in ABILITIES);
  $("can").textContent = t(ABILITIES[conditioning.kind] ?? OTHER_ABILITIES);
  const items = examples.map((example) => {
    const button = element("button", { type: "button", textContent: t(example), dir: "auto" });
    button.addEventListener("click", () => drawText(t(example)));
    return element("li", {}, button);
  });
  $("examples").replaceChildren(...items);
}

async function load() {
  tellStatus(t("Loading…"), { share: 0 });
  try {
    if (!page.config) {
      page.config = await engine.call("load", new URL("../model/", import.meta.url).href);
      makePalette(drawText);
      makeSizes();
      makeFilms();
      showShelves();
    }
    await start(location.hash, { isFirst: true });
    if (hasFailed()) return;
    await engine.call("open"); // what the first pictures did not need
    isOpen = true;
    tellReady();
    navigator.serviceWorker?.register("sw.js").catch(() => {}); // where it is forbidden, the page needs its host
  } catch (error) {
    fail(error);
  }
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
  if (!page.config) return;
  introduce(page.config);
  makePalette(drawText);
  makeSizes();
  makeFilms();
  showUnderstoodAgain();
  fillFields();
}

async function main() {
  const root = document.documentElement.classList;
  if (root.contains("asked")) {
    $("grid").replaceChildren();
    $("stage").classList.remove("drawn");
  }
  root.remove("asked");
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
