'use strict';
// Charts as plain SVG. Everything that comes from outside is set as text, never as markup.
const SVG = 'http://www.w3.org/2000/svg';

function svg(name, attributes, ...children) {
  const e = document.createElementNS(SVG, name);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  e.append(...children);
  return e;
}

// units: how a number of each unit is written.
const units = {
  seconds(v) {
    if (v < 1e-3) return +(v * 1e6).toPrecision(3) + ' µs';
    if (v < 1) return +(v * 1e3).toPrecision(3) + ' ms';
    return +v.toPrecision(3) + ' s';
  },
  number(v) {
    for (const [size, name] of [[1e9, 'G'], [1e6, 'M'], [1e3, 'k']]) if (Math.abs(v) >= size) return +(v / size).toPrecision(3) + name;
    return String(+v.toPrecision(3));
  },
  bytes(v) {
    for (const [size, name] of [[2 ** 30, ' GiB'], [2 ** 20, ' MiB'], [2 ** 10, ' KiB']]) if (v >= size) return +(v / size).toPrecision(3) + name;
    return Math.round(v) + ' B';
  },
  percent: v => +v.toPrecision(3) + ' %',
};

function niceTop(v) {
  if (!(v > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(v));
  for (const m of [1, 2, 2.5, 5, 10]) if (m * power >= v) return m * power;
  return 10 * power;
}

function clock(seconds, span) {
  const d = new Date(seconds * 1000);
  const two = n => String(n).padStart(2, '0');
  return (span > 86400 ? two(d.getDate()) + '. ' : '') + two(d.getHours()) + ':' + two(d.getMinutes());
}

// drawChart fills figure with lines: [{name, points, before}], each point at from + i*step seconds; null is a gap; before is
// an earlier period, drawn dashed.
function drawChart(figure, title, unit, lines, from, step) {
  const width = Math.max(260, figure.clientWidth - 26), height = 150, left = 52, bottom = 18, format = units[unit];
  const n = Math.max(2, ...lines.map(l => l.points.length));
  const top = niceTop(Math.max(0, ...lines.flatMap(l => [...l.points, ...(l.before || [])].filter(p => p !== null))));
  const x = i => left + (width - left - 6) * i / (n - 1);
  const y = v => 6 + (height - bottom - 6) * (1 - v / top);
  const picture = svg('svg', {class: 'chart', viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': title});
  for (const share of [0, .5, 1]) {
    picture.append(svg('line', {class: 'grid', x1: left, x2: width, y1: y(top * share), y2: y(top * share)}));
    picture.append(svg('text', {x: left - 6, y: y(top * share) + 4, 'text-anchor': 'end'}, format(top * share)));
  }
  for (const share of [0, .5, 1]) {
    const anchor = share === 0 ? 'start' : share === 1 ? 'end' : 'middle';
    picture.append(svg('text', {x: x((n - 1) * share), y: height - 3, 'text-anchor': anchor}, clock(from + step * (n - 1) * share, step * n)));
  }
  // runs are the stretches without a gap, as points of the picture.
  const runs = points => {
    const out = [];
    points.forEach((p, i) => {
      if (p === null) return;
      if (i === 0 || points[i - 1] === null) out.push([]);
      out[out.length - 1].push([x(i).toFixed(1), y(p).toFixed(1)]);
    });
    return out;
  };
  const path = points => runs(points).map(r => 'M' + r.map(p => p.join(' ')).join('L') + (r.length === 1 ? 'h1' : '')).join('');
  const area = points => runs(points).filter(r => r.length > 1).map(r => `M${r[0][0]} ${y(0)}L` + r.map(p => p.join(' ')).join('L') + `L${r[r.length - 1][0]} ${y(0)}Z`).join('');
  lines.forEach((l, k) => {
    if (lines.length <= 3) picture.append(svg('path', {class: 'area s' + k % 6, d: area(l.points)}));
    if (l.before?.length) picture.append(svg('path', {class: 'before s' + k % 6, d: path(l.before)}));
    picture.append(svg('path', {class: 's' + k % 6, d: path(l.points)}));
  });
  const cursor = svg('line', {class: 'cursor', visibility: 'hidden', y1: 0, y2: height - bottom});
  picture.append(cursor);
  const legend = element('div', {class: 'legend'});
  const at = (points, i) => points[i] === null || points[i] === undefined ? '–' : format(points[i]);
  const show = i => legend.replaceChildren(...lines.map((l, k) => element('span', {}, element('i', {class: 's' + k % 6}), l.name,
    element('b', {}, at(l.points, i)), l.before?.length ? element('span', {}, ` before ${at(l.before, i)}`) : null)));
  const last = Math.max(0, ...lines.map(l => l.points.findLastIndex(p => p !== null)));
  show(last);
  picture.addEventListener('pointermove', e => {
    const box = picture.getBoundingClientRect();
    const i = Math.round(((e.clientX - box.left) / box.width * width - left) / (width - left - 6) * (n - 1));
    if (i < 0 || i >= n) return;
    cursor.setAttribute('visibility', 'visible');
    cursor.setAttribute('x1', x(i));
    cursor.setAttribute('x2', x(i));
    show(i);
  });
  picture.addEventListener('pointerleave', () => { cursor.setAttribute('visibility', 'hidden'); show(last); });
  figure.replaceChildren(element('figcaption', {}, title), picture, legend);
}

function element(name, attributes, ...children) {
  const e = document.createElement(name);
  for (const [k, v] of Object.entries(attributes)) {
    if (k === 'onclick') e.addEventListener('click', v); else e.setAttribute(k, v);
  }
  e.append(...children.filter(c => c !== null && c !== undefined));
  return e;
}
