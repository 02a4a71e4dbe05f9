// A picture of any size as a small square: its middle, by Lanczos with antialiasing, as Pillow's ImageOps.fit.

const REACH = 3;

/** RGBA pixels (height, width) as RGBA pixels (size, size). */
export function fitted(pixels, width, height, size) {
  if (width === size && height === size) return pixels;
  const side = Math.min(width, height);
  const narrow = along(pixels, width, height, (width - side) / 2, side, size);
  return turned(along(turned(narrow, size, height), height, size, (height - side) / 2, side, size), size, size);
}

/** The rows of a picture, of which `side` pixels from `start` on become `size`. */
function along(pixels, width, height, start, side, size) {
  const result = new Uint8ClampedArray(4 * size * height);
  const scale = Math.max(side / size, 1);
  for (let x = 0; x < size; x++) {
    const centre = start + ((x + 0.5) * side) / size;
    const [from, to] = [Math.max(Math.round(centre - REACH * scale), 0), Math.min(Math.round(centre + REACH * scale), width)];
    const weights = Array.from({ length: to - from }, (_, i) => lanczos((from + i - centre + 0.5) / scale));
    const all = weights.reduce((sum, weight) => sum + weight);
    for (let y = 0; y < height; y++) {
      for (let k = 0; k < 4; k++) {
        let sum = 0;
        for (let i = 0; i < weights.length; i++) sum += weights[i] * pixels[4 * (y * width + from + i) + k];
        result[4 * (y * size + x) + k] = Math.floor(sum / all + 0.5);
      }
    }
  }
  return result;
}

const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
const lanczos = (x) => (Math.abs(x) < REACH ? sinc(x) * sinc(x / REACH) : 0);

/** A picture with x and y exchanged. */
function turned(pixels, width, height) {
  const result = new Uint8ClampedArray(pixels.length);
  for (let y = 0, from = 0; y < height; y++) {
    for (let x = 0; x < width; x++, from += 4) result.set(pixels.subarray(from, from + 4), 4 * (x * height + y));
  }
  return result;
}
