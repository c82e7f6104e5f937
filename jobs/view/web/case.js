'use strict';
// Slices of a volume in three planes with its segments over them. All geometry comes from the page's own data.
const $ = (id) => document.getElementById(id);
const page = JSON.parse($('case').textContent);
const { frame, image } = page;
const size = image.size;
const state = { at: [0, 0, 0], window: [...page.window], opacity: 0.25, outlines: true, zoom: 1, hidden: new Set() };
const colours = new Map(page.segments.map((s) => [s.number, s.rgb]));
let samples, labels;

async function inflate(id) {
  const text = atob($(id).textContent);
  const bytes = new Uint8Array(text.length);
  for (let n = 0; n < text.length; n++) bytes[n] = text.charCodeAt(n);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
  $(id).remove();
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// What a sample is likely to be by those to its left, above it and between these.
function predict(left, above, corner) {
  const low = Math.min(left, above), high = Math.max(left, above);
  return corner >= high ? low : corner <= low ? high : left + above - corner;
}

// Samples are differences from what is expected of them; 16 bits are zigzag, low bytes before high ones.
function decodeSamples(bytes) {
  const { channels } = image, row = size[0] * channels, slice = row * size[1], count = slice * size[2];
  const Kind = image.bits === 8 ? (image.signed ? Int8Array : Uint8Array) : (image.signed ? Int16Array : Uint16Array);
  const out = new Kind(count);
  for (let start = 0, n = 0; n < count; start += row)
    for (let x = 0; x < row; x++, n++) {
      const inside = x >= channels, below = start % slice > 0;
      const above = below ? out[n - row] : inside ? out[n - channels] : start > 0 ? out[n - slice] : 0;
      const left = inside ? out[n - channels] : above;
      const code = image.bits === 8 ? bytes[n] : bytes[n] | (bytes[n + count] << 8);
      const expected = predict(left, above, inside && below ? out[n - row - channels] : left);
      out[n] = expected + (image.bits === 8 ? code : (code >>> 1) ^ -(code & 1));
    }
  return out;
}

function decodeLabels(bytes) {
  const count = size[0] * size[1] * size[2];
  if (page.labels.bits === 8) return bytes;
  const out = new Uint16Array(count);
  for (let n = 0; n < count; n++) out[n] = bytes[n] | (bytes[n + count] << 8);
  return out;
}

// The places that can be shown along each axis of the frame: whole voxels of the slices, and steps along the normal.
const grid = (() => {
  const { shift, spacing, border } = frame, slices = size[2];
  const start = [0, 1].map((a) => Math.min(...shift.map((s) => s[a]))).concat(shift[0][2]);
  const offset = [0, 1].map((a) => shift.map((s) => Math.round((s[a] - start[a]) / spacing[a])));
  const extent = shift[slices - 1][2] - shift[0][2];
  let step = frame.step;
  for (let k = 1; k < slices; k++) step = Math.min(step, Math.max(shift[k][2] - shift[k - 1][2], extent / 4095));
  const count = [0, 1].map((a) => size[a] + Math.max(...offset[a])).concat(Math.round(extent / step) + 1);
  const slice = new Int32Array(count[2]).fill(-1), place = shift.map((s) => Math.round((s[2] - start[2]) / step));
  for (let w = 0, k = 0; w < count[2]; w++) {
    const at = start[2] + w * step;
    while (k + 1 < slices && border[k + 1][0] <= at) k++;
    if (border[k][0] <= at + 1e-6 && at <= border[k][1] + 1e-6) slice[w] = k;
  }
  place.forEach((w, k) => { slice[w] = k; });
  return { start, offset, count, slice, place, step: [spacing[0], spacing[1], step] };
})();

// The voxel at a place, or null.
function voxelAt(at) {
  const k = grid.slice[at[2]];
  if (k === undefined || k < 0) return null;
  const i = at[0] - grid.offset[0][k], j = at[1] - grid.offset[1][k];
  if (i < 0 || j < 0 || i >= size[0] || j >= size[1]) return null;
  return { i, j, k, n: (k * size[1] + j) * size[0] + i };
}

const placeOf = (i, j, k) => [i + grid.offset[0][k], j + grid.offset[1][k], grid.place[k]];
const perSlice = (value, k) => (Array.isArray(value) ? value[k] : value);
const valueOf = (voxel, c) =>
  samples[voxel.n * image.channels + c] * perSlice(image.slope, voxel.k) + perSlice(image.intercept, voxel.k);

function position(voxel) {
  const shift = frame.shift[voxel.k];
  const along = [shift[0] + voxel.i * frame.spacing[0], shift[1] + voxel.j * frame.spacing[1], shift[2]];
  return [0, 1, 2].map((c) => along.reduce((sum, x, a) => sum + x * frame.axis[a][c], 0));
}

// The place of a plane's pixel.
function placeIn(plane, x, y) {
  const at = [...state.at];
  at[plane.across] = plane.against[0] ? grid.count[plane.across] - 1 - x : x;
  at[plane.down] = plane.against[1] ? grid.count[plane.down] - 1 - y : y;
  return at;
}

function pixelOf(plane, at) {
  const x = at[plane.across], y = at[plane.down];
  return [plane.against[0] ? grid.count[plane.across] - 1 - x : x, plane.against[1] ? grid.count[plane.down] - 1 - y : y];
}

// The image and the labels of the plane through the cursor, a pixel a place. Runs for every pixel at every step of the
// wheel: nothing is made in it.
function cut(plane) {
  const width = grid.count[plane.across], height = grid.count[plane.down], { channels } = image;
  const picture = new ImageData(width, height), shown = new Uint16Array(width * height), { data } = picture;
  const low = state.window[0], factor = 255 / Math.max(state.window[1] - low, 1e-12), at = [...state.at];
  data.fill(255);
  for (let y = 0, n = 0; y < height; y++) {
    at[plane.down] = plane.against[1] ? height - 1 - y : y;
    for (let x = 0; x < width; x++, n++) {
      at[plane.across] = plane.against[0] ? width - 1 - x : x;
      const k = grid.slice[at[2]], i = k < 0 ? -1 : at[0] - grid.offset[0][k], j = k < 0 ? -1 : at[1] - grid.offset[1][k];
      if (i < 0 || j < 0 || i >= size[0] || j >= size[1]) {
        data[4 * n] = data[4 * n + 1] = data[4 * n + 2] = 0;
        continue;
      }
      const voxel = (k * size[1] + j) * size[0] + i, slope = perSlice(image.slope, k), intercept = perSlice(image.intercept, k);
      for (let c = 0; c < 3; c++)
        data[4 * n + c] = (samples[voxel * channels + (channels === 3 ? c : 0)] * slope + intercept - low) * factor;
      const label = labels[voxel];
      if (label && !state.hidden.has(label)) shown[n] = label;
    }
  }
  return { width, height, picture, shown };
}

function canvasOf(picture) {
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  canvas.getContext('2d').putImageData(picture, 0, 0);
  return canvas;
}

// By label, as the bytes of a pixel.
const tints = new Uint8Array(4 << 16);
for (const [label, text] of colours) {
  const rgb = parseInt(text.slice(1), 16);
  tints.set([rgb >> 16, (rgb >> 8) & 255, rgb & 255, 255], 4 * label);
}

function tint(slice) {
  const overlay = new ImageData(slice.width, slice.height);
  const pixels = new Uint32Array(overlay.data.buffer), table = new Uint32Array(tints.buffer);
  slice.shown.forEach((label, n) => { pixels[n] = table[label]; });
  return overlay;
}

// Lines between pixels of different labels, in the colour of each.
function drawOutlines(context, slice, map) {
  const { width, height, shown } = slice, paths = new Map();
  const edge = (label, x0, y0, x1, y1) => {
    if (!label) return;
    if (!paths.has(label)) paths.set(label, new Path2D());
    paths.get(label).moveTo(map.x + x0 * map.sx, map.y + y0 * map.sy);
    paths.get(label).lineTo(map.x + x1 * map.sx, map.y + y1 * map.sy);
  };
  for (let y = 0; y <= height; y++)
    for (let x = 0; x <= width; x++) {
      const own = x < width && y < height ? shown[y * width + x] : 0;
      const left = x > 0 && y < height ? shown[y * width + x - 1] : 0;
      const above = y > 0 && x < width ? shown[(y - 1) * width + x] : 0;
      if (own !== left) { edge(own, x, y, x, y + 1); edge(left, x, y, x, y + 1); }
      if (own !== above) { edge(own, x, y, x + 1, y); edge(above, x, y, x + 1, y); }
    }
  context.lineWidth = 1.5 * devicePixelRatio;
  for (const [label, path] of paths) {
    context.strokeStyle = colours.get(label) || '#fff';
    context.stroke(path);
  }
}

// How pixels of a plane lie in its canvas: all of it, or, enlarged, what is around the cursor.
function mapOf(plane, canvas) {
  const mm = [grid.step[plane.across], grid.step[plane.down]];
  const extent = [grid.count[plane.across] * mm[0], grid.count[plane.down] * mm[1]];
  const scale = state.zoom * Math.min(canvas.width / extent[0], canvas.height / extent[1]);
  const cursor = pixelOf(plane, state.at), origin = [0, 1].map((n) => {
    const room = n ? canvas.height : canvas.width, length = extent[n] * scale;
    if (length <= room) return (room - length) / 2;
    return Math.min(0, Math.max(room - length, room / 2 - (cursor[n] + 0.5) * mm[n] * scale));
  });
  return { x: origin[0], y: origin[1], sx: mm[0] * scale, sy: mm[1] * scale, scale };
}

function drawCursor(context, plane, map) {
  if (page.planes.length === 1) return;
  const [x, y] = pixelOf(plane, state.at), cx = map.x + (x + 0.5) * map.sx, cy = map.y + (y + 0.5) * map.sy;
  const { width, height } = context.canvas, gap = 12 * devicePixelRatio;
  context.strokeStyle = '#ffffff70';
  context.lineWidth = devicePixelRatio;
  context.beginPath();
  for (const [a, b, c, d] of [[cx, 0, cx, cy - gap], [cx, cy + gap, cx, height], [0, cy, cx - gap, cy], [cx + gap, cy, width, cy]]) {
    context.moveTo(a, b);
    context.lineTo(c, d);
  }
  context.stroke();
}

function placeText(plane) {
  const lines = [plane.name];
  if (frame.placed) {
    const at = [0, 1, 2].map((a) => grid.start[a] + state.at[a] * grid.step[a]);
    const voxel = voxelAt(state.at), lps = voxel ? position(voxel)
      : [0, 1, 2].map((c) => at.reduce((sum, x, a) => sum + x * frame.axis[a][c], 0));
    const along = lps.reduce((sum, x, c) => sum + x * plane.out[c], 0);
    lines.push(`${plane.sides[along < 0 ? 1 : 0]} ${Math.abs(along).toFixed(1)} mm`);
  }
  const of = countOf(plane);
  if (of > 1) lines.push(`${plane.normal === 2 ? 'slice' : 'plane'} ${indexOf(plane) + 1}/${of}`);
  return lines.filter(Boolean).join('\n');
}

function drawScale(plane, map) {
  if (!frame.spaced) return;
  const px = map.scale / devicePixelRatio, most = plane.canvas.clientWidth / px / 3;
  let mm = 0.001;
  for (let n = 0; mm * (n % 3 === 1 ? 2.5 : 2) <= most; n++) mm *= n % 3 === 1 ? 2.5 : 2;
  plane.scale.style.width = `${mm * px}px`;
  plane.scale.textContent = `${Number(mm.toPrecision(3))} mm`;
}

function draw(plane) {
  const canvas = plane.canvas, context = canvas.getContext('2d');
  const width = Math.round(canvas.clientWidth * devicePixelRatio), height = Math.round(canvas.clientHeight * devicePixelRatio);
  if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
  const slice = cut(plane), map = mapOf(plane, canvas);
  const box = [map.x, map.y, slice.width * map.sx, slice.height * map.sy];
  context.fillStyle = '#000';
  context.fillRect(0, 0, width, height);
  context.imageSmoothingEnabled = true;
  context.drawImage(canvasOf(slice.picture), ...box);
  if (state.opacity > 0) {
    context.imageSmoothingEnabled = false;
    context.globalAlpha = state.opacity;
    context.drawImage(canvasOf(tint(slice)), ...box);
    context.globalAlpha = 1;
  }
  if (state.outlines) drawOutlines(context, slice, map);
  drawCursor(context, plane, map);
  drawScale(plane, map);
  plane.place.textContent = placeText(plane);
  plane.slider.value = indexOf(plane);
}

let waiting = false;
function redraw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; page.planes.forEach(draw); });
}

// Slices are counted as they are stored, other planes by their places.
const countOf = (plane) => (plane.normal === 2 ? size[2] : grid.count[plane.normal]);
function indexOf(plane) {
  if (plane.normal !== 2) return state.at[plane.normal];
  let nearest = 0;
  grid.place.forEach((w, k) => { if (Math.abs(w - state.at[2]) < Math.abs(grid.place[nearest] - state.at[2])) nearest = k; });
  return nearest;
}

function go(plane, index) {
  const n = Math.min(Math.max(index, 0), countOf(plane) - 1);
  state.at[plane.normal] = plane.normal === 2 ? grid.place[n] : n;
  redraw();
}

function placeUnder(plane, event) {
  const map = mapOf(plane, plane.canvas), box = plane.canvas.getBoundingClientRect();
  const x = Math.floor(((event.clientX - box.left) * devicePixelRatio - map.x) / map.sx);
  const y = Math.floor(((event.clientY - box.top) * devicePixelRatio - map.y) / map.sy);
  if (x < 0 || y < 0 || x >= grid.count[plane.across] || y >= grid.count[plane.down]) return null;
  return placeIn(plane, x, y);
}

// Says what lies under the mouse: voxels as they are stored in the source, from 0.
function tell(at) {
  const voxel = at && voxelAt(at), under = $('under');
  under.replaceChildren();
  for (const key of Object.keys(under.dataset)) delete under.dataset[key];
  if (!voxel) return;
  const whole = (x) => x * image.reduced + Math.floor(image.reduced / 2);
  const values = Array.from({ length: image.channels }, (_, c) => Number(valueOf(voxel, c).toPrecision(image.exact ? 9 : 4)));
  const label = labels[voxel.n], segment = page.segments.find((s) => s.number === label);
  Object.assign(under.dataset, { i: whole(voxel.i), j: whole(voxel.j), k: voxel.k, value: values.join(' '), label,
    lps: frame.placed ? position(voxel).join(' ') : '' });
  const parts = [`voxel ${whole(voxel.i)}, ${whole(voxel.j)}, ${voxel.k}`];
  if (frame.placed) parts.push(`${position(voxel).map((x, c) => `${(x < 0 ? 'RAF' : 'LPH')[c]} ${Math.abs(x).toFixed(1)}`).join(', ')} mm`);
  parts.push(`value ${values.join(', ')}`);
  const name = document.createElement('b');
  name.textContent = segment ? segment.name : label ? `segment ${label}` : 'no segment';
  under.append(name, `\n${parts.join('\n')}`);
}

function setWindow(low, high) {
  state.window = [low, Math.max(high, low + 1e-9)];
  $('centre').value = Number(((low + high) / 2).toPrecision(5));
  $('width').value = Number((high - low).toPrecision(5));
  redraw();
}

function listen(plane) {
  const canvas = plane.canvas;
  let drag = null;
  canvas.addEventListener('wheel', (event) => {
    event.preventDefault();
    if (event.ctrlKey) setZoom(state.zoom * (event.deltaY < 0 ? 1.15 : 1 / 1.15));
    else go(plane, indexOf(plane) + Math.sign(event.deltaY));
  }, { passive: false });
  canvas.addEventListener('contextmenu', (event) => event.preventDefault());
  canvas.addEventListener('pointerdown', (event) => {
    canvas.setPointerCapture(event.pointerId);
    canvas.focus();
    drag = { button: event.button, x: event.clientX, y: event.clientY, window: [...state.window] };
    if (event.button === 0) moveCursor(event);
  });
  canvas.addEventListener('pointerup', () => { drag = null; });
  canvas.addEventListener('pointerleave', () => tell(null));
  canvas.addEventListener('pointermove', (event) => {
    if (drag && drag.button === 0) moveCursor(event);
    if (drag && drag.button === 2) {
      const width = drag.window[1] - drag.window[0], centre = (drag.window[0] + drag.window[1]) / 2;
      const wider = width * Math.exp((event.clientX - drag.x) / 200), moved = centre + width * (event.clientY - drag.y) / 300;
      setWindow(moved - wider / 2, moved + wider / 2);
    }
    tell(placeUnder(plane, event));
  });
  canvas.addEventListener('keydown', (event) => {
    const steps = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1, PageUp: -10, PageDown: 10 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    go(plane, indexOf(plane) + steps[event.key]);
  });
  plane.slider.addEventListener('input', () => go(plane, Number(plane.slider.value)));
  function moveCursor(event) {
    const at = placeUnder(plane, event);
    if (at) { state.at = at; redraw(); }
  }
}

function setZoom(zoom) {
  state.zoom = Math.min(Math.max(zoom, 1), 8);
  $('zoom').value = state.zoom;
  redraw();
}

function addElement(parent, tag, text, properties) {
  const element = Object.assign(document.createElement(tag), properties);
  if (text !== undefined && text !== null) element.textContent = text;
  parent.append(element);
  return element;
}

function buildPlane(plane) {
  const figure = addElement($('planes'), 'div', null, { className: 'plane' });
  const view = addElement(figure, 'div', null, { className: 'view' });
  plane.canvas = addElement(view, 'canvas', null, { tabIndex: 0 });
  plane.canvas.setAttribute('aria-label', `${plane.name || 'image'} slices`);
  for (const side of ['left', 'right', 'top', 'bottom'])
    addElement(view, 'span', plane.letters[side], { className: `letter ${side}` });
  plane.place = addElement(view, 'span', '', { className: 'place' });
  plane.scale = addElement(view, 'span', '', { className: 'scale' });
  plane.scale.hidden = !frame.spaced;
  plane.slider = addElement(figure, 'input', null, { type: 'range', min: 0, max: countOf(plane) - 1 });
  plane.slider.setAttribute('aria-label', `${plane.name || 'image'} slice`);
  plane.slider.hidden = countOf(plane) < 2;
  view.dataset.plane = plane.name;
  listen(plane);
}

const digits = (value) => (value === null || value === undefined ? '' : String(Number(value.toPrecision(3))));

function measureOf(segment) {
  if (segment.volume_ml !== null) return digits(segment.volume_ml);
  return segment.area_mm2 !== null ? digits(segment.area_mm2) : String(segment.voxels);
}

function buildSegments() {
  const body = $('segments').tBodies[0], first = page.segments[0];
  $('measure').textContent = !first ? '' : first.volume_ml !== null ? 'mL' : first.area_mm2 !== null ? 'mm\u00b2' : 'voxels';
  for (const segment of page.segments) {
    const row = body.insertRow(), box = addElement(row.insertCell(), 'input', null, { type: 'checkbox', checked: true });
    box.setAttribute('aria-label', `show ${segment.name}`);
    box.dataset.segment = segment.number;
    box.addEventListener('change', () => {
      state.hidden[box.checked ? 'delete' : 'add'](segment.number);
      redraw();
    });
    const cell = row.insertCell(), swatch = addElement(cell, 'span', null, { className: 'swatch' });
    swatch.style.background = segment.rgb;
    const name = addElement(cell, 'button', segment.name, { className: 'name', type: 'button', disabled: !segment.middle });
    name.addEventListener('click', () => { state.at = placeOf(...segment.middle); redraw(); });
    if (segment.warning) addElement(cell, 'div', segment.warning, { className: 'warning' });
    for (const text of [measureOf(segment), digits(segment.mean), digits(segment.sd)])
      addElement(row, 'td', text, { className: 'number' });
  }
}

function addList(parent, pairs) {
  const list = addElement(parent, 'dl');
  for (const [key, value] of pairs)
    if (value !== null && value !== undefined && value !== '') {
      addElement(list, 'dt', key);
      addElement(list, 'dd', value);
    }
}

function buildFacts() {
  const facts = $('facts'), { model } = page;
  if (page.notes.length) {
    addElement(facts, 'h2', 'Notes');
    const list = addElement(facts, 'ul', null, { id: 'notes' });
    page.notes.forEach((note) => addElement(list, 'li', note));
  }
  addElement(facts, 'h2', 'Source');
  addList(facts, [['what', page.source], ['modality', page.modality], ['size', page.size],
    ['shown', image.reduced > 1 ? `reduced ${image.reduced} times in the slices` : image.exact ? '' : 'values to 14 bits']]);
  if (!model) return;
  addElement(facts, 'h2', 'Model');
  addList(facts, [['name', model.name], ['task', model.task], ['trained', model.trained ? 'yes' : 'no: for tests only, its labels mean nothing'],
    ['SHA-256', model.sha256], ['licence', model.licence], ['provenance', model.provenance],
    ...model.metrics.map((metric) => [metric.name, digits(metric.value)]), ['ulite', page.ulite]]);
}

function buildControls() {
  const on = (id, event, act) => $(id).addEventListener(event, () => act($(id)));
  on('opacity', 'input', (e) => { state.opacity = Number(e.value) / 100; redraw(); });
  on('outlines', 'change', (e) => { state.outlines = e.checked; redraw(); });
  on('zoom', 'input', (e) => setZoom(Number(e.value)));
  on('reset', 'click', () => setWindow(...page.window));
  const typed = () => {
    const centre = Number($('centre').value), width = Number($('width').value);
    if (width > 0) { state.window = [centre - width / 2, centre + width / 2]; redraw(); }
  };
  on('centre', 'change', typed);
  on('width', 'change', typed);
  on('all', 'change', (e) => {
    for (const box of document.querySelectorAll('[data-segment]'))
      if (box.checked !== e.checked) box.click();
  });
  const windows = page.modality === 'CT' ? [['brain', 40, 80], ['soft tissue', 40, 400], ['bone', 480, 2500], ['lung', -600, 1500]] : [];
  for (const [name, centre, width] of windows)
    addElement($('presets'), 'button', name, { type: 'button' })
      .addEventListener('click', () => setWindow(centre - width / 2, centre + width / 2));
}

async function start() {
  $('title').textContent = page.title;
  $('source').textContent = page.source || '';
  page.planes.forEach(buildPlane);
  $('planes').classList.toggle('single', page.planes.length === 1);
  $('planes').append($('under'));
  buildSegments();
  buildFacts();
  buildControls();
  samples = decodeSamples(await inflate('image'));
  labels = decodeLabels(await inflate('labels'));
  const largest = page.segments.filter((s) => s.middle).sort((a, b) => b.voxels - a.voxels)[0];
  state.at = placeOf(...(largest ? largest.middle : size.map((n) => Math.floor(n / 2))));
  setWindow(...page.window);
  new ResizeObserver(redraw).observe($('planes'));
  tell(null);
  document.body.dataset.ready = 'yes';
}

start().catch((error) => { $('under').textContent = `This page cannot be shown by this browser: ${error.message}`; });
