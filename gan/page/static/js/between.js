// Pictures on the way from one text to another: the one that the slider is at, and a strip of eight.

import { engine } from "./engine.js";
import { showBig } from "./enlarged.js";
import { setAddress, toHash } from "./link.js";
import { $, download, element, events, fileName, page, percent, say, short } from "./page.js";
import { pictureOf, place } from "./pictures.js";
import { tile } from "./png.js";
import { settingsOf } from "./settings.js";
import { t } from "./texts.js";
import { looksOf } from "./understood.js";

const STEPS = 8;

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

async function readEnds({ text, to }) {
  const key = JSON.stringify([text, to]);
  if (ends?.key === key) return;
  const both = [await engine.call("read", text), await engine.call("read", to)];
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
