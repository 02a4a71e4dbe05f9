// A picture as the prompt: what it shows, what it is drawn from, and its edits: gan/inversion/{reading,editing}.py.

import { measured } from "./localiser.js";
import { seededNoise } from "./noise.js";
import { settingsOf } from "./settings.js";

const SIZE = 64;
const plus = (one, other, factor = 1) => one.map((x, i) => x + factor * other[i]);
const lerp = (one, other, share) => one.map((x, i) => x + share * (other[i] - x));
const best = (shares) => shares.indexOf(Math.max(...shares));

/** A picture that was given. */
export class Given {
  /** Find a picture, 64 x 64 RGBA pixels, in a model: {c, style, latents, quality in dB}. */
  static async find(model, pixels) {
    const given = Object.assign(new Given(), { model });
    const images = planes(pixels);
    const shown = await given.#shown(pixels);
    given.c = model.reader.stating([shown.hair, shown.eyes, shown.length].map(best), measured(pixels, shown.attention));
    let { sources, layouts, ...latents } = await given.#pass(images, images);
    given.style = best([...sources]);
    given.layouts = layouts;
    given.whole = model.withStyle(given.c, given.style);
    for (let pass = 1; pass < model.config.editing.passes; pass++) {
      const { img } = await model.generate(latents.z, given.whole, { added: latents });
      const more = await given.#pass(images, plus(images, img, -1));
      latents = Object.fromEntries(Object.entries(latents).map(([name, values]) => [name, plus(values, more[name])]));
    }
    given.latents = latents;
    const { img } = await model.generate(latents.z, given.whole, { added: latents });
    given.quality = psnr(pixels, model.pixels(img));
    return given;
  }

  #pass(images, missing) {
    const shape = [3, SIZE, SIZE];
    return this.model.run("inverter", { images: [images, shape], missing: [missing, shape] });
  }

  #shown(pixels) {
    return this.model.run("shown", { images: [planes(pixels), [3, SIZE, SIZE]] });
  }

  /** The condition of this picture with what a text states in the place of what it was. */
  merged(c) {
    return this.model.reader.merged(this.c, c);
  }

  /**
   * The pixels of an edit: `c` as `merged` gives it, and `share` of the way to `to`. Variation 0n is the edit itself,
   * others lie near it.
   */
  async edit(c, variation, { to = null, share = 0, ...options }) {
    const { model, latents } = this;
    const { z } = latents;
    const { style, truncation } = settingsOf(model.config, options);
    c = model.reader.settled(c, z);
    if (to) c = lerp(c, model.reader.settled(to, z), share);
    const whole = model.withStyle(c, style);
    const layout = Float32Array.from(model.turned(z, options));
    const places = latents.styles.length / model.config.latents.styles[1];
    const moved = (styles, w) => plus(styles, Float32Array.from(styles, (_, i) => w[i % (styles.length / places)]));
    const noiseOf = (seed) => seededNoise(seed, z.length).map((x) => truncation * x);
    const { trials, sure, unlikely, style_shift } = model.config.editing;
    const mean = (k) => this.layouts.subarray(k * latents.layout.length, (k + 1) * latents.layout.length);
    const shifted = plus(plus(latents.layout, mean(style), style_shift), mean(this.style), -style_shift);
    const draw = (styles) => model.generate(z, whole, { layout, added: { layout: shifted, styles } });
    const styleOf = async (noise, condition) => (await model.generate(noise, condition)).w;
    let { img, w } = await draw(latents.styles);
    let varied = w.map(() => 0);
    if (variation) {
      const other = await styleOf(plus(z, noiseOf(variation), model.config.editing.variation), whole);
      varied = plus(other, w, -1);
      ({ img } = await draw(moved(latents.styles, varied)));
    }
    let pixels = model.pixels(img);
    if (to || whole.every((x, i) => x === this.whole[i])) return pixels; // a way stays smooth
    let likeliest = await this.#probability(pixels, c);
    if (likeliest > sure) return pixels;
    const fromNone = plus(w, await styleOf(z, model.withStyle(model.nothing(c), style)), -1);
    for (const [kept, purity, seed] of trials) {
      let further = plus(varied, fromNone, purity);
      if (seed !== null) {
        const noise = plus(z, noiseOf(BigInt(seed))).map((x) => x / Math.SQRT2);
        further = plus(further, plus(await styleOf(noise, whole), w, -1));
      }
      const styles = moved(latents.styles.map((x) => kept * x), further);
      const tried = model.pixels((await draw(styles)).img);
      const probability = await this.#probability(tried, c);
      if (probability > Math.max(likeliest, unlikely)) [pixels, likeliest] = [tried, probability];
      if (likeliest > sure) break;
    }
    return pixels;
  }

  /** How probably a picture shows hair and eyes as asked. */
  async #probability(pixels, c) {
    const shown = await this.#shown(pixels);
    const { rules } = this.model.config;
    let probability = 1;
    for (const { slot, value } of this.model.reader.readings(c)) {
      if (value === null || !rules.colour_slots.includes(slot)) continue;
      probability *= shown[slot][rules.slots[slot].indexOf(value)];
    }
    return probability;
  }
}

/** RGBA pixels as numbers (3, H, W) in [-1, 1]. */
function planes(pixels) {
  const plane = pixels.length / 4;
  return Float32Array.from({ length: 3 * plane }, (_, i) => pixels[4 * (i % plane) + Math.floor(i / plane)] / 127.5 - 1);
}

/** How near two pictures are, in dB. */
function psnr(one, other) {
  const squares = one.reduce((sum, x, i) => sum + (x - other[i]) ** 2, 0) / (0.75 * one.length); // alpha is no part of it
  return 10 * Math.log10(255 ** 2 / Math.max(squares, 1e-10));
}
