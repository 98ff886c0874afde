// Thresholds moved, and two runs compared: how many documents change sides, and a click lists which.
"use strict";
import { ask, at, change, drawChips, make, number, side, state } from "./script.js";

let rules = [];
let spread = null;
let shownRule = "";
let shownSet = "";
let turn = 0;
let moves = [];

export function prepareChanges(told) {
  rules = told.rules;
  at("thresholds").hidden = !rules.length;
  const steps = [...new Set(rules.map((rule) => rule.step))];
  at("rule").append(make("option", "choose one", { value: "" }));
  for (const step of steps)
    at("rule").append(make("optgroup", rules.filter((rule) => rule.step === step).map((rule) => make("option", rule.parameter, { value: rule.key })), { label: step }));
  at("rule").addEventListener("change", () => choose(at("rule").value));
  at("value").addEventListener("change", () => move(at("value").value));
  let waiting;
  at("slider").addEventListener("input", () => {
    at("value").value = valueAt(Number(at("slider").value) / 1000);
    drawSpread();
    clearTimeout(waiting);
    waiting = setTimeout(() => move(at("value").value), 120);
  });
  at("slider").disabled = at("value").disabled = true;
  if (told.other !== null) compare(told.other);
}

const chosen = () => rules.find((rule) => rule.key === at("rule").value);
const setOf = (now, key) => now.getAll("set").find((text) => text.startsWith(key + "="));

async function choose(key) {
  shownRule = key;
  const rule = chosen();
  spread = null;
  at("value").disabled = !rule;
  at("value").value = rule ? current(rule) : "";
  at("slider").disabled = true;
  at("spread").replaceChildren();
  if (!rule) return;
  at("spread").replaceChildren(make("p", "reading the values …", { class: "note" }));
  const { bins } = await ask("rule", new URLSearchParams({ key }));
  if (shownRule !== key) return;
  spread = bins;
  at("slider").disabled = bins === null;
  drawSpread();
}

function current(rule) {
  const text = setOf(state(), rule.key);
  if (text === undefined) return String(rule.value);
  const value = text.slice(rule.key.length + 1);
  return typeof rule.value === "number" ? value : JSON.parse(value);
}

function move(text) {
  const rule = chosen();
  if (!rule || text === "") return;
  const isNumber = typeof rule.value === "number";
  const value = isNumber ? text.trim() : JSON.stringify(text);
  change((now) => {
    const others = now.getAll("set").filter((each) => !each.startsWith(rule.key + "="));
    now.delete("set");
    others.forEach((each) => now.append("set", each));
    if (isNumber ? Number(text) !== rule.value : text !== rule.value) now.append("set", rule.key + "=" + value);
    if (!now.has("set") || now.has("of")) now.delete("move");
    now.delete("of");
  });
}

// The slider goes over the bins, so that a long tail takes no more room than it has in the picture.
function valueAt(share) {
  const { edges } = spread;
  const place = share * (edges.length - 1);
  const low = Math.min(edges.length - 2, Math.floor(place));
  const value = edges[low] + (place - low) * (edges[low + 1] - edges[low]);
  return Number.isInteger(chosen().value) && Math.abs(value) > 2 ? String(Math.round(value)) : String(+value.toPrecision(3));
}

function shareOf(value) {
  const { edges } = spread;
  const last = edges.length - 1;
  if (value <= edges[0]) return 0;
  if (value >= edges[last]) return 1;
  const low = edges.findIndex((edge, index) => index < last && value < edges[index + 1]);
  return (low + (value - edges[low]) / (edges[low + 1] - edges[low])) / last;
}

function svg(name, attributes, children = []) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function drawSpread() {
  const rule = chosen();
  if (!spread || typeof rule.value !== "number") return at("spread").replaceChildren();
  const count = spread.passed.length;
  const highest = Math.max(1, ...spread.passed.map((passed, bin) => passed + spread.taken[bin]));
  const height = (value) => 60 * Math.sqrt(value / highest);
  const bars = spread.passed.flatMap((passed, bin) => {
    const both = height(passed + spread.taken[bin]);
    return [svg("rect", { class: "taken", x: bin + 0.05, width: 0.9, y: 60 - both, height: both }), svg("rect", { class: "passed", x: bin + 0.05, width: 0.9, y: 60 - height(passed), height: height(passed) })];
  });
  const value = Number(at("value").value);
  const line = (at, name) => svg("line", { class: name, x1: at, x2: at, y1: 0, y2: 60 });
  const lines = [line(count * shareOf(rule.value), "was"), ...(Number.isNaN(value) ? [] : [line(count * shareOf(value), "is")])];
  at("spread").replaceChildren(
    svg("svg", { viewBox: `0 0 ${count} 60`, preserveAspectRatio: "none", role: "img", "aria-label": `${rule.signal} of documents that passed ${rule.step}, and of those that it dropped` }, [...bars, ...lines]),
    make("p", `${rule.signal} as ${rule.step} saw it: blue went on, orange was dropped; dashed is the run's ${rule.value} (${rule.sources.join(", ")})`, { class: "note" }));
  at("slider").value = Number.isNaN(value) ? 0 : 1000 * shareOf(value);
}

export async function showChanges(now) {
  const sets = now.getAll("set");
  const key = JSON.stringify(sets);
  if (sets.length && !at("rule").value) {
    const known = rules.find((rule) => sets[0].startsWith(rule.key + "="));
    if (known) {
      at("rule").value = known.key;
      at("thresholds").open = true;
      at("filters").open = false;
      choose(known.key);
    }
  }
  if (key !== shownSet) {
    shownSet = key;
    const mine = ++turn;
    const rule = chosen();
    if (rule && document.activeElement !== at("slider")) {
      at("value").value = current(rule);
      drawSpread();
    }
    if (!sets.length) return at("shifts").replaceChildren();
    at("shifts").classList.add("busy");
    const told = await ask("retune", new URLSearchParams(sets.map((text) => ["set", text]))).finally(() => at("shifts").classList.remove("busy"));
    if (mine === turn) drawShifts(told);
  }
  for (const button of document.querySelectorAll("#shifts button, #moves button"))
    button.setAttribute("aria-pressed", String(button.dataset.move === now.get("move") && (button.dataset.of ?? "") === (now.get("of") ?? "")));
}

function drawShifts({ shifts, steps }) {
  const list = (moveName) => () => change((now) => now.set("move", moveName));
  const button = (shift) => {
    const name = shift.was + ">" + shift.then;
    const words = shift.was === shift.then ? [side(shift.was), " by another step"] : [side(shift.was), " → ", side(shift.then)];
    const made = make("button", [make("b", number(shift.documents)), " ", words], { type: "button", onclick: list(name) });
    made.dataset.move = name;
    return make("li", made);
  };
  const told = steps.slice(0, 8).map((each) => make("li", `${each.step || "kept"} → ${each.then || "kept"}: ${number(each.documents)}`));
  at("shifts").replaceChildren(
    make("ul", shifts.map(button)),
    ...(shifts.length ? [make("details", [make("summary", "By step"), make("ul", told)])] : [make("p", "No document changes sides.", { class: "note" })]),
    make("p", "A click lists them. Kept is kept by the steps: copies are looked for in a new run only.", { class: "note" }));
}

async function compare(name) {
  at("comparison").hidden = false;
  at("other").textContent = name;
  at("matched").textContent = "matching the documents of both runs …";
  const told = await ask("compare");
  moves = told.moves;
  at("matched").textContent = `Matched by ${told.by}: ${number(told.in_both)} documents in both runs, ${number(told.unchanged)} unchanged.`;
  at("moves").replaceChildren(...told.moves.map(moveButton));
  at("moves").dataset.ready = "yes";
  drawChips(state());
  showChanges(state());
}

const why = (...words) => words.filter(Boolean).join(" ");

// What a move is called: between runs by its number, by thresholds as it is.
export function nameOfMove(move) {
  const known = moves[Number(move)];
  return known ? `${why(known.side, known.step, known.reason)} → ${why(known.side_then, known.step_then, known.reason_then)}` : move.replace(">", " → ");
}

function moveButton(move, number_) {
  const of = move.side === "absent" ? "1" : "";
  const words = [make("b", number(move.documents)), " ", side(move.side), ` ${why(move.step, move.reason)} → `, side(move.side_then), ` ${why(move.step_then, move.reason_then)}`];
  const list = () => change((now) => {
    now.delete("set");
    now.set("move", String(number_));
    if (of) now.set("of", of);
    else now.delete("of");
  });
  const made = make("button", words, { type: "button", onclick: list });
  made.dataset.move = String(number_);
  if (of) made.dataset.of = of;
  return make("li", made);
}
