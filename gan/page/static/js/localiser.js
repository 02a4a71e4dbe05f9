// The exact colours of hair and eyes in a face, where the localiser looks: gan/faces/localiser.py.

import { distance, fromHex, oklab, toHex } from "./colour.js";

const SIZE = 64;
const HAIR_ROWS = 28;
const REACH = { hair: 0.12, iris: 0.1 };
const LEAST = { hair: 150, iris: 6 };
const LEAST_ATTENTION = 0.15;
const PLAIN = 0.02;
const SAME_HUE = 0.7;
const PUREST = 12;
const [IRIS_ROWS, IRIS_COLUMNS] = [5, 4];
const APART = 9;
const PLACES = Array.from({ length: SIZE * SIZE }, (_, i) => i);

/** The colours (OKLab) of the hair and of the eyes, null where one cannot be measured; RGBA pixels, attentions (2, 32, 32). */
export function measured(rgba, attentions) {
  const pixels = PLACES.map((i) => oklab([0, 1, 2].map((k) => rgba[4 * i + k] / 255)));
  const [hair, eyes] = [0, 1].map((k) => normal(doubled(attentions.subarray(1024 * k, 1024 * (k + 1)))));
  // As many digits as a colour is written with, as in Python.
  return [hairIn(pixels, hair), eyesIn(pixels, eyes)].map(({ colour, isSure }) => (isSure ? fromHex(toHex(colour)) : null));
}

/** A plane (32, 32) as (64, 64), bilinear. */
function doubled(plane) {
  const half = SIZE / 2;
  const at = (x) => Math.min(Math.max((x + 0.5) / 2 - 0.5, 0), half - 1);
  return PLACES.map((i) => {
    const [y, x] = [at(Math.floor(i / SIZE)), at(i % SIZE)];
    const [top, left] = [Math.floor(y), Math.floor(x)];
    const value = (row, column) => plane[Math.min(row, half - 1) * half + Math.min(column, half - 1)];
    const along = (row) => value(row, left) + (x - left) * (value(row, left + 1) - value(row, left));
    return along(top) + (y - top) * (along(top + 1) - along(top));
  });
}

const sum = (values) => values.reduce((one, other) => one + other, 0);

function normal(attention) {
  const all = sum(attention);
  return attention.map((share) => share / all);
}

/** The colour attended to, mostly that of the peak. */
function attended(pixels, attention) {
  const sharp = attention.map((share) => share * share);
  const all = Math.max(sum(sharp), 1e-12);
  return [0, 1, 2].map((k) => sum(sharp.map((weight, i) => weight * pixels[i][k])) / all);
}

/** The median of each part of some colours, the lower one of an even number. */
function medianOf(colours) {
  return [0, 1, 2].map((k) => colours.map((colour) => colour[k]).sort((one, other) => one - other)[(colours.length - 1) >> 1]);
}

function medianNear(pixels, reference, allowed, reach) {
  const near = allowed.map((i) => pixels[i]).filter((colour) => distance(colour, reference) < reach);
  return { colour: near.length ? medianOf(near) : reference, area: near.length };
}

function hairIn(pixels, attention) {
  const top = PLACES.slice(0, HAIR_ROWS * SIZE);
  const first = medianNear(pixels, attended(pixels, attention), top, REACH.hair);
  const { colour, area } = medianNear(pixels, first.colour, top, REACH.hair);
  return { colour, isSure: area >= LEAST.hair };
}

/** The colour of an iris: of its purest pixels, for at this size most are mixed with lashes, light and skin. */
function irisIn(pixels, reference, inside) {
  const { colour, area } = medianNear(pixels, reference, inside, REACH.iris);
  const [lightness, ...hue] = reference;
  const chroma = Math.hypot(...hue);
  const purity = (i) => Math.hypot(pixels[i][1], pixels[i][2]);
  const along = (i) => (pixels[i][1] * hue[0] + pixels[i][2] * hue[1]) / chroma;
  const alike = inside.filter((i) => along(i) > SAME_HUE * purity(i) && pixels[i][0] < lightness + REACH.hair);
  if (chroma <= PLAIN || alike.length < PUREST) return { colour, area };
  const purest = alike.sort((one, other) => purity(other) - purity(one)).slice(0, PUREST);
  return { colour: medianOf(purest.map((i) => pixels[i])), area };
}

function eyesIn(pixels, attention) {
  const isNear = (i, peak, rows, columns) =>
    Math.abs(Math.floor(i / SIZE) - Math.floor(peak / SIZE)) <= rows && Math.abs((i % SIZE) - (peak % SIZE)) <= columns;
  let rest = attention;
  const [first, second] = [0, 1].map(() => {
    const peak = rest.reduce((best, share, i) => (share > rest[best] ? i : best), 0);
    const inside = PLACES.filter((i) => isNear(i, peak, IRIS_ROWS, IRIS_COLUMNS));
    const own = attention.map((share, i) => (isNear(i, peak, IRIS_ROWS, IRIS_COLUMNS) ? share : 0));
    rest = rest.map((share, i) => (isNear(i, peak, APART, APART) ? 0 : share));
    return { ...irisIn(pixels, attended(pixels, own), inside), share: sum(own) };
  });
  const areBoth =
    second.share >= LEAST_ATTENTION && second.area >= LEAST.iris && distance(first.colour, second.colour) < 2 * REACH.iris;
  const colour = areBoth ? first.colour.map((part, k) => (part + second.colour[k]) / 2) : first.colour;
  const area = areBoth ? Math.max(first.area, second.area) : first.area;
  return { colour, isSure: first.share >= LEAST_ATTENTION && area >= LEAST.iris };
}
