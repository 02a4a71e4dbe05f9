// Small pictures made larger with sharp edges: Lanczos, then a coherence-enhancing shock filter (Weickert 2003). It moves
// each pixel towards the colours on its side of the nearest edge; where an edge is faint, as in shading, it does little.

const STEPS = 6;
const STEP = 0.3;
const FAINT = 4; // a squared curvature of the lightness, in levels of 255: an edge below it is hardly sharpened
const LUMA = [0.299, 0.587, 0.114];
const SMOOTH = gaussian(1.2);
const WINDOW = gaussian(1.5); // over which an edge has one direction

/** RGBA pixels, `size` * `size`, as `factor` times as many each way: 2, 4 or 8. */
export function enlarged(pixels, size, factor) {
  let planes = [0, 1, 2].map((k) => Float32Array.from({ length: size * size }, (_, i) => pixels[4 * i + k]));
  for (const times of factor > 4 ? [4, factor / 4] : [factor]) {
    planes = planes.map((plane) => lanczos(plane, size, times));
    size *= times;
    planes = sharpened(planes, size);
  }
  const result = new Uint8ClampedArray(4 * size * size).fill(255);
  planes.forEach((plane, k) => plane.forEach((value, i) => (result[4 * i + k] = value)));
  return result;
}

function gaussian(sigma) {
  const reach = Math.ceil(2.5 * sigma);
  const weights = Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-((i - reach) ** 2) / (2 * sigma ** 2)));
  return normal(weights);
}

function normal(weights) {
  const sum = weights.reduce((one, other) => one + other);
  return weights.map((weight) => weight / sum);
}

const lanczos = (plane, size, times) => {
  const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
  const kernels = Array.from({ length: times }, (_, phase) => { // for each of the new pixels of an old one
    const centre = (phase + 0.5) / times - 0.5;
    const weights = [-3, -2, -1, 0, 1, 2, 3].map((at) => at - centre);
    return normal(weights.map((x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0)));
  });
  return filtered(plane, size, kernels);
};

const blurred = (plane, size, kernel) => filtered(plane, size, [kernel]);

/** A plane filtered along x and y; each pixel becomes as many as there are kernels. */
function filtered(plane, size, kernels) {
  const wide = rows(plane, size, size, kernels); // with x and y exchanged
  return rows(wide, size * kernels.length, size, kernels);
}

/** The rows of a plane (height, width) filtered, as the columns of another. */
function rows(plane, height, width, kernels) {
  const result = new Float32Array(plane.length * kernels.length);
  const reach = (kernels[0].length - 1) / 2;
  const line = new Float32Array(width + 2 * reach);
  for (let y = 0; y < height; y++) {
    const start = y * width;
    line.fill(plane[start], 0, reach).fill(plane[start + width - 1], reach + width);
    line.set(plane.subarray(start, start + width), reach);
    kernels.forEach((kernel, phase) => {
      for (let x = 0; x < width; x++) {
        let sum = 0;
        for (let k = 0; k < kernel.length; k++) sum += kernel[k] * line[x + k];
        result[(x * kernels.length + phase) * height + y] = sum;
      }
    });
  }
  return result;
}

function sharpened(planes, size) {
  const lightness = () => {
    const [red, green, blue] = planes;
    const light = red.map((_, i) => LUMA[0] * red[i] + LUMA[1] * green[i] + LUMA[2] * blue[i]);
    return blurred(light, size, SMOOTH);
  };
  const edges = directions(lightness(), size);
  for (let step = 0; step < STEPS; step++) {
    const speed = speeds(lightness(), size, edges);
    planes = planes.map((plane) => moved(plane, size, speed));
  }
  return planes;
}

/** Calls `work(i, left, right, up, down)` for each pixel, with the places of its neighbours within the plane. */
function forEachPixel(size, work) {
  for (let y = 0, i = 0; y < size; y++) {
    const up = y ? size : 0;
    const down = y < size - 1 ? size : 0;
    for (let x = 0; x < size; x++, i++) work(i, x ? i - 1 : i, x < size - 1 ? i + 1 : i, i - up, i + down);
  }
}

/** Twice the angle across the edge at each pixel, as its cosine and sine: from the structure tensor. */
function directions(light, size) {
  const [difference, product] = [new Float32Array(light.length), new Float32Array(light.length)];
  forEachPixel(size, (i, left, right, up, down) => {
    const [dx, dy] = [light[right] - light[left], light[down] - light[up]];
    difference[i] = dx * dx - dy * dy;
    product[i] = 2 * dx * dy;
  });
  const [cosine, sine] = [difference, product].map((plane) => blurred(plane, size, WINDOW));
  cosine.forEach((_, i) => {
    const length = Math.hypot(cosine[i], sine[i]) || 1;
    cosine[i] /= length;
    sine[i] /= length;
  });
  return { cosine, sine };
}

/** How fast each pixel grows lighter, where that is positive, or darker: by the curvature across the edge. */
function speeds(light, size, { cosine, sine }) {
  const result = new Float32Array(light.length);
  forEachPixel(size, (i, left, right, up, down) => {
    const xx = light[right] - 2 * light[i] + light[left];
    const yy = light[down] - 2 * light[i] + light[up];
    const [toRight, toLeft] = [right - i, left - i];
    const xy = (light[down + toRight] - light[down + toLeft] - light[up + toRight] + light[up + toLeft]) / 4;
    const curvature = (xx + yy + cosine[i] * (xx - yy)) / 2 + sine[i] * xy;
    result[i] = (-STEP * curvature) / Math.sqrt(curvature * curvature + FAINT);
  });
  return result;
}

/** A plane after one step, by the upwind differences of Osher and Sethian: nothing overshoots. */
function moved(plane, size, speed) {
  const result = new Float32Array(plane.length);
  forEachPixel(size, (i, left, right, up, down) => {
    const here = plane[i];
    const sign = speed[i] > 0 ? 1 : -1;
    const rise = (at) => Math.max(sign * (plane[at] - here), 0);
    const [x1, x2, y1, y2] = [rise(left), rise(right), rise(up), rise(down)];
    result[i] = here + speed[i] * Math.sqrt(x1 * x1 + x2 * x2 + y1 * y1 + y2 * y2);
  });
  return result;
}
