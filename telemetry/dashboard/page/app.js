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
  if (!r.ok) throw new Error(JSON.parse(body).error?.message || r.statusText);
  try { return JSON.parse(body); } catch { return body; }
}

// endpoints of this Blaze; some sections are there only with what they ask.
let endpoints = [];

const optional = path => endpoints.includes('GET /' + path) ? ask(path) : null;

// charts: what is drawn. Each line is a question to the history.
const charts = [
  {title: 'Requests per second', unit: 'number', ask: 'name=blaze_requests_total&fn=rate&by=status_class', label: 'status_class'},
  {title: 'Time to first token', unit: 'seconds', lines: quantiles('blaze_time_to_first_token_seconds', 'p50', 'p95')},
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
  const since = $('range').value;
  await Promise.all(charts.map(async c => {
    c.figure ??= $('charts').appendChild(element('figure', {}));
    let lines = [], grid = null;
    if (c.ask) {
      grid = await ask(`metrics/history?since=${since}&${c.ask}`);
      lines = (grid?.series || []).map(s => ({name: s.labels[c.label] || c.name || 'all', points: whole(c.ask, s.points)}));
    } else {
      const answers = await Promise.all(c.lines.map(l => ask(`metrics/history?since=${since}&${l.ask}`)));
      answers.forEach((a, i) => { if (a) { grid = a; lines.push({name: c.lines[i].name, points: a.series[0]?.points || []}); } });
    }
    const total = l => l.points.reduce((sum, p) => sum + (p || 0), 0);
    if (lines.length > 6) lines = lines.sort((a, b) => total(b) - total(a)).slice(0, 6);
    drawChart(c.figure, c.title, c.unit, lines, grid?.from || 0, grid?.step_seconds || 10);
  }));
}

async function now(query) {
  const a = await ask(`metrics/history?since=2m&step=1m&by=none&${query}`);
  const points = whole(query, a?.series[0]?.points || []).filter(p => p !== null);
  return points.length ? points[points.length - 1] : null;
}

async function drawTiles() {
  const values = await Promise.all([
    now('name=blaze_requests_total&fn=rate'), now('name=blaze_requests_total&fn=rate&label.status_class=5xx'),
    now('name=blaze_time_to_first_token_seconds&fn=p95'), now('name=blaze_overhead_seconds&fn=p99'),
    now('name=blaze_tokens_total&fn=rate&label.direction=out'), now('name=blaze_denials_total&fn=increase'),
    now('name=blaze_open_exchanges'), now('name=blaze_queue_depth'),
  ]);
  const rate = values[0], failed = rate ? 100 * (values[1] || 0) / rate : null;
  const show = (v, unit) => v === null ? '–' : units[unit](v);
  const tiles = [
    [show(rate, 'number'), 'requests a second'], [show(failed, 'percent'), 'failed'], [show(values[2], 'seconds'), 'first token, p95'],
    [show(values[3], 'seconds'), 'own overhead, p99'], [show(values[4], 'number'), 'tokens out a second'], [show(values[5], 'number'), 'denials a minute'],
    [show(values[6], 'number'), 'open requests'], [show(values[7], 'number'), 'waiting in queues'],
  ];
  $('tiles').replaceChildren(...tiles.map(([v, what]) => element('div', {class: 'tile'}, element('b', {}, v), element('span', {}, what))));
}

// section shows a table, or a sentence when it has no rows.
function section(id, title, heads, rows, none) {
  const body = rows.length === 0 ? element('p', {class: 'soft'}, none) : element('div', {class: 'scroll'}, element('table', {},
    element('thead', {}, element('tr', {}, ...heads.map(h => element('th', {}, h)))),
    element('tbody', {}, ...rows.map(r => element('tr', {}, ...r.map(cell => typeof cell === 'number' ? element('td', {class: 'n'}, units.number(cell)) : element('td', {}, cell)))))));
  $(id).replaceChildren(element('h2', {}, title), body);
}

const ago = time => {
  const s = Math.max(0, (Date.now() - new Date(time)) / 1000);
  return s < 90 ? Math.round(s) + ' s ago' : s < 5400 ? Math.round(s / 60) + ' min ago' : s < 129600 ? Math.round(s / 3600) + ' h ago' : Math.round(s / 86400) + ' d ago';
};
const mark = status => element('span', {class: {ok: 'good', degraded: 'warn', down: 'bad'}[status] || 'soft'}, status);
const find = id => element('button', {class: 'link', type: 'button', onclick: () => { $('query').value = id; search(id); }}, id);
const brief = v => v === null || v === undefined ? '' : typeof v === 'object' ? Object.entries(v).map(([k, x]) => `${k} ${typeof x === 'object' ? JSON.stringify(x) : x}`).join(', ') : String(v);

function drawState(health, alerts, errors, security) {
  const bad = [], warn = [];
  if (health.status === 'down') bad.push('Not ready: ' + (health.reason || 'no traffic is taken') + '.');
  for (const a of alerts.firing) (a.severity === 'page' || a.severity === 'critical' ? bad : warn).push(`Alert ${a.name}: ${a.when}, now ${units.number(a.value)}, for ${ago(a.since).replace(' ago', '')}.`);
  for (const [name, c] of Object.entries(health.checks)) {
    if (c.status === 'down') bad.push(`${name} is down. ${brief(c.detail)}`);
    if (c.status === 'degraded') warn.push(`${name} is degraded. ${brief(c.detail)}`);
  }
  for (const e of errors.errors) if (e.trend === 'rising' && e.kind === 'failed') warn.push(`${e.class} is rising: ${e.last_hour} in the last hour, ${e.hour_before} in the hour before.`);
  if (security.audit.status !== 'ok' && security.audit.status !== 'off') bad.push('The audit log cannot be written.');
  const list = [...bad.map(t => element('li', {class: 'bad'}, t)), ...warn.map(t => element('li', {class: 'warn'}, t))];
  const words = bad.length ? `${bad.length === 1 ? 'Something is' : bad.length + ' things are'} wrong.` : warn.length ? 'Running, with something to look at.' : 'All is well.';
  $('state').className = bad.length ? 'bad' : warn.length ? 'warn' : '';
  $('state').replaceChildren(element('p', {}, words), list.length ? element('ul', {}, ...list) : null);
  document.title = (bad.length ? '✖ ' : warn.length ? '! ' : '') + 'Blaze';
}

async function drawLists() {
  const [health, alerts, errors, security, suggestions, bans, filters] = await Promise.all([
    ask('health/detailed'), ask('alerts'), ask('errors/summary'), ask('security/status'), ask('suggestions'), optional('bans'), ask('debug/filters')]);
  $('about').textContent = `${health.version} · up ${ago(Date.now() - health.uptime_seconds * 1000).replace(' ago', '')}` + (health.checks.policy?.detail?.hash ? ` · policy ${String(health.checks.policy.detail.hash).slice(0, 12)}` : '');
  drawState(health, alerts, errors, security);
  section('upstreams', 'Health', ['part', 'status', 'detail'], Object.entries(health.checks).map(([name, c]) => [name, mark(c.status), brief(c.detail)]), 'Nothing is checked.');
  section('alerts', 'Alerts', ['alert', 'state', 'condition', 'value', 'since'], [...alerts.firing, ...alerts.pending, ...alerts.resolved].map(a => [a.name, element('span', {class: a.state === 'firing' ? 'bad' : a.state === 'pending' ? 'warn' : 'soft'}, a.state), a.when, a.value, ago(a.since)]), 'No alert fires, and none did.');
  section('errors', 'Errors', ['class', 'kind', 'upstream', 'total', 'hour', 'trend', 'last'], errors.errors.map(e => [e.class, e.kind, e.upstream, e.total, e.last_hour, e.trend, element('span', {}, ...e.examples.slice(0, 2).flatMap(x => [find(x.request_id), ' ']))]), 'No errors.');
  section('denials', 'Denials and shadow decisions', ['filter', 'rule', 'code', 'count'], [...security.denials.map(d => [d.filter, d.rule, d.code, d.count]), ...security.shadow.map(d => [d.filter, d.rule, element('span', {class: 'soft'}, 'shadow'), d.count])], 'Nobody was refused.');
  const banning = bans !== null;
  section('offenders', 'Top offenders', ['client', 'denials', 'failed logins', 'last rule', 'seen', ''], security.top_offenders.map(o => [o.client, o.denials, o.failed_logins, o.last_rule, ago(o.last_seen), banning ? element('button', {type: 'button', onclick: () => ban(o.client)}, 'Ban') : '']), 'Nobody.');
  drawBans(bans);
  section('suggestions', 'Suggestions', ['advice', 'because'], (suggestions?.suggestions || []).map(s => [s.advice, s.because]), 'Nothing to suggest.');
  section('filters', 'Filters', ['filter', 'calls', 'mean', 'p99', 'allocated'], (filters?.filters || []).map(f => [f.filter, f.calls, f.calls ? units.seconds(f.mean_seconds) : '–', f.p99_seconds === null ? '–' : units.seconds(f.p99_seconds), units.bytes(f.alloc_bytes)]), 'Not measured.');
  section('events', 'Security events', ['when', 'kind', 'client', 'subject', 'note'], security.events.map(e => [ago(e.time), e.kind, e.client || '', e.subject || '', [e.rule, e.note].filter(Boolean).join(' ')]), 'None.');
}

function drawBans(answer) {
  const list = Array.isArray(answer) ? answer : answer?.bans || [];
  $('bans').hidden = answer === null;
  section('bans', 'Bans', ['address', 'until', 'reason', ''], list.map(b => {
    const address = typeof b === 'string' ? b : b.address || b.ip || b.client;
    return [address, b.until ? new Date(b.until).toLocaleTimeString() : '', b.reason || '', element('button', {type: 'button', onclick: () => lift(address)}, 'Lift')];
  }), 'Nobody is banned.');
}

async function ban(client) {
  if (!confirm(`Ban ${client}?`)) return;
  await act(() => ask('bans', {method: 'POST', headers: {'content-type': 'application/json'}, body: JSON.stringify({address: client, reason: 'by hand, from the dashboard'})}));
}

const lift = address => act(() => ask('bans/' + encodeURIComponent(address), {method: 'DELETE'}));

async function act(what) {
  try { await what(); } catch (e) { alert(e.message); }
  await refresh();
}

async function drawPolicy() {
  const p = await optional('policy');
  $('policy').hidden = p === null;
  if (p !== null) $('policy').replaceChildren(element('h2', {}, 'Active policy'), element('pre', {}, typeof p === 'string' ? p : JSON.stringify(p, null, 2)));
}

async function search(id) {
  const a = await ask('requests?request_id=' + encodeURIComponent(id));
  const lines = (a?.requests || []).map(r => element('pre', {}, JSON.stringify(r, null, 2)));
  $('found').replaceChildren(element('h2', {}, 'Request ' + id), ...(lines.length ? lines : [element('p', {class: 'soft'}, 'Not among the last requests in the log.')]),
    element('button', {type: 'button', onclick: () => { $('found').hidden = true; }}, 'Close'));
  $('found').hidden = false;
}

function profile() {
  const take = async (path, name) => {
    const headers = token ? {authorization: 'Bearer ' + token} : {};
    const r = await fetch(path, {headers});
    if (!r.ok) return alert('The profile could not be taken.');
    const link = element('a', {href: URL.createObjectURL(await r.blob()), download: name});
    link.click();
    URL.revokeObjectURL(link.href);
  };
  $('profile').replaceChildren(element('h2', {}, 'Profiles'), element('div', {class: 'row'},
    element('button', {type: 'button', onclick: () => take('debug/pprof/profile?seconds=10', 'cpu.pprof')}, 'CPU, 10 s'),
    element('button', {type: 'button', onclick: () => take('debug/pprof/heap', 'heap.pprof')}, 'Heap'),
    element('button', {type: 'button', onclick: () => take('debug/pprof/goroutine', 'goroutine.pprof')}, 'Goroutines')));
}

async function refresh() {
  try {
    endpoints = (await ask('endpoints')).endpoints;
    await Promise.all([drawLists(), drawTiles(), drawCharts(), drawPolicy()]);
    $('login').hidden = true;
    $('main').hidden = false;
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
profile();
refresh();
setInterval(() => { if (!document.hidden && $('login').hidden) refresh(); }, every);
