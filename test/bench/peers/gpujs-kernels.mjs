/**
 * Kernels that a user of GPU.js would write by hand: one output element each, a loop for a sum. Plain JavaScript: GPU.js reads
 * the text of these functions and compiles it. Used by gpujs.ts.
 */

export function mean(x) {
  let s = 0;
  for (let c = 0; c < this.constants.C; c++) {
    s += x[this.thread.x][c];
  }
  return s / this.constants.C;
}

export function inverseDeviation(x, m) {
  let s = 0;
  const mu = m[this.thread.x];
  for (let c = 0; c < this.constants.C; c++) {
    const d = x[this.thread.x][c] - mu;
    s += d * d;
  }
  return 1 / Math.sqrt(s / this.constants.C + 0.00001);
}

export function normalized(x, m, r, g, b) {
  return (x[this.thread.y][this.thread.x] - m[this.thread.y]) * r[this.thread.y] * g[this.thread.x] + b[this.thread.x];
}

export function normalizedRelu(x, m, r, g, b) {
  return Math.max((x[this.thread.y][this.thread.x] - m[this.thread.y]) * r[this.thread.y] * g[this.thread.x] + b[this.thread.x], 0);
}

export function sum(a, b) {
  return a[this.thread.y][this.thread.x] + b[this.thread.y][this.thread.x];
}

export function product(a, w) {
  let s = 0;
  for (let k = 0; k < this.constants.K; k++) {
    s += a[this.thread.y][k] * w[k][this.thread.x];
  }
  return s;
}

export function productBias(a, w, b) {
  let s = b[this.thread.x];
  for (let k = 0; k < this.constants.K; k++) {
    s += a[this.thread.y][k] * w[k][this.thread.x];
  }
  return s;
}

export function productBiasResidual(a, w, b, r) {
  let s = b[this.thread.x] + r[this.thread.y][this.thread.x];
  for (let k = 0; k < this.constants.K; k++) {
    s += a[this.thread.y][k] * w[k][this.thread.x];
  }
  return s;
}

/** GPU.js has no erf: Abramowitz and Stegun 7.1.26, error 1.5e-7. */
export function productBiasGelu(a, w, b) {
  let s = b[this.thread.x];
  for (let k = 0; k < this.constants.K; k++) {
    s += a[this.thread.y][k] * w[k][this.thread.x];
  }
  const z = Math.abs(s) * 0.7071067811865476;
  const t = 1 / (1 + 0.3275911 * z);
  const p = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t * Math.exp(-z * z);
  let e = 1 - p;
  if (s < 0) {
    e = p - 1;
  }
  return 0.5 * s * (1 + e);
}

export function inverseRootMeanSquare(x) {
  let s = 0;
  for (let c = 0; c < this.constants.C; c++) {
    const d = x[this.thread.x][c];
    s += d * d;
  }
  return 1 / Math.sqrt(s / this.constants.C + 0.000001);
}

export function scaled(x, r, g) {
  return x[this.thread.y][this.thread.x] * r[this.thread.y] * g[this.thread.x];
}

export function gatedProducts(a, wg, wu) {
  let s = 0;
  let u = 0;
  for (let k = 0; k < this.constants.K; k++) {
    const v = a[this.thread.y][k];
    s += v * wg[k][this.thread.x];
    u += v * wu[k][this.thread.x];
  }
  return (s / (1 + Math.exp(-s))) * u;
}

export function scores(q, k) {
  let s = 0;
  for (let e = 0; e < this.constants.D; e++) {
    const o = this.thread.z * this.constants.D + e;
    s += q[this.thread.y][o] * k[this.thread.x][o];
  }
  return s / Math.sqrt(this.constants.D);
}

export function largest(s) {
  let m = s[this.thread.y][this.thread.x][0];
  for (let c = 1; c < this.constants.S; c++) {
    m = Math.max(m, s[this.thread.y][this.thread.x][c]);
  }
  return m;
}

export function exponentials(s, m) {
  return Math.exp(s[this.thread.z][this.thread.y][this.thread.x] - m[this.thread.z][this.thread.y]);
}

export function totals(s) {
  let z = 0;
  for (let c = 0; c < this.constants.S; c++) {
    z += s[this.thread.y][this.thread.x][c];
  }
  return z;
}

export function mixed(p, z, v) {
  const head = Math.floor(this.thread.x / this.constants.D);
  let s = 0;
  for (let c = 0; c < this.constants.S; c++) {
    s += p[head][this.thread.y][c] * v[c][this.thread.x];
  }
  return s / z[head][this.thread.y];
}

/** Rows are channels, columns are positions: M channels of C / M positions share a mean. */
export function groupNormSilu(x, m, r, g, b) {
  const group = Math.floor(this.thread.y / this.constants.M);
  const v = (x[this.thread.y][this.thread.x] - m[group]) * r[group] * g[this.thread.y] + b[this.thread.y];
  return v / (1 + Math.exp(-v));
}

export function convolution(x, w, b) {
  const row = Math.floor(this.thread.x / this.constants.S);
  const column = this.thread.x - row * this.constants.S;
  let s = b[this.thread.y];
  for (let c = 0; c < this.constants.K; c++) {
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 3; j++) {
        const y = row + i - 1;
        const z = column + j - 1;
        if (y >= 0 && y < this.constants.S && z >= 0 && z < this.constants.S) {
          s += x[c][y * this.constants.S + z] * w[this.thread.y][c * 9 + i * 3 + j];
        }
      }
    }
  }
  return s;
}
