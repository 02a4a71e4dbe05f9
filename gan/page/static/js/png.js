// PNG files with metadata as infer.py writes it: gan/images.py and gan/draw.py.

import { nameIn, unusual } from "./settings.js";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

/** A picture of width * height RGBA pixels as a Blob; `entries` become iTXt chunks in their order. */
export async function png(width, height, pixels, entries) {
  return file(width, height, entries, [chunk("IDAT", await packed(width, height, pixels))]);
}

/** An animated PNG of pictures, `fps` of them a second, that plays for ever. */
export async function apng(width, height, pictures, entries, fps) {
  const chunks = [chunk("acTL", numbers([pictures.length, 4], [0, 4]))];
  let number = 0;
  for (const [i, pixels] of pictures.entries()) {
    const data = await packed(width, height, pixels);
    chunks.push(chunk("fcTL", numbers([number++, 4], [width, 4], [height, 4], [0, 4], [0, 4], [1, 2], [fps, 2], [0, 2])));
    if (i === 0) chunks.push(chunk("IDAT", data));
    else chunks.push(chunk("fdAT", new Uint8Array([...numbers([number++, 4]), ...data])));
  }
  return file(width, height, entries, chunks);
}

/** Whole numbers, [value, bytes] each, the highest byte first. */
function numbers(...all) {
  return new Uint8Array(all.flatMap(([value, bytes]) => Array.from({ length: bytes }, (_, i) => (value >>> (8 * (bytes - 1 - i))) & 0xff)));
}

function file(width, height, entries, chunks) {
  const utf8 = new TextEncoder();
  const header = numbers([width, 4], [height, 4], [8, 1], [2, 1], [0, 3]); // 8 bits, RGB
  const texts = Object.entries(entries).map(([key, value]) => chunk("iTXt", utf8.encode(`${key}\0\0\0\0\0${value}`)));
  const all = [new Uint8Array(SIGNATURE), chunk("IHDR", header), ...texts, ...chunks, chunk("IEND", new Uint8Array())];
  return new Blob(all, { type: "image/png" });
}

async function packed(width, height, pixels) {
  const rows = new Uint8Array(height * (1 + 3 * width)); // each begins with its filter, none
  for (let y = 0, to = 0, from = 0; y < height; y++) {
    to++;
    for (let x = 0; x < width; x++, from++) {
      for (let k = 0; k < 3; k++) rows[to++] = pixels[from++];
    }
  }
  const stream = new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function chunk(kind, data) {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(kind), 4);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, checksum(bytes.subarray(4, 8 + data.length)));
  return bytes;
}

/** The CRC-32 of bytes. */
export function checksum(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** A file as an address that holds it. */
export async function urlOf(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  return `data:${blob.type};base64,${btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))}`;
}

/** The texts that a PNG holds, by their keys; nothing is said of a file that is none. */
export async function textsOf(bytes) {
  const [texts, utf8, latin] = [{}, new TextDecoder(), new TextDecoder("latin1")];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (SIGNATURE.some((byte, i) => bytes[i] !== byte)) return texts;
  for (let at = 8, length; at + 12 <= bytes.length; at += 12 + length) {
    length = view.getUint32(at);
    const kind = latin.decode(bytes.subarray(at + 4, at + 8));
    const data = bytes.subarray(at + 8, at + 8 + length);
    const end = data.indexOf(0); // of the key
    const key = latin.decode(data.subarray(0, end));
    if (kind === "tEXt") texts[key] = latin.decode(data.subarray(end + 1));
    if (kind !== "iTXt") continue;
    const isPacked = data[end + 1] === 1;
    const value = data.subarray(data.indexOf(0, data.indexOf(0, end + 3) + 1) + 1); // behind a language and its name
    texts[key] = isPacked ? await inflated(value) : utf8.decode(value);
  }
  return texts;
}

const inflated = (bytes) => new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).text();

/** Pictures, `size` * `size` RGBA, row by row in one of so many columns: {width, height, pixels}. */
export function tile(pictures, size, columns) {
  const rows = Math.ceil(pictures.length / columns);
  const pixels = new Uint8ClampedArray(columns * rows * size * size * 4).fill(255);
  pictures.forEach((picture, i) => {
    const left = (i % columns) * size;
    const top = Math.floor(i / columns) * size;
    for (let y = 0; y < size; y++) {
      pixels.set(picture.subarray(y * size * 4, (y + 1) * size * 4), ((top + y) * columns * size + left) * 4);
    }
  });
  return { width: columns * size, height: rows * size, pixels };
}

/**
 * What a PNG says about its pictures, each {text, seed, looks}, so that infer.py draws them again; or how they came about
 * from `given`, a picture that was changed.
 */
export function metadata(config, items, asked, { given, isFilm = false } = {}) {
  const record = items.map(({ text, seed, looks = {} }) => {
    const written = JSON.stringify(text);
    if (given) {
      const near = given.quality.toFixed(2);
      return `{"picture": ${JSON.stringify(given.name)}, "text": ${written}, "variation": ${seed}, "reconstruction_db": ${near}}`;
    }
    const colours = Object.entries(looks).map(([slot, hex]) => `, "${slot}": "${hex}"`);
    return `{"text": ${written}, "seed": ${seed}${colours.join("")}}`;
  });
  const entries = { Software: "text-to-face-cgan", Model: config.name, [given ? "Edits" : "Faces"]: `[${record.join(", ")}]` };
  if ((given || isFilm) && config.license) entries.License = config.license;
  for (const [name, value] of Object.entries(unusual(config, asked))) {
    if (name === "picture") continue;
    const written = typeof value === "number" ? decimal(value) : value;
    entries[nameIn(name)] = name === "style" ? config.sources[value] : written;
  }
  return entries;
}

const decimal = (x) => (Number.isInteger(x) ? `${x}.0` : String(x)); // as Python writes a float
