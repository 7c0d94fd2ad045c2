'use strict';
// What is wrong, in words: the answers of the admin port as sentences for somebody who was woken up.

// since says how long something has been so; ago, how long it is past.
const since = time => {
  const s = Math.max(0, (Date.now() - new Date(time)) / 1000);
  return s < 90 ? Math.round(s) + ' s' : s < 5400 ? Math.round(s / 60) + ' min' : s < 129600 ? Math.round(s / 3600) + ' h' : Math.round(s / 86400) + ' d';
};
const ago = time => since(time) + ' ago';
const plural = (n, one, many) => n === 1 ? `1 ${one}` : `${n} ${many || one + 's'}`;

// brief is a detail that has no words of its own.
const brief = v => v === null || v === undefined ? '' : Array.isArray(v) ? v.map(brief).join('; ')
  : typeof v === 'object' ? Object.entries(v).map(([k, x]) => `${k.replaceAll('_', ' ')} ${typeof x === 'object' ? brief(x) : x}`).join(', ') : String(v);

// unusable says why a server may not be asked; empty when it may.
const unusable = t => t.breaker === 'open' ? `its breaker is open${t.cause ? ` (${t.cause})` : ''}` : !t.healthy ? `its health check fails${t.last_failure ? ` (${t.last_failure})` : ''}` : '';

// parts: the sentence for a part of /health/detailed, by its name; what is not here is told by brief.
const parts = {
  log: d => `${plural(d.dropped, 'log line')} lost: where the log goes is slow or full.`,
  audit: d => d.error ? `The audit log cannot be written: ${d.error}.` : `The audit log is behind; ${plural(d.dropped, 'line')} lost: its disk is slow or full.`,
  disk: d => d.filter(x => x.used_percent >= 90).map(x => `The disk of ${x.path === '.' ? 'the working directory' : x.path} (${x.for.join(', ')}) is ${units.percent(x.used_percent)} full; ${units.bytes(x.free_bytes)} are free.`).join(' '),
  policy: d => `The policy was changed${d.failed ? ' ' + ago(d.failed) : ''}, and refused: the one before goes on serving. ${d.last_error || ''}`,
  redis: d => `Redis does not answer: ${{local: 'each replica counts by itself', open: 'nothing is limited', closed: 'what it would count is refused'}[d.on_error] || 'limits are not shared'}.`,
  revocations: d => `Revocations are not shared: ${d.error || 'Redis does not answer'}.`,
  jwks: d => d.filter(x => x.error || x.last_error).map(x => `The keys of ${x.issuer} could not be fetched: ${x.error || x.last_error}.`).join(' ') || 'The keys of an issuer could not be fetched.',
};

function partWords(name, check) {
  const d = check.detail;
  if (name.startsWith('upstream ') && Array.isArray(d)) {
    const bad = d.filter(unusable);
    const which = bad.map(t => `${t.url}, ${unusable(t)}`).join('; ');
    return bad.length === d.length ? `No server of ${name} can be asked: ${which}.` : `${bad.length} of ${d.length} servers of ${name} cannot be asked: ${which}.`;
  }
  const say = parts[name.split('#')[0]];
  try { if (say && d) return say(d) || `${name} is ${check.status}.`; } catch { /* another shape than this page knows */ }
  if (d && d.error) return `The check ${name} fails${d.since ? ' since ' + since(d.since) : ''}: ${d.error}.`;
  return `${name} is ${check.status}. ${brief(d)}`;
}

// fine says more of a part that is in order.
const fine = {
  log: () => 'every line written', audit: () => 'every line written',
  disk: d => d.map(x => `${x.path} is ${units.percent(x.used_percent)} full, ${units.bytes(x.free_bytes)} free`).join('; '),
  policy: d => `${String(d.hash).slice(0, 12)} for ${since(d.loaded)}${d.warnings ? ', ' + plural(d.warnings, 'warning') : ''}`,
};

function fineWords(name, check) {
  try { return fine[name] ? fine[name](check.detail) : brief(check.detail); } catch { return brief(check.detail); }
}

// troubles lists what is wrong, the worst first: {bad, text, ids of requests that show it}.
function troubles(health, alerts, errors) {
  const out = [];
  if (health.status === 'down') out.push({bad: true, text: `No traffic is taken: ${health.reason || 'not ready'}.`});
  for (const a of alerts.firing) {
    out.push({bad: a.severity === 'page' || a.severity === 'critical', text: `Alert ${a.name} for ${since(a.since)}: ${a.when}; it is ${units.number(a.value)} now.`});
  }
  for (const [name, c] of Object.entries(health.checks)) {
    if (c.status !== 'ok') out.push({bad: c.status === 'down' || name === 'audit', text: partWords(name, c)});
  }
  for (const e of errors.errors) {
    if (e.trend !== 'rising' || e.kind !== 'failed') continue;
    out.push({bad: false, text: `${e.class} is rising${e.upstream ? ` at ${e.upstream}` : ''}: ${e.last_hour} in the last hour, ${e.hour_before} in the hour before.`, ids: e.examples.slice(0, 3).map(x => x.request_id)});
  }
  return out.sort((a, b) => b.bad - a.bad);
}

// outcome says what became of a request.
function outcome(r) {
  if (r.filter) return `refused by ${r.filter}${r.rule ? '/' + r.rule : ''}${r.field ? ' at ' + r.field : ''}`;
  if (r.abort) return 'ended early: ' + r.abort.replaceAll('_', ' ');
  return r.code ? 'failed' : 'served';
}

// facts are a request's line as pairs of words and values; empty ones are left out.
function facts(r) {
  const join = (...parts) => parts.filter(Boolean).join(' · ');
  return [
    ['when', new Date(r.time).toLocaleString() + ', ' + ago(r.time)],
    ['from', join(r.client, r.subject, r.tenant && 'tenant ' + r.tenant, r.tier && 'tier ' + r.tier, r.key_id && 'key ' + r.key_id)],
    ['asked', join(`${r.method || ''} ${r.path || ''}`.trim(), r.model && 'model ' + r.model, r.route && 'route ' + r.route, r.stream && 'streamed')],
    ['went to', join(r.upstream, r.target, r.retries && plural(r.retries, 'retry', 'retries'), r.degraded && 'degraded by ' + r.degraded)],
    ['found', join(r.excerpt, r.sanitized && 'sanitized: ' + r.sanitized)],
    ['in shadow', (r.shadow || []).map(s => `${s.filter}/${s.rule}`).join(', ')],
    ['size', join(r.bytes_in !== undefined && `${units.bytes(r.bytes_in)} in, ${units.bytes(r.bytes_out || 0)} out`, (r.tokens_in || r.tokens_out) && `${r.tokens_in} tokens in, ${r.tokens_out} out`)],
    ['time', join(r.total_ms !== undefined && units.seconds(r.total_ms / 1e3) + ' in all', r.first_byte_ms !== undefined && 'first byte after ' + units.seconds(r.first_byte_ms / 1e3), r.waited_ms > 0 && 'waited ' + units.seconds(r.waited_ms / 1e3), r.overhead_ms !== undefined && "Blaze's own " + units.seconds(r.overhead_ms / 1e3))],
    ['trace', r.trace_id],
  ].filter(([, v]) => v);
}
