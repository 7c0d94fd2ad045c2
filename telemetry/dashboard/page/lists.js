'use strict';
// The tables and cards of the page. Everything that comes from outside is set as text, never as markup.

// section shows a table, or a sentence when it has no rows.
function section(id, title, heads, rows, none) {
  const body = rows.length === 0 ? element('p', {class: 'soft'}, none) : element('div', {class: 'scroll'}, element('table', {},
    element('thead', {}, element('tr', {}, ...heads.map(h => element('th', {}, h)))),
    element('tbody', {}, ...rows.map(r => element('tr', {}, ...r.map(cell => typeof cell === 'number' ? element('td', {class: 'n'}, units.number(cell)) : element('td', {class: String(cell).length > 40 ? 'long' : ''}, cell)))))));
  $(id).replaceChildren(element('h2', {}, title, rows.length > 3 ? element('span', {class: 'count'}, String(rows.length)) : null), body);
}

const mark = (status, kind) => element('span', {class: 'mark ' + (kind || {ok: 'good', closed: 'good', degraded: 'warn', 'half-open': 'warn', down: 'bad', open: 'bad'}[status] || 'soft')}, status);
const when = time => element('span', {class: 'time'}, ago(time));
const find = id => element('button', {class: 'link', type: 'button', title: id, onclick: () => { $('query').value = id; search(id); }}, id.length > 16 ? id.slice(0, 12) + '…' : id);

function drawState(health, alerts, errors) {
  const list = troubles(health, alerts, errors);
  const bad = list.filter(t => t.bad).length;
  const words = bad ? `${bad === 1 ? 'Something is' : bad + ' things are'} wrong.` : list.length ? 'Running, with something to look at.' : 'All is well.';
  $('state').className = bad ? 'bad' : list.length ? 'warn' : '';
  $('state').replaceChildren(element('p', {}, words), list.length ? element('ul', {}, ...list.map(t =>
    element('li', {class: t.bad ? 'bad' : 'warn'}, t.text, ...(t.ids || []).flatMap(id => [' ', find(id)])))) : element('span', {class: 'soft', id: 'calm'}, calm));
  document.title = (bad ? '✖ ' : list.length ? '! ' : '') + 'Blaze';
}

async function drawLists() {
  const [health, alerts, errors, security, suggestions, bans, filters, failures] = await Promise.all([
    ask('health/detailed'), ask('alerts'), ask('errors/summary'), ask('security/status'), ask('suggestions'), optional('bans'), ask('debug/filters'), ask('requests?failed=1')]);
  const hash = health.checks.policy?.detail?.hash;
  $('about').textContent = `${health.version} · up ${since(Date.now() - health.uptime_seconds * 1000)}` + (hash ? ` · policy ${String(hash).slice(0, 12)}` : '');
  drawState(health, alerts, errors);
  drawHealth(health.checks);
  section('failures', 'Last failures', ['when', 'status', 'what', 'client', 'request'], (failures?.requests || []).slice(0, 12).map(r => [when(r.time), mark(String(r.status || '–'), r.status >= 500 || !r.status ? 'bad' : 'warn'), `${r.code}, ${outcome(r)}`, [r.client, r.subject].filter(Boolean).join(' '), find(r.request_id)]), 'None.');
  section('errors', 'Errors by kind', ['class', 'kind', 'upstream', 'total', 'hour', 'trend', 'newest'], errors.errors.map(e => [e.class, e.kind, e.upstream, e.total, e.last_hour, mark(e.trend, {rising: 'warn', falling: 'good'}[e.trend]), element('span', {}, ...e.examples.slice(0, 2).flatMap(x => [find(x.request_id), ' ']))]), 'No errors.');
  section('alerts', 'Alerts', ['alert', 'state', 'condition', 'value', 'since'], [...alerts.firing, ...alerts.pending, ...alerts.resolved].map(a => [a.name, mark(a.state, {firing: 'bad', pending: 'warn'}[a.state]), a.when, a.value, when(a.since)]), 'No alert fires, and none did.');
  section('denials', 'Denials and shadow decisions', ['filter', 'rule', 'code', 'count'], [...security.denials.map(d => [d.filter, d.rule, d.code, d.count]), ...security.shadow.map(d => [d.filter, d.rule, mark('shadow'), d.count])], 'Nobody was refused.');
  drawOffenders(security.top_offenders, bans);
  section('events', 'Security events', ['when', 'kind', 'client', 'subject', 'note'], security.events.map(e => [when(e.time), e.kind, e.client || '', e.subject || '', [e.rule, e.note].filter(Boolean).join(' ')]), 'None.');
  $('suggestions').replaceChildren(element('h2', {}, 'Suggestions'), ...((suggestions?.suggestions || []).map(s => element('div', {class: 'advice'}, element('b', {}, s.advice), element('p', {class: 'soft'}, 'Because ' + s.because + '.')))));
  if (!suggestions?.suggestions.length) $('suggestions').append(element('p', {class: 'soft'}, 'Nothing to suggest.'));
  section('filters', 'What the filters cost', ['filter', 'calls timed', 'mean', 'p99', 'allocated'], (filters?.filters || []).map(f => [f.filter, f.calls, f.calls ? units.seconds(f.mean_seconds) : '–', f.p99_seconds === null ? '–' : units.seconds(f.p99_seconds), units.bytes(f.alloc_bytes)]), 'Not measured yet.');
}

// drawHealth tells the servers of the upstreams apart, and everything else that is checked.
function drawHealth(checks) {
  const targets = [], others = [];
  for (const [name, c] of Object.entries(checks)) {
    if (name.startsWith('upstream ') && Array.isArray(c.detail)) {
      for (const t of c.detail) targets.push([name.slice(9), t.url, mark(t.healthy ? 'healthy' : 'fails', t.healthy ? 'good' : 'bad'), mark(t.breaker), t.in_flight, t.connections]);
    } else {
      others.push([name, mark(c.status), c.status === 'ok' ? fineWords(name, c) : partWords(name, c)]);
    }
  }
  section('upstreams', 'Model servers', ['upstream', 'server', 'health', 'breaker', 'in flight', 'connections'], targets, 'None.');
  section('checks', 'Other parts', ['part', 'status', ''], others, 'Nothing is checked.');
}

function drawOffenders(offenders, answer) {
  const list = Array.isArray(answer) ? answer : answer?.bans || [];
  const banned = new Set(list.map(b => b.address));
  section('offenders', 'Top offenders', ['client', 'denials', 'failed logins', 'last rule', 'seen', ''], offenders.map(o => [o.client, o.denials, o.failed_logins, o.last_rule, when(o.last_seen),
    answer === null ? '' : banned.has(o.client) ? mark('banned', 'bad') : element('button', {type: 'button', onclick: () => ban(o.client)}, 'Ban')]), 'Nobody.');
  $('bans').hidden = answer === null;
  section('bans', 'Bans', ['who', 'until', 'by', 'reason', ''], list.map(b => [b.address || b.identity, b.until ? new Date(b.until).toLocaleString() : '', b.shadow ? mark('shadow') : b.by || '', b.reason || '',
    element('button', {type: 'button', onclick: () => lift(b)}, 'Lift')]), 'Nobody is banned.');
}

async function ban(client) {
  if (!confirm(`Ban ${client}?`)) return;
  await act(() => ask('bans', {method: 'POST', headers: {'content-type': 'application/json'}, body: JSON.stringify({address: client, reason: 'by hand, from the dashboard'})}));
}

const lift = b => act(() => ask('bans/' + encodeURIComponent(b.id || b.address) + (b.identity ? '?issuer=' + encodeURIComponent(b.issuer || '') : ''), {method: 'DELETE'}));

async function act(what) {
  try { await what(); } catch (e) { alert(e.message); }
  await refresh();
}

async function drawPolicy() {
  const p = await optional('policy');
  $('policy').hidden = p === null;
  if (p === null) return;
  const open = $('policy').querySelector('details')?.open;
  const lines = (p.changes || []).map(c => element('li', {}, `${c.path} ${c.change}` + (c.old || c.new ? `: ${c.old || 'nothing'} → ${c.new || 'nothing'}` : '')));
  const list = (title, items) => items.length ? [element('h3', {}, title), element('ul', {}, ...items)] : [];
  const whole = element('details', {}, element('summary', {}, 'The whole policy, secrets hidden'), element('pre', {}, JSON.stringify(p.policy ?? p, null, 2)));
  whole.open = Boolean(open);
  $('policy').replaceChildren(element('h2', {}, 'Active policy'),
    p.hash ? element('p', {}, `${String(p.hash).slice(0, 12)}, serving for ${since(p.loaded)}, from ${(p.files || []).join(', ')}.`) : null,
    ...list('Refused ' + (p.last_error ? ago(p.last_error.at) : ''), (p.last_error?.problems || []).map(x => element('li', {class: 'bad'}, x.message))),
    ...list('Warnings', (p.warnings || []).map(x => element('li', {class: 'warn'}, x.message))),
    ...list('What the last reload changed', lines), whole);
}

// search shows what became of a request: the line of the log as words, and as it is.
async function search(id) {
  const a = await ask('requests?request_id=' + encodeURIComponent(id));
  const cards = (a?.requests || []).map(r => element('div', {},
    element('p', {class: 'verdict'}, mark(String(r.status || '–'), r.status >= 500 || !r.status ? 'bad' : r.status >= 400 ? 'warn' : 'good'), ' ', `${r.code ? r.code + ', ' : ''}${outcome(r)}`),
    element('dl', {}, ...facts(r).flatMap(([k, v]) => [element('dt', {}, k), element('dd', {}, v)])),
    element('details', {}, element('summary', {}, 'The line of the log'), element('pre', {}, JSON.stringify(r, null, 2)))));
  $('found').replaceChildren(element('h2', {}, 'Request ' + id), ...(cards.length ? cards : [element('p', {class: 'soft'}, 'Not among the last requests in the log.')]),
    element('button', {type: 'button', onclick: () => { $('found').hidden = true; }}, 'Close'));
  $('found').hidden = false;
  $('found').scrollIntoView({block: 'nearest'});
}

function profile() {
  const said = element('p', {class: 'soft', role: 'status'}, 'For go tool pprof. The CPU is watched for ten seconds.');
  const take = async (path, name, button) => {
    const title = button.textContent;
    button.disabled = true;
    button.textContent = title + ' …';
    try {
      const r = await fetch(path, {headers: token ? {authorization: 'Bearer ' + token} : {}});
      if (!r.ok) throw new Error(`the admin port answered ${r.status}`);
      const link = element('a', {href: URL.createObjectURL(await r.blob()), download: name});
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60000);
      said.textContent = `Saved as ${name}; look at it with: go tool pprof -http=: ${name}`;
    } catch (e) {
      said.textContent = `The profile could not be taken: ${e.message}.`;
    } finally {
      button.disabled = false;
      button.textContent = title;
    }
  };
  const button = (title, path, name) => element('button', {type: 'button', onclick: e => take(path, name, e.currentTarget)}, title);
  $('profile').replaceChildren(element('h2', {}, 'Profiles'), said, element('div', {class: 'row'},
    button('CPU, 10 s', 'debug/pprof/profile?seconds=10', 'cpu.pprof'), button('Heap', 'debug/pprof/heap', 'heap.pprof'), button('Goroutines', 'debug/pprof/goroutine', 'goroutine.pprof')));
}
