// The large weights of a network, which travel in few bits: gan/page/packing.py.

const BLOCK = 32; // numbers that share a scale

/** Float32 weights of packed ones, a Uint8Array; `tensors` holds [numbers, bits] of each. */
export function unfolded(packed, tensors) {
  const result = new Float32Array(tensors.reduce((sum, [count]) => sum + count, 0));
  let at = 0;
  let from = 0;
  const next = (count) => packed.slice(from, (from += count));
  for (const [count, bits] of tensors) {
    const high = new Int8Array(next(count).buffer);
    const low = bits > 8 ? next(count) : new Uint8Array(count);
    const peaks = new Uint16Array(next((2 * count) / BLOCK).buffer);
    const [step, unit] = [2 ** (bits - 8), Math.fround(1 / (2 ** (bits - 1) - 1))];
    for (let i = 0; i < count; i += BLOCK) {
      const scale = Math.fround(ofHalf(peaks[i / BLOCK]) * unit);
      for (let k = i; k < i + BLOCK; k++) result[at++] = (step * high[k] + low[k]) * scale;
    }
  }
  return result;
}

const ofHalf = (bits) => (1 + (bits & 1023) / 1024) * 2 ** ((bits >> 10) - 15); // a normal, positive float16
