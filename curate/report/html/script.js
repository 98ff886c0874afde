// The page at work: charts drawn by uPlot from the data beside them, tables sorted and searched. Reads nothing else.
"use strict";

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const charts = [];
let tall = 190;

function figure(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size >= 1e9) return +(value / 1e9).toPrecision(3) + " B";
  if (size >= 1e6) return +(value / 1e6).toPrecision(3) + " M";
  if (size >= 1e4) return +(value / 1e3).toPrecision(3) + " k";
  return String(+value.toPrecision(size >= 1000 ? 4 : 3));
}

function axes(names) {
  return names.map((label, side) => ({
    label, labelSize: 16, labelFont: "12px system-ui", font: "11px system-ui", size: side ? 46 : 30,
    stroke: () => color("--soft"),
    grid: { stroke: () => color("--line"), width: 1 },
    ticks: { stroke: () => color("--line"), width: 1, size: 4 },
    values: (u, splits) => splits.map((value) => figure(value)),
    filter: (u, splits) => splits,
  }));
}

function threshold(at) {
  return (u) => {
    const x = Math.round(u.valToPos(at, "x", true));
    u.ctx.save();
    u.ctx.strokeStyle = color("--ink");
    u.ctx.lineWidth = 2 * devicePixelRatio;
    u.ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
    u.ctx.beginPath();
    u.ctx.moveTo(x, u.bbox.top);
    u.ctx.lineTo(x, u.bbox.top + u.bbox.height);
    u.ctx.stroke();
    u.ctx.restore();
  };
}

// Behind stand all documents of a bin, before them those of the first side: what is seen above it is the second.
function histogram(told) {
  const [first, second] = told.series;
  const bins = first.values.length;
  const places = [...Array(bins).keys()];
  const bars = uPlot.paths.bars({ size: [1, Infinity], align: 1, gap: 1 });
  const [horizontal, vertical] = axes([told.unit, "documents"]);
  horizontal.splits = (u) => {
    const every = Math.max(1, Math.ceil(bins / Math.max(2, Math.floor(u.width / 75))));
    return [...Array(bins + 1).keys()].filter((place) => place % every === 0);
  };
  horizontal.values = (u, splits) => splits.map((place) => figure(told.edges[place]));
  vertical.splits = (u, axis, low, high) => [0, 1 / 36, 1 / 9, 1 / 4, 4 / 9, 1].map((part) => nice(part * high));
  const between = (place) => figure(told.edges[place]) + " to " + figure(told.edges[place + 1]);
  return {
    data: [places, first.values.map((value, place) => value + second.values[place]), first.values],
    options: {
      scales: {
        x: { time: false, range: [0, bins] },
        y: { distr: 100, fwd: (value) => Math.sqrt(Math.max(0, value)), bwd: (value) => value * value, range: (u, low, high) => [0, high || 1] },
      },
      axes: [horizontal, vertical],
      series: [
        { label: told.unit, value: (u, place) => (place === null || place === undefined ? "–" : between(place)) },
        ...[second, first].map((each) => ({
          label: each.name, paths: bars, points: { show: false }, width: 0,
          stroke: () => color(each === first ? "--left" : "--dropped"),
          fill: () => color(each === first ? "--left" : "--dropped"),
          value: (u, value, series, place) => (place === null || place === undefined ? "–" : each.values[place].toLocaleString("en")),
        })),
      ],
      hooks: told.at === null ? {} : { draw: [threshold(told.at)] },
    },
  };
}

function nice(value) {
  if (value < 1) return 0;
  const step = 10 ** Math.max(0, Math.floor(Math.log10(value)) - 1);
  return Math.floor(value / step) * step;
}

function curves(told) {
  return {
    data: [told.x, ...told.series.map((each) => each.values)],
    options: {
      scales: { x: { time: false } },
      axes: axes(["step", told.unit]),
      series: [
        { label: "step" },
        ...told.series.map((each, number) => ({
          label: each.name, width: number ? 1.5 : 2.5, spanGaps: true,
          stroke: () => color("--c" + (number % 6)), value: (u, value) => figure(value),
        })),
      ],
    },
  };
}

function draw(place) {
  const told = JSON.parse(place.dataset.plot);
  const { data, options } = (told.kind === "histogram" ? histogram : curves)(told);
  const shape = { width: place.clientWidth || 600, height: tall, cursor: { drag: { x: false, y: false } } };
  const chart = new uPlot({ ...options, ...shape }, data, place);
  place.dataset.drawn = "yes";
  charts.push([place, chart]);
}

function fit() {
  for (const [place, chart] of charts) {
    const width = place.clientWidth;
    if (width && width !== chart.width) chart.setSize({ width, height: tall });
  }
}

function repaint() {
  for (const [, chart] of charts) chart.redraw(false, true);
}

function value(row, column) {
  const cell = row.cells[column];
  return cell.dataset.v === undefined ? cell.textContent.toLowerCase() : Number(cell.dataset.v);
}

function sort(head) {
  const table = head.closest("table");
  const column = head.cellIndex;
  const first = table.tBodies[0].rows[0];
  const numeric = first && first.cells[column].dataset.v !== undefined;
  const now = head.getAttribute("aria-sort");
  const rising = now ? now === "descending" : !numeric;
  for (const each of head.parentNode.cells) each.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", rising ? "ascending" : "descending");
  const before = (one, other) => (one < other ? -1 : one > other ? 1 : 0);
  const rows = [...table.tBodies[0].rows].map((row) => [value(row, column), row]);
  rows.sort((one, other) => (rising ? 1 : -1) * before(one[0], other[0]));
  table.tBodies[0].append(...rows.map((each) => each[1]));
}

function search(field) {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of field.parentNode.querySelector("tbody").rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
  }
}

// Paper has no folds: what is folded away is printed, and folded again.
let folded = [];
function unfold() {
  folded = [...document.querySelectorAll("details.part:not([open])")];
  for (const each of folded) each.open = true;
  fit();
}

function fold() {
  for (const each of folded) each.open = false;
}

document.querySelectorAll(".plot").forEach(draw);
addEventListener("beforeprint", unfold);
addEventListener("afterprint", fold);
document.querySelectorAll(".table th").forEach((head) => head.querySelector("button").addEventListener("click", () => sort(head)));
document.querySelectorAll(".table input").forEach((field) => field.addEventListener("input", () => search(field)));
new ResizeObserver(() => requestAnimationFrame(fit)).observe(document.body);
for (const query of ["(prefers-color-scheme: dark)", "print"]) matchMedia(query).addEventListener("change", repaint);
document.documentElement.dataset.ready = Math.round(performance.now()); // milliseconds since it was asked for
