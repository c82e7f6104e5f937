'use strict';
// The cases of a cohort as a table: failed ones first, then doubtful ones.
const $ = (id) => document.getElementById(id);
const lines = JSON.parse($('runs').textContent);
// Of a case that was run several times the last line counts.
const runs = [...new Map(lines.map((run) => [`${run.plan} ${run.case}`, run])).values()];
const models = [...new Set(runs.map((run) => run.model))];
const names = [...new Set(runs.flatMap((run) => (run.volumes || []).map((v) => v.name)))];

const isDoubtful = (run) => (run.flags || []).some((flag) => /^(note: doubtful|forced)/.test(flag));
const rank = (run) => (run.exit_code !== 0 ? 0 : isDoubtful(run) ? 1 : (run.flags || []).length ? 2 : 3);
const find = (run, name) => (run.volumes || []).find((v) => v.name === name);
const measure = (volume) => (!volume ? null : volume.volume_ml ?? volume.area_mm2 ?? volume.voxels);
const unitOf = (name) => {
  const volume = runs.map((run) => find(run, name)).find(Boolean);
  return volume.volume_ml !== undefined ? 'mL' : volume.area_mm2 !== undefined ? 'mm\u00b2' : 'voxels';
};

const columns = [
  { title: 'case', value: (run) => run.number, cell: fillCase },
  ...(models.length > 1 ? [{ title: 'model', value: (run) => run.model, cell: (cell, run) => { cell.textContent = run.model; } }] : []),
  { title: 'status', value: rank, cell: fillStatus },
  ...names.map((name) => ({ title: `${name} (${unitOf(name)})`, number: true, value: (run) => measure(find(run, name)),
    cell: (cell, run) => {
      const value = measure(find(run, name));
      cell.textContent = value === null ? '' : Number(value.toPrecision(3));
    } })),
  { title: 'seconds', number: true, value: (run) => run.seconds,
    cell: (cell, run) => { cell.textContent = run.seconds < 10 ? run.seconds.toFixed(1) : Math.round(run.seconds); } },
];
const order = { column: columns.findIndex((c) => c.value === rank), down: false };

function add(parent, tag, text, className) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  parent.append(element);
  return element;
}

function fillCase(cell, run) {
  const link = run.page ? add(cell, 'a') : cell;
  if (run.page) link.href = `./${run.page.split('/').map(encodeURIComponent).join('/')}`;
  if (run.thumbnail) {
    const picture = add(link, 'img');
    picture.src = `data:image/png;base64,${run.thumbnail}`;
    picture.alt = `case ${run.number}, planes through its largest segment`;
    picture.loading = 'lazy';
  }
  add(link, 'span', `${run.number}`);
  add(cell, 'span', ` ${run.case.slice(0, 8)}`, 'faint');
  if (run.output) add(cell, 'div', run.output, 'faint');
}

function fillStatus(cell, run) {
  cell.className = 'reason';
  if (run.exit_code !== 0) add(cell, 'div', `failed (exit ${run.exit_code}): ${run.reason}`, 'failed');
  else add(cell, 'div', 'done');
  for (const flag of run.flags || [])
    add(cell, 'div', flag.replace(/^note: /, ''), /^(note: doubtful|forced)/.test(flag) ? 'warning' : 'faint');
}

function compare(a, b) {
  const { value } = columns[order.column], x = value(a), y = value(b);
  const missing = (x === null || x === undefined) - (y === null || y === undefined);
  const way = missing || (x < y ? -1 : x > y ? 1 : 0) * (order.down ? -1 : 1);
  return way || a.number - b.number;
}

function isShown(run) {
  const which = $('which').value, search = $('search').value.toLowerCase();
  if (which === 'failed' && run.exit_code === 0) return false;
  if (which === 'done' && run.exit_code !== 0) return false;
  if (which === 'doubtful' && !isDoubtful(run)) return false;
  const text = [run.number, run.case, run.output, run.reason, ...(run.flags || [])].join(' ').toLowerCase();
  return text.includes(search);
}

function fill() {
  const body = $('cases').tBodies[0], shown = runs.filter(isShown).sort(compare);
  body.replaceChildren(...shown.map((run) => {
    const row = document.createElement('tr');
    row.dataset.number = run.number;
    for (const column of columns) column.cell(add(row, 'td', undefined, column.number ? 'number' : ''), run);
    return row;
  }));
  $('shown').textContent = `${shown.length} of ${runs.length}`;
  document.querySelectorAll('#cases th').forEach((th, n) => {
    th.setAttribute('aria-sort', n !== order.column ? 'none' : order.down ? 'descending' : 'ascending');
  });
}

columns.forEach((column, n) => {
  const th = add($('cases').tHead.rows[0], 'th', undefined, column.number ? 'number' : '');
  add(th, 'button', column.title).addEventListener('click', () => {
    order.down = order.column === n && !order.down;
    order.column = n;
    fill();
  });
});
$('which').addEventListener('change', fill);
$('search').addEventListener('input', fill);
const failed = runs.filter((run) => run.exit_code !== 0).length;
$('summary').textContent = `${models.join(', ')}: ${runs.length} cases, ${failed} failed, ${runs.filter(isDoubtful).length} doubtful`;
fill();
document.body.dataset.ready = 'yes';
