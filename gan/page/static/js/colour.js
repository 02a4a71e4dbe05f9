// Particular colours: encoder/attributes: colour.py and colour_names.py. Colours are OKLab, [L, a, b].

export const NUMBERS = 4; // of a slot: stated, L, a, b
const WEIGHTS = [0.6, 1, 1];
const CENTRE = [0.6, 0, 0];
const SCALE = [4, 8, 8];
const TO_LMS = [
  [0.4122214708, 0.5363325363, 0.0514459929],
  [0.2119034982, 0.6806995451, 0.1073969566],
  [0.0883024619, 0.2817188376, 0.6299787005],
];
const TO_LAB = [
  [0.2104542553, 0.793617785, -0.0040720468],
  [1.9779984951, -2.428592205, 0.4505937099],
  [0.0259040371, 0.7827717662, -0.808675766],
];
const FROM_LMS = inverse(TO_LMS);
const FROM_LAB = inverse(TO_LAB);

const times = (matrix, v) => matrix.map((row) => row[0] * v[0] + row[1] * v[1] + row[2] * v[2]);

function inverse([[a, b, c], [d, e, f], [g, h, i]]) {
  const [A, B, C] = [e * i - f * h, f * g - d * i, d * h - e * g];
  const det = a * A + b * B + c * C;
  return [
    [A / det, (c * h - b * i) / det, (b * f - c * e) / det],
    [B / det, (a * i - c * g) / det, (c * d - a * f) / det],
    [C / det, (b * g - a * h) / det, (a * e - b * d) / det],
  ];
}

/** Half to even, as NumPy and PyTorch round. */
export function round(x) {
  const whole = Math.floor(x);
  return x - whole === 0.5 ? whole + (whole % 2) : Math.round(x);
}

/** Of sRGB in [0, 1]. */
export function oklab(rgb) {
  const linear = rgb.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return times(TO_LAB, times(TO_LMS, linear).map(Math.cbrt));
}

export const fromHex = (hex) => oklab([1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255));

/** The nearest "#rrggbb". */
export function toHex(lab) {
  const linear = times(FROM_LMS, times(FROM_LAB, lab).map((part) => part ** 3));
  const rgb = linear.map((part) => Math.min(Math.max(part, 0), 1));
  const parts = rgb.map((part) => (part <= 0.0031308 ? part * 12.92 : 1.055 * part ** (1 / 2.4) - 0.055));
  return "#" + parts.map((part) => round(255 * part).toString(16).padStart(2, "0")).join("");
}

export const scale = (lab) => lab.map((part, i) => (part - CENTRE[i]) * SCALE[i]);
export const unscale = (numbers) => numbers.map((part, i) => part / SCALE[i] + CENTRE[i]);
export const distance = (one, other) => Math.hypot(...one.map((part, i) => (part - other[i]) * WEIGHTS[i]));

const NUMBER = "([0-9]+(?:\\.[0-9]+)?)(%?)";
const BETWEEN = "[\\s,/]+";
const CODE = new RegExp(
  "(?<![\\p{L}\\p{N}_&])(?:#|0x)([0-9a-f]{6}|[0-9a-f]{3})(?![0-9a-z])|" +
    `(?<![\\p{L}\\p{N}_])(rgb|hsl)a?\\s*\\(\\s*${NUMBER}(?:deg|°)?${BETWEEN}${NUMBER}${BETWEEN}${NUMBER}` +
    `(?:${BETWEEN}[0-9.]+%?)?\\s*\\)`,
  "giu",
);

/** The colours that a text gives in figures: {start, end, lab}. */
export function codes(text) {
  return [...text.matchAll(CODE)].map((match) => ({
    start: match.index,
    end: match.index + match[0].length,
    lab: oklab(rgbOf(match)),
  }));
}

function rgbOf([, digits, name, ...parts]) {
  if (digits) {
    const pairs = digits.length === 3 ? [...digits].map((digit) => digit + digit) : digits.match(/../g);
    return pairs.map((pair) => parseInt(pair, 16) / 255);
  }
  const values = [0, 2, 4].map((i) => parseFloat(parts[i]));
  if (name.toLowerCase() === "rgb") return values.map((value, i) => Math.min(value / (parts[2 * i + 1] ? 100 : 255), 1));
  const [hue, saturation, lightness] = [(values[0] / 360) % 1, Math.min(values[1] / 100, 1), Math.min(values[2] / 100, 1)];
  const most = lightness <= 0.5 ? lightness * (1 + saturation) : lightness + saturation - lightness * saturation;
  const least = 2 * lightness - most;
  return [1 / 3, 0, -1 / 3].map((turn) => {
    const at = (((hue + turn) % 1) + 1) % 1;
    if (at < 1 / 6) return least + (most - least) * at * 6;
    if (at < 0.5) return most;
    return at < 2 / 3 ? least + (most - least) * (2 / 3 - at) * 6 : least;
  });
}

/** What the colours of the rules (gan/page/rules.py) know. */
export class Colours {
  constructor(rules) {
    this.rules = rules;
    this.plain = new Set(rules.plain);
    this.empty = new Set(rules.empty);
    this.known = new Map();
    this.tones = Object.fromEntries(
      Object.entries(rules.tones).map(([slot, tones]) => [slot, tones.map(([value, hex]) => [value, fromHex(hex)])]),
    );
  }

  /** What a colour is drawn as: the values of a slot and their shares, {value: share}. */
  mixture(slot, lab) {
    lab = fromHex(toHex(lab)); // as it is passed on in Python
    const nearest = this.rules.slots[slot].map((value) => {
      const own = this.tones[slot].filter(([name]) => name === value);
      return [value, Math.min(...own.map(([, tone]) => distance(lab, tone))) + 1e-3];
    });
    const [[first, near], [second, far]] = nearest.sort((one, other) => one[1] - other[1]);
    const share = round(100 / (1 + (near / far) ** 2)) / 100;
    return share >= this.rules.pure ? { [first]: 1 } : { [first]: share, [second]: Number((1 - share).toFixed(2)) };
  }

  /** How a particular colour's name looks; null of plain words and of what is no colour's name. */
  look(word) {
    if (!this.known.has(word)) {
      this.known.set(word, this.plain.has(word) ? null : this.#look(word.replace(/[\s-]?colou?red$/, "")));
    }
    return this.known.get(word);
  }

  /** The particular colours that a text in lower case names: {start, end, lab}; of several the longest name. */
  find(text) {
    const words = [...text.matchAll(/[a-zà-ÿ']+/g)];
    const found = [];
    for (let i = 0; i < words.length; i++) {
      for (let count = Math.min(4, words.length - i); count > 0; count--) {
        const last = words[i + count - 1];
        const [start, end] = [words[i].index, last.index + last[0].length];
        const name = text.slice(start, end);
        const lab = /^[a-zà-ÿ']+(?:[ -][a-zà-ÿ']+)*$/.test(name) ? this.look(name) : null;
        if (lab) {
          found.push({ start, end, lab });
          i += count - 1;
          break;
        }
      }
    }
    return found;
  }

  #look(word) {
    if (this.plain.has(word)) return null;
    const listed = this.#listed(word);
    if (listed) return listed;
    const [first, ...rest] = word.split(/[\s-]+/);
    if (!rest.length) {
      const hue = word.endsWith("ish") && this.#hue(word);
      return hue ? this.#changed(this.#plain(hue), this.rules.ish) : null;
    }
    const behind = rest.join(" ");
    if (this.empty.has(first)) return this.#look(behind);
    const base = this.plain.has(behind) ? this.#plain(behind) : this.#look(behind);
    if (!base) return null;
    if (Object.hasOwn(this.rules.modifiers, first)) return this.#changed(base, this.rules.modifiers[first]);
    const mixed = (other, part) => base.map((x, i) => part * other[i] + (1 - part) * x);
    if (/(?:ish|y)$/.test(first) || word.includes(`${first}-`)) {
      const hue = this.#hue(first);
      const tinge = hue && this.#plain(hue);
      if (tinge) return mixed(tinge, this.rules.tinge);
    }
    const tinge = this.plain.has(first) ? null : this.#listed(first);
    return tinge && mixed(tinge, this.rules.of_first);
  }

  #listed(word) {
    const name = word.replaceAll("-", " ");
    for (const spelling of [name, name.replaceAll("gray", "grey"), name.replaceAll("grey", "gray")]) {
      for (const names of [this.rules.names, this.rules.more_names]) {
        if (Object.hasOwn(names, spelling)) return fromHex(names[spelling]);
      }
    }
    return null;
  }

  #plain(word) {
    let colour = this.rules.looks[word] ?? word;
    colour = Object.hasOwn(this.rules.names, colour) ? this.rules.names[colour] : colour;
    return colour.startsWith("#") ? fromHex(colour) : null;
  }

  #hue(word) {
    let stem = word;
    if (word.length > 4) stem = word.replace(/ish$/, "").replace(/y$/, "");
    const hues = this.rules.hues;
    for (const each of [stem, `${stem}e`, stem.slice(0, -1)]) if (Object.hasOwn(hues, each)) return hues[each];
    return null;
  }

  #changed(lab, [s, t, k]) {
    return lab && [Math.min(Math.max(s * lab[0] + t, 0), 1), k * lab[1], k * lab[2]];
  }
}
