// The same network in ulite, onnxruntime and PyTorch on the CPU, in turn within one run, at equal thread counts.
// Prints the table of docs/benchmarks.md: ms per slice, the median over rounds of each round's median and the least of
// all, and how many times as long the others take. Whatever else the machine does meanwhile, all see some of it.
import {execFileSync, spawn} from 'node:child_process';
import fs from 'node:fs';
import {createRequire} from 'node:module';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import {fileURLToPath} from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const usage = `usage: node bench/inference.mjs [BUILD_FOLDER] [ROUNDS]      (default: build/release 5)

The same network in ulite, onnxruntime and PyTorch on the CPU: prints a table for docs/benchmarks.md.`;
const given = process.argv.slice(2);
const [build = path.join(here, '../build/release'), rounds = '5'] = given;
const ulite = path.join(build, 'bin/ulite');
const peers = path.join(here, '../tests/peers');

function refuse(why) {
  console.error(`${usage}\n\ninference.mjs: ${why}`);
  process.exit(2);
}

if (given.includes('-h') || given.includes('--help')) {
  console.log(usage);
  process.exit();
}
if (given.length > 2) refuse(`unexpected argument ${given[2]}`);
if (!/^[1-9][0-9]*$/.test(rounds)) refuse(`ROUNDS is ${rounds}, expected 1 or more`);
if (!fs.existsSync(ulite)) refuse(`${ulite} is not there`);
if (!fs.existsSync(path.join(peers, 'node_modules/onnxruntime-node')))
  refuse('onnxruntime-node is not installed; run scripts/install-deps.sh');
const ort = createRequire(path.join(peers, 'package.json'))('onnxruntime-node');
const seconds = 2; // of each engine in each round

const cases = [
  {name: 'one 256x256 slice, 1 thread', side: 256, threads: 1, slices: 1, batch: 1},
  {name: 'the same, three equal channels (ulite: --grey)', side: 256, threads: 1, slices: 1, batch: 1, grey: true},
  {name: 'one 256x256 slice, 2 threads', side: 256, threads: 2, slices: 1, batch: 1},
  {name: 'one 512x512 slice, 1 thread', side: 512, threads: 1, slices: 1, batch: 1},
  {name: '64 slices of 256x256, 2 threads (others: batches of 8)', side: 256, threads: 2, slices: 64, batch: 8},
];

const median = values => [...values].sort((a, b) => a - b)[values.length >> 1];

function runUlite(weights, {side, threads, slices, grey}) {
  const out = execFileSync(ulite, ['bench', '-m', weights, '--json', '--size', `${side}x${side}`, '--threads', threads,
    '--slices', slices, '--seconds', seconds, ...grey ? ['--grey'] : []].map(String));
  return JSON.parse(out).ms_per_slice;
}

async function runOnnx(onnx, {side, threads, batch}) {
  const session = await ort.InferenceSession.create(onnx, {intraOpNumThreads: threads, interOpNumThreads: 1});
  const data = Float32Array.from({length: batch * 3 * side * side}, Math.random);
  const input = new ort.Tensor('float32', data, [batch, 3, side, side]);
  await session.run({input});
  const times = [];
  for (const begin = performance.now(); times.length < 3 || performance.now() - begin < seconds * 1e3;) {
    const start = performance.now();
    await session.run({input});
    times.push((performance.now() - start) / batch);
  }
  await session.release();
  return {median: median(times), min: Math.min(...times)};
}

// A Python process that answers a line with a line.
function startTorch(weights) {
  const python = spawn('/usr/bin/python3', [path.join(here, 'torch_speed.py'), weights], {stdio: ['pipe', 'pipe', 'inherit']});
  const lines = readline.createInterface({input: python.stdout})[Symbol.asyncIterator]();
  const answer = async () => {
    const {value, done} = await lines.next();
    if (done) throw new Error('torch_speed.py ended');
    return JSON.parse(value);
  };
  return {
    ready: answer(),
    run({side, threads, batch}) {
      python.stdin.write(JSON.stringify({side, threads, batch, seconds}) + '\n');
      return answer();
    },
    stop: () => python.stdin.end(),
  };
}

const summary = results => ({median: median(results.map(r => r.median)), min: Math.min(...results.map(r => r.min))});

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ulite-bench-'));
const weights = path.join(folder, 'paper.safetensors'), onnx = path.join(folder, 'paper.onnx');
const torch = startTorch(weights);
try {
  const {version} = await torch.ready;
  execFileSync(ulite, ['export', weights, '-o', onnx, '-q']);
  const engines = [one => runUlite(weights, one), one => runOnnx(onnx, one), one => torch.run(one)];
  console.log(`${os.cpus()[0].model}; ms per slice: median / minimum; in brackets how many times ulite's\n`);
  console.log(`| | ulite | onnxruntime ${ort.env.versions.common} | PyTorch ${version} |\n|---|---|---|---|`);
  for (const one of cases) {
    const results = engines.map(() => []);
    for (let round = 0; round < Number(rounds); round++)
      for (const [i, run] of engines.entries()) results[i].push(await run(one));
    const [ours, ...theirs] = results.map(summary);
    const cells = theirs.map(r => `${r.median.toFixed(2)} / ${r.min.toFixed(2)} (${(r.median / ours.median).toFixed(2)} / ${(r.min / ours.min).toFixed(2)})`);
    console.log(`| ${[one.name, `${ours.median.toFixed(2)} / ${ours.min.toFixed(2)}`, ...cells].join(' | ')} |`);
  }
} finally {
  torch.stop();
  fs.rmSync(folder, {recursive: true});
}
