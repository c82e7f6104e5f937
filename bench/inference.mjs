// The same network in ulite and in onnxruntime on the CPU, in alternation, at equal thread counts.
// Usage: node bench/inference.mjs ULITE MODEL [ROUNDS]      (npm packages: scripts/install-deps.sh)
// Prints ms per slice, the median over rounds of each round's minimum, and the ratio.
import {execFileSync} from 'node:child_process';
import fs from 'node:fs';
import {createRequire} from 'node:module';
import os from 'node:os';
import path from 'node:path';

const [ulite, model, rounds = '5'] = process.argv.slice(2);
const ort = createRequire(new URL('../tests/peers/package.json', import.meta.url))('onnxruntime-node');

const cases = [
  {name: 'one 256x256 slice, 1 thread', side: 256, threads: 1, slices: 1, batch: 1},
  {name: 'one 512x512 slice, 1 thread', side: 512, threads: 1, slices: 1, batch: 1},
  {name: '64 slices of 256x256, 2 threads (onnxruntime: batch 8)', side: 256, threads: 2, slices: 64, batch: 8},
];

function ours({side, threads, slices}) {
  const out = execFileSync(ulite, ['bench', '-m', model, '--json', '--size', `${side}x${side}`,
    '--threads', String(threads), '--slices', String(slices)]);
  return JSON.parse(out).ms_per_slice.min;
}

async function theirs({side, threads, slices, batch}, onnx) {
  const session = await ort.InferenceSession.create(onnx, {intraOpNumThreads: threads, interOpNumThreads: 1});
  const data = Float32Array.from({length: batch * 3 * side * side}, (_, i) => (i * 2654435761 % 1000) / 1000);
  const input = new ort.Tensor('float32', data, [batch, 3, side, side]);
  const runs = Math.max(slices / batch, side > 256 ? 12 : 40);
  let best = Infinity;
  for (let i = 0; i < runs; i++) {
    const start = process.hrtime.bigint();
    await session.run({input});
    best = Math.min(best, Number(process.hrtime.bigint() - start) / 1e6 / batch);
  }
  await session.release();
  return best;
}

const median = values => values.sort((a, b) => a - b)[values.length >> 1];
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ulite-bench-'));
try {
  const onnx = path.join(folder, 'model.onnx');
  execFileSync(ulite, ['export', model, '-o', onnx, '-q']);
  console.log(`${os.cpus()[0].model}, onnxruntime ${ort.env.versions.common}, ms per slice`);
  for (const one of cases) {
    const a = [], b = [];
    for (let round = 0; round < Number(rounds); round++) {
      a.push(ours(one));
      b.push(await theirs(one, onnx));
    }
    console.log(`${one.name}: ulite ${median(a).toFixed(2)}, onnxruntime ${median(b).toFixed(2)}, ratio ${(median(b) / median(a)).toFixed(2)}`);
  }
} finally {
  fs.rmSync(folder, {recursive: true});
}
