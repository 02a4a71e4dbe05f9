// PyTorch's noise of a seed: torch.randn in float64 on the CPU, by the Mersenne Twister (MT19937) and Box-Muller.
// The random bits are PyTorch's, one for one; a logarithm or a sine may differ in its last bit, as between C libraries.

const SEEDS = 2n ** 32n; // that the generator tells apart
const NEAR = 0.45; // of the noise of a picture that is like another
export const MAX_SEED = 2n ** 63n - 1n;

class MersenneTwister {
  constructor(seed) {
    this.state = new Uint32Array(624);
    this.state[0] = seed;
    for (let i = 1; i < 624; i++) {
      const last = this.state[i - 1] ^ (this.state[i - 1] >>> 30);
      this.state[i] = Math.imul(1812433253, last) + i;
    }
    this.next = 624;
  }

  uint32() {
    if (this.next === 624) this.#twist();
    let y = this.state[this.next++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  uniform() { // 53 bits in [0, 1)
    const high = this.uint32() & 0x1fffff;
    return (high * 2 ** 32 + this.uint32()) * 2 ** -53;
  }

  #twist() {
    const s = this.state;
    for (let i = 0; i < 624; i++) {
      const y = (s[i] & 0x80000000) | (s[(i + 1) % 624] & 0x7fffffff);
      s[i] = s[(i + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.next = 0;
  }
}

/** Standard normal numbers (`size`), as `torch.randn(size, dtype=torch.float64)` after `manual_seed(seed)`, a Number. */
export function randn(seed, size) {
  const random = new MersenneTwister(seed);
  const x = new Float64Array(size);
  if (size < 16) { // one pair after the other
    for (let i = 0; i < size; i += 2) {
      const angle = 2 * Math.PI * random.uniform();
      const radius = Math.sqrt(-2 * Math.log1p(-random.uniform()));
      x[i] = radius * Math.cos(angle);
      if (i + 1 < size) x[i + 1] = radius * Math.sin(angle);
    }
    return x;
  }
  for (let i = 0; i < size; i++) x[i] = random.uniform();
  for (let i = 0; i + 16 <= size; i += 16) fill16(x, i);
  if (size % 16) { // the last sixteen anew
    for (let i = size - 16; i < size; i++) x[i] = random.uniform();
    fill16(x, size - 16);
  }
  return x;
}

function fill16(x, start) {
  for (let i = start; i < start + 8; i++) {
    const radius = Math.sqrt(-2 * Math.log(1 - x[i]));
    const angle = 2 * Math.PI * x[i + 8];
    x[i] = radius * Math.cos(angle);
    x[i + 8] = radius * Math.sin(angle);
  }
}

/** The noise of a seed, a BigInt from 0 to MAX_SEED: `gan.pipeline.seeded_noise`. */
export function seededNoise(seed, size) {
  const low = randn(Number(seed % SEEDS), size);
  const high = seed / SEEDS;
  if (high) { // a generator keeps 32 bits of a seed alone
    const other = randn(Number(high), size);
    for (let i = 0; i < size; i++) low[i] = (low[i] + other[i]) / Math.SQRT2;
  }
  return low;
}

/**
 * The noise of a seed that lies near others: `like` holds seeds, "5" or "5,17". Each further seed turns the noise of
 * those before it by an angle of sine `NEAR` towards its own, so that it keeps its variance.
 */
export function noiseLike(like, seed, size) {
  const seeds = [...(like ? like.split(",").map(BigInt) : []), seed];
  const [first, ...others] = seeds.map((each) => seededNoise(each, size));
  const kept = Math.sqrt(1 - NEAR ** 2);
  return others.reduce((z, other) => z.map((x, i) => kept * x + NEAR * other[i]), first);
}
