// PNG files with metadata as infer.py writes it: gan/images.py and gan/draw.py.

import { nameIn, unusual } from "./settings.js";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

/** A picture of width * height RGBA pixels as a Blob; `entries` become iTXt chunks in their order. */
export async function png(width, height, pixels, entries) {
  const rows = new Uint8Array(height * (1 + 3 * width)); // each begins with its filter, none
  for (let y = 0, to = 0, from = 0; y < height; y++) {
    to++;
    for (let x = 0; x < width; x++, from++) {
      for (let k = 0; k < 3; k++) rows[to++] = pixels[from++];
    }
  }
  const packed = new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate"));
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, height);
  header.setUint8(8, 8); // bits
  header.setUint8(9, 2); // RGB
  const utf8 = new TextEncoder();
  return new Blob(
    [
      new Uint8Array(SIGNATURE),
      chunk("IHDR", new Uint8Array(header.buffer)),
      ...Object.entries(entries).map(([key, value]) => chunk("iTXt", utf8.encode(`${key}\0\0\0\0\0${value}`))),
      chunk("IDAT", new Uint8Array(await new Response(packed).arrayBuffer())),
      chunk("IEND", new Uint8Array()),
    ],
    { type: "image/png" },
  );
}

function chunk(kind, data) {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(kind), 4);
  bytes.set(data, 8);
  let crc = 0xffffffff;
  for (let i = 4; i < 8 + data.length; i++) crc = CRC[(crc ^ bytes[i]) & 0xff] ^ (crc >>> 8);
  view.setUint32(8 + data.length, ~crc);
  return bytes;
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

/** What a PNG says about its pictures, each {text, seed, looks}, so that infer.py draws them again. */
export function metadata(config, items, asked) {
  const record = items.map(({ text, seed, looks = {} }) => {
    const colours = Object.entries(looks).map(([slot, hex]) => `, "${slot}": "${hex}"`);
    return `{"text": ${JSON.stringify(text)}, "seed": ${seed}${colours.join("")}}`;
  });
  const entries = { Software: "text-to-face-cgan", Model: config.name, Faces: `[${record.join(", ")}]` };
  for (const [name, value] of Object.entries(unusual(config, asked))) {
    const written = typeof value === "number" ? decimal(value) : value;
    entries[nameIn(name)] = name === "style" ? config.sources[value] : written;
  }
  return entries;
}

const decimal = (x) => (Number.isInteger(x) ? `${x}.0` : String(x)); // as Python writes a float
