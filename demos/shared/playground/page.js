// What one sees and does: draws a digit, drags its code, walks the plane between codes.

const SIDE = MODEL.side;
const PIXELS = SIDE * SIDE;
const PAPER = 10 * SIDE;
const STEP = PAPER / 40; // of the pen, by an arrow key
const $ = (name) => document.getElementById(name);
const digits = bytes(MODEL.digits); // two test images of each label
const DIGITS = digits.length / PIXELS;

// --- Pictures

function show(canvas, pixels, left = 0, top = 0) {
  const image = new ImageData(SIDE, SIDE);
  pixels.forEach((pixel, i) => image.data.set([255 * pixel, 255 * pixel, 255 * pixel, 255], 4 * i));
  canvas.getContext("2d").putImageData(image, left, top);
}

function digit(number) {
  return Float32Array.from(digits.subarray(number * PIXELS, (number + 1) * PIXELS), (pixel) => pixel / 255);
}

// --- The first pane: drawing → image → code → symbols → result

Object.assign($("paper"), { width: PAPER, height: PAPER });
const paper = $("paper").getContext("2d", { willReadFrequently: true });
const pen = { x: PAPER / 2, y: PAPER / 2, down: false };
let shown = 0; // the test digit that comes next
let image = new Float32Array(PIXELS);
let code = new Float64Array(K);

function clear() {
  paper.fillStyle = "#000";
  paper.fillRect(0, 0, PAPER, PAPER);
}

function stroke(x, y) {
  Object.assign(paper, { strokeStyle: "#fff", lineWidth: 0.08 * PAPER, lineCap: "round" });
  paper.beginPath();
  paper.moveTo(pen.x, pen.y);
  paper.lineTo(x, y);
  paper.stroke();
  lift(x, y);
}

function lift(x, y) {
  // the pen goes there without a line; a red dot shows where it is while the paper has the keyboard
  Object.assign(pen, { x, y });
  Object.assign($("pen").style, { left: `${(100 * x) / PAPER}%`, top: `${(100 * y) / PAPER}%` });
}

function readPaper() {
  // Means of 10 × 10 pixels; then the digit's centre of mass goes to the middle, as in MNIST.
  const { data } = paper.getImageData(0, 0, PAPER, PAPER);
  const small = new Float32Array(PIXELS);
  let [mass, row, column] = [0, 0, 0];
  for (let y = 0; y < PAPER; y++) {
    for (let x = 0; x < PAPER; x++) {
      const white = data[4 * (PAPER * y + x)] / 25500;
      small[SIDE * Math.floor(y / 10) + Math.floor(x / 10)] += white;
      [mass, row, column] = [mass + white, row + (white * y) / 10, column + (white * x) / 10];
    }
  }
  const [down, right] = mass ? [Math.round(SIDE / 2 - row / mass), Math.round(SIDE / 2 - column / mass)] : [0, 0];
  image = small.map((_, i) => {
    const [r, c] = [Math.floor(i / SIDE) - down, (i % SIDE) - right];
    return r >= 0 && r < SIDE && c >= 0 && c < SIDE ? Math.min(small[SIDE * r + c], 1) : 0;
  });
  encode();
}

function encode() {
  code = forward(encoder, image);
  bars.forEach((bar, k) => (bar.value = code[k]));
  update();
}

function update() {
  const quality = Number($("quality").value);
  const symbols = quantise(code, quality);
  const result = forward(decoder, dequantise(symbols, quality));
  const size = Math.ceil(countBits(symbols, chooseClass(code), quality) / 8);
  const error = image.reduce((sum, pixel, i) => sum + (pixel - result[i]) ** 2, 0) / PIXELS;
  show($("result"), result);
  $("quality-text").textContent = `Quality ${quality}: ${size} bytes, ${(-10 * Math.log10(error)).toFixed(1)} dB. The pixels are ${PIXELS} bytes.`;
}

const bars = Array.from({ length: K }, (_, k) => {
  const bar = Object.assign(document.createElement("input"), { type: "range", min: -MODEL.reach[k], max: MODEL.reach[k], step: "any" });
  bar.setAttribute("aria-label", `number ${k + 1} of the code`);
  bar.addEventListener("input", () => {
    code[k] = Number(bar.value);
    update();
  });
  bar.addEventListener("keydown", (event) => {
    const step = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault(); // a step that one sees: a twentieth of the bar
    bar.value = Number(bar.value) + (step * MODEL.reach[k]) / 10;
    bar.dispatchEvent(new Event("input"));
  });
  return $("code").appendChild(bar);
});

function place(canvas, event) {
  const box = canvas.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height].map((part) => Math.min(Math.max(part, 0), 1));
}

function drag(canvas, begin, move) {
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button || !event.isPrimary) return; // not the first finger
    canvas.setPointerCapture(event.pointerId);
    begin(...place(canvas, event));
  });
  canvas.addEventListener("pointermove", (event) => canvas.hasPointerCapture(event.pointerId) && move(...place(canvas, event)));
}

function arrows(canvas, move) {
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step && event.key !== " ") return;
    event.preventDefault();
    move(step);
  });
}

const draw = (x, y) => {
  stroke(PAPER * x, PAPER * y);
  readPaper();
};
drag($("paper"), (x, y) => (lift(PAPER * x, PAPER * y), draw(x, y)), draw);
arrows($("paper"), (step) => {
  if (!step) pen.down = !pen.down;
  const [x, y] = [pen.x, pen.y].map((now, axis) => Math.min(Math.max(now + (step ? step[axis] * STEP : 0), 10), PAPER - 10));
  if (pen.down) draw(x / PAPER, y / PAPER);
  else lift(x, y);
});
$("clear").addEventListener("click", () => (clear(), readPaper()));
$("next").addEventListener("click", () => {
  image = digit(shown++ % DIGITS);
  const small = document.createElement("canvas");
  show(Object.assign(small, { width: SIDE, height: SIDE }), image);
  Object.assign(paper, { imageSmoothingEnabled: false }).drawImage(small, 0, 0, PAPER, PAPER);
  encode();
});
$("reset").addEventListener("click", encode);
$("quality").addEventListener("input", update);

// --- The second pane: a point (x, y) mixes the codes of four corners

const corners = [3, 8, 0, 5].map((n) => ({ number: n % DIGITS, code: forward(encoder, digit(n % DIGITS)) }));
const point = { x: 0.5, y: 0.5 };
const GRID = 7;

function mix(x, y) {
  const parts = [(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y];
  return corners[0].code.map((_, k) => parts.reduce((sum, part, i) => sum + part * corners[i].code[k], 0));
}

const tiles = document.createElement("canvas");
Object.assign(tiles, { width: GRID * SIDE, height: GRID * SIDE });
Object.assign($("plane"), { width: GRID * SIDE, height: GRID * SIDE });

function drawPlane() {
  for (let i = 0; i < GRID; i++) {
    for (let j = 0; j < GRID; j++) show(tiles, forward(decoder, mix(j / (GRID - 1), i / (GRID - 1))), j * SIDE, i * SIDE);
  }
  walk(point.x, point.y);
}

function walk(x, y) {
  Object.assign(point, { x: Math.min(Math.max(x, 0), 1), y: Math.min(Math.max(y, 0), 1) });
  const context = $("plane").getContext("2d");
  context.drawImage(tiles, 0, 0);
  Object.assign(context, { strokeStyle: "#f33", lineWidth: 3 }).beginPath();
  context.arc(tiles.width * point.x, tiles.width * point.y, tiles.width / 25, 0, 2 * Math.PI);
  context.stroke();
  show($("walked"), forward(decoder, mix(point.x, point.y)));
  $("walked-text").textContent = `${Math.round(100 * point.x)} % to the right, ${Math.round(100 * point.y)} % down`;
}

document.querySelectorAll(".corner").forEach((button, i) => {
  const face = button.appendChild(Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE }));
  const turn = (by) => {
    const number = (corners[i].number + by) % DIGITS;
    corners[i] = { number, code: forward(encoder, digit(number)) };
    show(face, digit(number));
    button.setAttribute("aria-label", `corner ${i + 1}: a ${MODEL.labels[number % MODEL.labels.length]}; press for the next digit`);
  };
  button.addEventListener("click", () => (turn(1), drawPlane()));
  turn(0);
});
drag($("plane"), walk, walk);
arrows($("plane"), (step) => step && walk(point.x + step[0] / 20, point.y + step[1] / 20));

// --- Begin

$("count").textContent = K;
Object.assign($("quality"), { max: QUALITIES - 1, value: Math.floor(QUALITIES / 2) });
for (const name of ["result", "walked"]) Object.assign($(name), { width: SIDE, height: SIDE });
clear();
lift(pen.x, pen.y);
$("next").click();
drawPlane();
