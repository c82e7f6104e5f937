// `ulite export` in onnxruntime: its logits equal those of the authors' implementation, for every golden dump.
// Usage: test_export.mjs ULITE REFERENCE_FOLDER
import {execFileSync} from 'node:child_process';
import fs from 'node:fs';
import {createRequire} from 'node:module';
import os from 'node:os';
import path from 'node:path';

const [ulite, reference] = process.argv.slice(2);
const require = createRequire(new URL('../peers/package.json', import.meta.url));

const ort = require('onnxruntime-node');

function readTensors(file) {
  const bytes = fs.readFileSync(file);
  const headerBytes = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + headerBytes));
  const tensors = {};
  for (const [name, {shape, data_offsets: [start, end]}] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const copy = bytes.subarray(8 + headerBytes + start, 8 + headerBytes + end);
    tensors[name] = {shape, data: new Float32Array(copy.buffer.slice(copy.byteOffset, copy.byteOffset + copy.length))};
  }
  return tensors;
}

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ulite-export-'));
let failed = 0;
try {
  const onnx = path.join(folder, 'model.onnx');
  execFileSync(ulite, ['export', path.join(reference, 'weights.safetensors'), '-o', onnx, '-q']);
  const session = await ort.InferenceSession.create(onnx, {intraOpNumThreads: 1, interOpNumThreads: 1});
  const dumps = fs.readdirSync(reference).filter(name => /^forward_.*\.safetensors$/.test(name));
  if (dumps.length === 0) throw new Error(`${reference} holds no forward_*.safetensors`);
  for (const name of dumps) {
    const {input, logits} = readTensors(path.join(reference, name));
    const output = (await session.run({input: new ort.Tensor('float32', input.data, input.shape)})).logits;
    let largest = 1, difference = 0;
    for (let i = 0; i < logits.data.length; i++) {
      largest = Math.max(largest, Math.abs(logits.data[i]));
      difference = Math.max(difference, Math.abs(logits.data[i] - output.data[i]));
    }
    const same = output.dims.join() === logits.shape.join() && difference <= 2e-5 * largest;
    console.log(`${name}: [${output.dims}], largest difference ${difference} of ${largest}: ${same ? 'equal' : 'DIFFERS'}`);
    failed += !same;
  }
} finally {
  fs.rmSync(folder, {recursive: true});
}
process.exit(failed ? 1 : 0);
