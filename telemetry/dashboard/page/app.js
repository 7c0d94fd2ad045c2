'use strict';
const $ = id => document.getElementById(id);
const every = 5000;
let token = sessionStorage.getItem('blaze-admin-token') || '';

class Denied extends Error {}

// ask fetches JSON; null where this Blaze has no such endpoint.
async function ask(path, options = {}) {
  const headers = {accept: 'application/json', ...options.headers};
  if (token) headers.authorization = 'Bearer ' + token;
  const r = await fetch(path, {...options, headers, cache: 'no-store'});
  if (r.status === 401 || r.status === 403) throw new Denied((await r.json().catch(() => ({}))).error?.message || 'Access denied.');
  if (r.status === 404) return null;
  const body = await r.text();
  if (!r.ok) {
    let why = r.statusText;
    try { const e = JSON.parse(body).error; why = e?.message || e || why; } catch { /* not JSON */ }
    throw new Error(why);
  }
  try { return JSON.parse(body); } catch { return body; }
}

// endpoints of this Blaze; some sections are there only with what they ask.
let endpoints = [];

// optional is null where there is no such endpoint, or it has nothing to answer with.
const optional = async path => {
  if (!endpoints.includes('GET /' + path)) return null;
  try { return await ask(path); } catch (e) { if (e instanceof Denied) throw e; return null; }
};

// calm is said where nothing is wrong.
let calm = '';

// charts: what is drawn. Each line is a question to the history.
const charts = [
  {title: 'Requests per second', unit: 'number', ask: 'name=blaze_requests_total&fn=rate&by=status_class', label: 'status_class'},
  {title: 'Time to first token', unit: 'seconds', lines: quantiles('blaze_time_to_first_token_seconds', 'p50', 'p95')},
  {title: 'First token by upstream, p95', unit: 'seconds', ask: 'name=blaze_time_to_first_token_seconds&fn=p95&by=upstream', label: 'upstream', least: 2},
  {title: 'Whole request', unit: 'seconds', lines: quantiles('blaze_request_duration_seconds', 'p50', 'p95', 'p99')},
  {title: "Blaze's own overhead", unit: 'seconds', lines: quantiles('blaze_overhead_seconds', 'p50', 'p99')},
  {title: 'Time between tokens', unit: 'seconds', lines: quantiles('blaze_inter_token_seconds', 'p50', 'p95')},
  {title: 'Tokens per second', unit: 'number', ask: 'name=blaze_tokens_total&fn=rate&by=direction', label: 'direction'},
  {title: 'Denials per second, by rule', unit: 'number', ask: 'name=blaze_denials_total&fn=rate&by=filter,rule', label: 'rule'},
  {title: 'Limits, decisions per second', unit: 'number', ask: 'name=blaze_ratelimit_decisions_total&fn=rate&by=limit', label: 'limit'},
  {title: 'Queue', unit: 'number', ask: 'name=blaze_queue_depth&by=upstream', label: 'upstream'},
  {title: 'In flight, by target', unit: 'number', ask: 'name=blaze_upstream_inflight&by=target', label: 'target'},
  {title: 'CPU', unit: 'percent', ask: 'name=blaze_system_cpu_percent&by=scope', label: 'scope'},
  {title: 'Memory of Blaze', unit: 'bytes', ask: 'name=blaze_process_memory_bytes&by=none', label: '', name: 'in use'},
];

// whole leaves out the step that is not over yet, in which a rate would seem to fall.
const whole = (query, points) => /fn=(rate|increase)/.test(query) && points.length > 1 ? points.slice(0, -1) : points;

function quantiles(name, ...fns) {
  return fns.map(fn => ({name: fn, ask: `name=${name}&fn=${fn}&by=none`}));
}

async function drawCharts() {
  const compare = $('compare').value ? '&compare=' + $('compare').value : '';
  const period = 'since=' + $('range').value + compare + '&';
  const quiet = [];
  await Promise.all(charts.map(async c => {
    c.figure ??= $('charts').appendChild(element('figure', {}));
    let lines = [], grid = null;
    const line = (name, query, s) => ({name, points: whole(query, s?.points || []), before: s?.previous ? whole(query, s.previous) : []});
    if (c.ask) {
      grid = await ask('metrics/history?' + period + c.ask);
      lines = (grid?.series || []).map(s => line(s.labels[c.label] || c.name || 'all', c.ask, s));
    } else {
      const answers = await Promise.all(c.lines.map(l => ask('metrics/history?' + period + l.ask)));
      answers.forEach((a, i) => { if (a) { grid = a; lines.push(line(c.lines[i].name, c.lines[i].ask, a.series[0])); } });
    }
    const total = l => l.points.reduce((sum, p) => sum + (p || 0), 0);
    if (lines.length > 6) lines = lines.sort((a, b) => total(b) - total(a)).slice(0, 6);
    if (lines.length < (c.least || 0)) { c.figure.hidden = true; return; }
    c.figure.hidden = lines.every(l => [...l.points, ...l.before].every(p => p === null));
    if (c.figure.hidden) quiet.push(c.title.toLowerCase()); else drawChart(c.figure, c.title, c.unit, lines, grid?.from || 0, grid?.step_seconds || 10);
  }));
  $('quiet').hidden = quiet.length === 0;
  const early = quiet.includes('requests per second') ? 'Charts begin up to twenty seconds after the first request. ' : '';
  $('quiet').textContent = `${early}Nothing in this period: ${quiet.sort().join('; ')}.`;
}

// now is a metric's newest value, and the one of an hour ago.
async function now(query) {
  const a = await ask(`metrics/history?since=2m&step=1m&compare=1h&by=none&${query}`);
  const last = points => whole(query, points || []).filter(p => p !== null).pop() ?? null;
  return {value: last(a?.series[0]?.points), before: last(a?.series[0]?.previous)};
}

async function drawTiles() {
  const [rate, failures, first, overhead, tokens, denials, open, queue] = await Promise.all([
    now('name=blaze_requests_total&fn=rate'), now('name=blaze_requests_total&fn=rate&label.status_class=5xx'),
    now('name=blaze_time_to_first_token_seconds&fn=p95'), now('name=blaze_overhead_seconds&fn=p99'),
    now('name=blaze_tokens_total&fn=rate&label.direction=out'), now('name=blaze_denials_total&fn=increase'),
    now('name=blaze_open_exchanges'), now('name=blaze_queue_depth'),
  ]);
  const share = (part, all) => all ? 100 * (part || 0) / all : null;
  const failed = {value: share(failures.value, rate.value), before: share(failures.before, rate.before)};
  const show = (v, unit) => v === null ? '–' : units[unit](v);
  const tile = (what, v, unit, kind) => element('div', {class: 'tile ' + (kind || '')}, element('span', {}, what), element('b', {}, show(v.value, unit)),
    v.before === null ? null : element('small', {}, show(v.before, unit) + ' an hour ago'));
  $('tiles').replaceChildren(
    tile('requests a second', rate, 'number'), tile('failed', failed, 'percent', failed.value > 5 ? 'bad' : failed.value > 1 ? 'warn' : ''),
    tile('first token, p95', first, 'seconds'), tile('own overhead, p99', overhead, 'seconds', overhead.value > .01 ? 'warn' : ''),
    tile('tokens out a second', tokens, 'number'), tile('denials a minute', denials, 'number'),
    tile('open requests', open, 'number'), tile('waiting in queues', queue, 'number', queue.value > 100 ? 'bad' : queue.value > 0 ? 'warn' : ''));
  calm = rate.value ? `${show(rate.value, 'number')} requests a second, ${show(failed.value, 'percent')} failed, first token after ${show(first.value, 'seconds')}.` : 'No traffic now.';
  if ($('calm')) $('calm').textContent = calm;
}

async function refresh() {
  try {
    endpoints = (await ask('endpoints')).endpoints;
    $('login').hidden = true;
    $('main').hidden = false; // before the charts are drawn: they are as wide as there is room
    await Promise.all([drawLists(), drawTiles(), drawCharts(), drawPolicy()]);
    document.body.dataset.drawn = String(Number(document.body.dataset.drawn || 0) + 1);
  } catch (e) {
    if (e instanceof Denied) {
      $('login').hidden = false;
      $('main').hidden = true;
      $('about').textContent = token ? e.message : '';
      return;
    }
    $('state').className = 'bad';
    $('state').replaceChildren(element('p', {}, 'Blaze does not answer: ' + e.message));
  }
}

$('login').addEventListener('submit', e => {
  e.preventDefault();
  token = $('token').value;
  sessionStorage.setItem('blaze-admin-token', token);
  refresh();
});
$('search').addEventListener('submit', e => { e.preventDefault(); if ($('query').value) search($('query').value.trim()); });
$('range').addEventListener('change', refresh);
$('compare').addEventListener('change', refresh);
profile();
refresh();
setInterval(() => { if (!document.hidden && $('login').hidden) refresh(); }, every);
