// The forward pass of nnlite's image codec, and what a code costs in bits: what `nnlite.layers` and `nnlite.codec.digits` do.
//
// Arrays are flat and row by row: the weight W[d, h] of a Dense (D, H) is weight[d * H + h]. Numbers are float64 while they are
// added up, where NumPy's are float32, so that both agree to six digits.

// --- The model, from the text in this page

function bytes(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function halves(text) {
  // float16: one bit of sign, five of exponent, ten of fraction
  return Float32Array.from(new Uint16Array(bytes(text).buffer), (half) => {
    const sign = half >> 15 ? -1 : 1;
    const exponent = (half >> 10) & 31;
    const fraction = (half & 1023) / 1024;
    return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction) : 2 ** -14 * fraction);
  });
}

function layers(described) {
  return described.map(({ weight, bias, activation }) => ({ weight: halves(weight), bias: halves(bias), activation }));
}

const encoder = layers(MODEL.encoder);
const decoder = layers(MODEL.decoder);
const gain = new Float32Array(bytes(MODEL.gain).buffer); // (Q, K)
const centre = new Float32Array(bytes(MODEL.centre).buffer); // (C, K), the classes' means
const precision = new Float32Array(bytes(MODEL.precision).buffer); // (C, K), their inverse variances
const table = bytes(MODEL.table); // (Q, C, K), which table of frequencies
const shift = new Int16Array(bytes(MODEL.shift).buffer); // (Q, C, K), what is subtracted from a symbol first
const minimum = new Int32Array(bytes(MODEL.minimum).buffer); // the smallest symbol of each table
const start = new Int32Array(bytes(MODEL.start).buffer); // where each table begins in `frequency`, and where the last ends
const frequency = new Uint16Array(bytes(MODEL.frequency).buffer); // in 1 / 65536; the last of each table is that of all others
const K = decoder[0].weight.length / decoder[0].bias.length;
const CLASSES = centre.length / K;
const QUALITIES = gain.length / K;

// --- Forward

function dense(x, { weight, bias }) {
  const y = Float64Array.from(bias); // y[h] = b[h] + Σ_d x[d] W[d, h]
  for (let d = 0; d < x.length; d++) {
    if (x[d] === 0) continue;
    for (let h = 0; h < y.length; h++) y[h] += x[d] * weight[d * y.length + h];
  }
  return y;
}

const ACTIVATIONS = {
  linear: (z) => z,
  sigmoid: (z) => 1 / (1 + Math.exp(-z)),
  silu: (z) => z / (1 + Math.exp(-z)),
};

function forward(network, x) {
  for (const layer of network) x = dense(x, layer).map(ACTIVATIONS[layer.activation]);
  return x;
}

// --- From a code to integers, and what they cost

function quantise(code, quality) {
  return Int32Array.from(code, (number, k) => Math.round(number * gain[quality * K + k]));
}

function dequantise(symbols, quality) {
  return Float64Array.from(symbols, (symbol, k) => symbol / gain[quality * K + k]);
}

function chooseClass(code) {
  // the Gaussian under which the code is most probable: the least Σ_k (u − m)² p − ln p
  const distances = Array.from({ length: CLASSES }, (_, c) =>
    code.reduce((sum, u, k) => sum + (u - centre[c * K + k]) ** 2 * precision[c * K + k] - Math.log(precision[c * K + k]), 0),
  );
  return distances.indexOf(Math.min(...distances));
}

function countBits(symbols, chosen, quality) {
  let bits = 8; // of the class
  symbols.forEach((symbol, k) => {
    const place = (quality * CLASSES + chosen) * K + k;
    const [t, last] = [table[place], start[table[place] + 1] - 1];
    const entry = symbol - shift[place] - minimum[t];
    const beyond = Math.max(-entry, entry - (last - start[t]) + 1); // > 0: no frequency of its own, but a code for how far
    bits += 16 - Math.log2(frequency[beyond > 0 ? last : start[t] + entry]);
    if (beyond > 0) bits += 2 * Math.floor(Math.log2(beyond)) + 2;
  });
  return bits;
}
