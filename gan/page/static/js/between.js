// Pictures on the way from one text to another: the one that the slider is at, and a strip of eight.

import { engine } from "./engine.js";
import { showBig } from "./enlarged.js";
import { setAddress, toHash } from "./link.js";
import { $, download, element, events, fileName, page, percent, say, short } from "./page.js";
import { SHARP, metadataOf, pictureOf, place } from "./pictures.js";
import { apng, tile } from "./png.js";
import { settingsOf } from "./settings.js";
import { t } from "./texts.js";
import { looksOf } from "./understood.js";

const STEPS = 8;
const FILM = { steps: 12, fps: 12 };

let walking = 0; // the number of the latest drawing: an earlier one stops
let ends = null; // the two texts, read: {key, texts, looks, from, to}
let middle = null; // the picture at the slider: {key, url, asked, pixels, label}
let strip = null; // all: {key, width, height, pixels, asked, url}

const itemsOf = ({ seed }) => ends.texts.map((text, i) => ({ text, seed, looks: ends.looks[i] }));
const nameOf = ({ seed }) => fileName(ends.texts.map((text) => text.slice(0, 18)).join(" to "), seed);

/** Draw what changed of the way from the text that is shown to the one in the field. */
async function drawWay() {
  const mine = ++walking;
  const { to, at } = page.state;
  $("way").hidden = !to || !page.drawn;
  say("to-error");
  if (!to || !page.drawn) return;
  const asked = { ...page.drawn, to, at };
  try {
    await readEnds(asked);
    const draw = (share) => engine.call("draw", ends.from, asked.seed, { ...settingsOf(page.config, asked), to: ends.to, share });
    const key = JSON.stringify([ends.key, String(asked.seed), settingsOf(page.config, asked)]);
    if (mine === walking && middle?.key !== key + at) await drawMiddle(key + at, asked, await draw(at), mine);
    if (mine === walking && strip?.key !== key) await drawStrip(key, asked, draw, mine);
  } catch (error) {
    if (mine === walking) say("to-error", error);
  }
}

async function readEnds({ text, to, picture }) {
  const key = JSON.stringify([text, to, picture]);
  if (ends?.key === key) return;
  const both = [await engine.call("read", text, picture), await engine.call("read", to, picture)];
  const looks = both.map(({ readings }) => looksOf(readings));
  ends = { key, texts: both.map((read) => read.text), looks, from: both[0].c, to: both[1].c };
}

async function drawMiddle(key, asked, pixels, mine) {
  const blob = await pictureOf(asked, itemsOf(asked), pixels, undefined, { Between: String(asked.at) });
  if (mine !== walking) return;
  if (middle) for (const url of [middle.url, middle.sharp]) if (url) URL.revokeObjectURL(url);
  const label = t("{percent} of the way to {text}", { percent: percent(asked.at), text: short(ends.texts[1]) });
  middle = { key, asked, pixels, label, items: itemsOf(asked), url: URL.createObjectURL(blob), file: nameOf(asked) };
  place($("middle"), middle, label);
}

async function drawStrip(key, asked, draw, mine) {
  const pictures = [];
  for (let i = 0; i < STEPS; i++) {
    pictures.push(await draw(i / (STEPS - 1)));
    if (mine !== walking) return;
  }
  const { width, height, pixels } = tile(pictures, page.config.resolution, STEPS);
  const blob = await pictureOf(asked, itemsOf(asked), pixels, [width, height]);
  if (mine !== walking) return;
  if (strip) URL.revokeObjectURL(strip.url);
  strip = { key, blob, url: URL.createObjectURL(blob), file: nameOf(asked) };
  $("strip").replaceChildren(element("img", { src: strip.url, alt: "" }));
}

/** Save the way there and back, slow at the texts, as an animated PNG: that of infer.py's --interpolate with --loop. */
async function saveFilm(factor) {
  const asked = { ...page.drawn, to: page.state.to };
  const { resolution } = page.config;
  const options = settingsOf(page.config, asked);
  say("to-error");
  try {
    await readEnds(asked);
    const frames = [];
    for (let i = 0; i < 2 * FILM.steps; i++) {
      const at = (i % FILM.steps) / FILM.steps;
      const eased = at * at * (3 - 2 * at);
      const share = i < FILM.steps ? eased : 1 - eased;
      const pixels = await engine.call("draw", ends.from, asked.seed, { ...options, to: ends.to, share });
      frames.push(factor > 1 ? await engine.call("enlarge", pixels, resolution, factor) : pixels);
      $("film-progress").value = i / (2 * FILM.steps);
    }
    const said = { ...metadataOf(asked, itemsOf(asked), true), Film: `{"steps": ${FILM.steps}, "fps": ${FILM.fps}, "loop": true}` };
    download(await apng(resolution * factor, resolution * factor, frames, said, FILM.fps), nameOf(asked));
  } catch (error) {
    say("to-error", error);
  }
}

/** Make the buttons of the films, of the exact size and of sharpened pictures. */
export function makeFilms() {
  const { resolution } = page.config;
  const buttons = [1, SHARP].map((factor) => {
    const button = element("button", { type: "button", textContent: t("Film, {size} px", { size: factor * resolution }) });
    button.addEventListener("click", async () => {
      for (const each of buttons) each.disabled = true;
      $("film-progress").hidden = false;
      await saveFilm(factor);
      $("film-progress").hidden = true;
      for (const each of buttons) each.disabled = false;
    });
    return button;
  });
  $("films").replaceChildren(...buttons);
}

export function listenToWay() {
  let isDrawing = false;
  const follow = async () => { // the one in work is followed by the latest
    if (isDrawing) return;
    isDrawing = true;
    for (let done; done !== page.state.at; ) {
      done = page.state.at;
      await drawWay();
    }
    isDrawing = false;
  };
  $("to").addEventListener("change", () => {
    page.state.to = $("to").value.trim();
    if (!page.drawn) return;
    page.drawn.to = page.state.to;
    setAddress(toHash(page.config, { ...page.drawn, at: page.state.at }), false);
    drawWay();
  });
  $("at").addEventListener("input", () => {
    page.state.at = Number($("at").value);
    $("at-now").value = percent(page.state.at);
    follow();
  });
  $("at").addEventListener("change", () => {
    if (!page.drawn) return;
    page.drawn.at = page.state.at;
    setAddress(toHash(page.config, page.drawn), false);
  });
  $("middle").addEventListener("click", () => showBig({ item: middle, label: middle.label, file: middle.file }));
  $("save-strip").addEventListener("click", () => strip && download(strip.blob, strip.file));
  events.addEventListener("drawn", ({ detail: { asked } }) => asked.to && drawWay());
}
