// The page at work: what is asked stands behind the # of the address, and whatever changes it is shown anew.
// Texts of documents become text nodes and attributes alone, never mark-up.
"use strict";
import { showDocument } from "./document.js";
import { nameOfMove, prepareChanges, showChanges } from "./changes.js";

export const PAGE = 50;
const CHOICES = {
  outcome: "Outcome", source: "Source", step: "Step", reason: "Reason", language: "Language", url_host: "Domain", page_type: "Kind of page",
};
const KEPT_APART = ["doc", "offset"];
export const at = (id) => document.getElementById(id);
export const number = (value) => Number(value).toLocaleString("en");
let told;
let turn = 0;

export function make(name, content, attributes = {}) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...[content].flat(Infinity).filter((each) => each !== null && each !== undefined));
  return element;
}

export function figure(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  return Number.isInteger(value) ? number(value) : String(+value.toPrecision(4));
}

export async function ask(name, parameters) {
  const answer = await fetch("api/" + name + (parameters ? "?" + parameters : ""));
  const value = await answer.json();
  if (!answer.ok) {
    at("trouble").hidden = false;
    at("trouble").textContent = value.error;
    throw new Error(value.error);
  }
  return value;
}

export const state = () => new URLSearchParams(location.hash.slice(1));

// A change of anything but the document and the page begins at the first page.
export function change(edit, { stays = false } = {}) {
  const now = state();
  edit(now);
  if (!stays) now.delete("offset");
  location.hash = now.toString();
}

const put = (now, name, value) => (value === null || value === "" ? now.delete(name) : now.set(name, value));

function asked() {
  const now = state();
  now.delete("doc");
  now.delete("where");
  return now;
}

async function start() {
  told = await ask("run");
  document.title = told.name + " · curate browse";
  at("name").textContent = told.name;
  const outcomes = told.facets.outcome.map((each) => number(each.documents) + " " + each.shown);
  const rest = told.records > told.documents ? ` · ${number(told.records - told.documents)} records that are none` : "";
  at("summary").textContent = `${number(told.documents)} documents: ${outcomes.join(", ")}${rest}`;
  drawSignals();
  prepareChanges(told);
  at("filters").open = matchMedia("(min-width: 60.01rem)").matches;
  listen();
  await showAll();
  document.documentElement.dataset.ready = "yes";
}

function drawSignals() {
  for (const [id, first] of [["signal", "choose a signal"], ["sort", "as read"]]) {
    at(id).append(make("option", first, { value: "" }));
    const names = id === "sort" ? ["id", "url"] : [];
    at(id).append(...names.map((name) => make("option", name, { value: name })));
    at(id).append(...told.signals.map((each) => make("option", each.shown, { value: each.name })));
  }
}

function listen() {
  let waiting;
  at("search").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => change((now) => put(now, "search", at("search").value.trim())), 250);
  });
  at("ask").addEventListener("submit", (event) => event.preventDefault());
  at("where").addEventListener("change", () => change((now) => put(now, "where", at("where").value === "url" ? "" : "text")));
  const sort = () => change((now) => put(now, "sort", at("sort").value && (at("descending").checked ? "-" : "") + at("sort").value));
  at("sort").addEventListener("change", sort);
  at("descending").addEventListener("change", sort);
  at("apart").addEventListener("change", () => change((now) => put(now, "apart", at("apart").checked ? "1" : "")));
  at("bound").addEventListener("click", addBounds);
  addEventListener("hashchange", showAll);
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && state().has("doc")) change((now) => now.delete("doc"), { stays: true });
  });
}

function addBounds() {
  const name = at("signal").value;
  if (!name) return;
  change((now) => {
    for (const [side, field] of [["min", "least"], ["max", "most"]]) {
      const others = now.getAll(side).filter((bound) => !bound.startsWith(name + ":"));
      now.delete(side);
      others.forEach((bound) => now.append(side, bound));
      if (at(field).value !== "") now.append(side, name + ":" + at(field).value);
    }
  });
}

async function showAll() {
  const mine = ++turn;
  const now = state();
  at("trouble").hidden = true;
  if (document.activeElement !== at("search")) at("search").value = now.get("search") || "";
  at("where").value = now.get("where") === "text" ? "text" : "url";
  at("sort").value = (now.get("sort") || "").replace(/^-/, "");
  at("apart").checked = now.get("apart") === "1";
  at("descending").checked = (now.get("sort") || "").startsWith("-");
  drawChips(now);
  const key = asked().toString() + now.get("where");
  const isNew = at("rows").dataset.key !== key;
  const shown = [showDocument(now), showChanges(now)];
  if (isNew) shown.push(showList(mine, key), showCounts(mine));
  else markCurrent();
  await Promise.all(shown).catch((error) => console.info(error.message));
}

async function showCounts(mine) {
  const parameters = asked();
  if (parameters.get("move") === null && !parameters.getAll("set").length) parameters.delete("of");
  if (at("where").value === "text") parameters.delete("search");
  const { facets } = await ask("facets", parameters);
  if (mine !== turn) return;
  const fields = Object.entries(CHOICES).filter(([name]) => facets[name]).map(([name, label]) => field(name, label, facets[name]));
  at("choices").replaceChildren(...fields);
}

function field(name, label, values) {
  const chosen = state().get(name);
  const some = values.filter((each) => each.value !== "" || values.length > 1);
  if (chosen !== null && !some.some((each) => each.value === chosen)) some.unshift({ value: chosen, shown: chosen, documents: 0 });
  const options = some.map((each) =>
    make("option", (each.shown || "none") + " (" + number(each.documents) + ")", { value: "=" + each.value, selected: each.value === chosen }));
  const select = make("select", [make("option", "any", { value: "" }), ...options], {
    id: "choice-" + name,
    onchange: (event) => change((now) => (event.target.value ? now.set(name, event.target.value.slice(1)) : now.delete(name))),
  });
  return make("label", [label + " ", select]);
}

export function drawChips(now) {
  const chips = [];
  for (const [name, value] of now) {
    if ([...KEPT_APART, "where", "of", "apart", "sort"].includes(name)) continue;
    const shown = { min: "≥ ", max: "≤ ", set: "if " }[name];
    const text = name === "move" ? nameOfMove(value) : shown ? shown + value.replace(":", " ") : (CHOICES[name] || name) + ": " + (value || "none");
    chips.push(make("button", visible(text), { type: "button", title: "take this away", onclick: () => take(name, value) }));
  }
  at("chips").replaceChildren(...chips);
}

// What came in the address by hand is shown as the server shows what comes from data.
export const visible = (text) => text.replace(/[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
  (sign) => "\\u" + sign.charCodeAt(0).toString(16).padStart(4, "0"));

function take(name, value) {
  if (name === "search") at("search").value = "";
  change((now) => {
    const others = now.getAll(name).filter((each) => each !== value);
    now.delete(name);
    others.forEach((each) => now.append(name, each));
    if (name === "set" && !others.length) now.delete("move");
    if (name === "move") now.delete("of");
  });
}

async function showList(mine, key) {
  at("list").classList.add("busy");
  try {
    const isText = at("where").value === "text" && state().get("search");
    await (isText ? searchTexts(mine) : listPage(mine));
    if (mine === turn) at("rows").dataset.key = key;
  } finally {
    if (mine === turn) at("list").classList.remove("busy");
  }
}

async function listPage(mine) {
  const parameters = asked();
  parameters.set("limit", PAGE);
  const { total, offset, documents } = await ask("documents", parameters);
  if (mine !== turn) return;
  at("rows").replaceChildren(...documents.map(row));
  at("found").textContent = total ? number(offset + 1) + "–" + number(offset + documents.length) + " of " + number(total) + " documents" : "No document is like that.";
  drawPages(total, offset);
  markCurrent();
}

function drawPages(total, offset) {
  const last = Math.max(1, Math.ceil(total / PAGE));
  const now = Math.floor(offset / PAGE) + 1;
  const go = (page) => change((next) => put(next, "offset", page > 1 ? (page - 1) * PAGE : ""), { stays: true });
  const button = (text, page, label) => make("button", text, { type: "button", "aria-label": label, disabled: page < 1 || page > last || page === now, onclick: () => go(page) });
  const input = make("input", null, { type: "number", min: 1, max: last, "aria-label": "Page", onchange: (event) => go(Math.min(last, Math.max(1, Math.floor(Number(event.target.value)) || 1))) });
  input.value = now;
  at("pages").replaceChildren(...(last > 1 ? [button("«", 1, "First page"), button("‹", now - 1, "Page before"), "page ", input, " of " + number(last), button("›", now + 1, "Next page"), button("»", last, "Last page")] : []));
  at("list").scrollTop = 0;
}

// A search in texts answers a little at a time; the same question goes on with it, until a page is full.
async function searchTexts(mine) {
  const parameters = asked();
  const offset = Number(parameters.get("offset") || 0);
  const go = (to) => change((now) => put(now, "offset", to > 0 ? to : ""), { stays: true });
  at("pages").replaceChildren();
  let answer = { documents: [], is_over: false };
  do {
    answer = await ask("texts", parameters);
    if (mine !== turn) return;
    at("rows").replaceChildren(...answer.documents.map(row));
    const count = answer.documents.length;
    const where = answer.done === 1 ? "all kept texts" : `the first ${Math.floor(100 * answer.done)} % of the kept texts`;
    at("found").textContent = (count ? `${number(offset + 1)}–${number(offset + count)}` : "No more documents") + ` found in ${where}`;
    at("list").classList.remove("busy");
  } while (!answer.is_over && answer.documents.length < PAGE);
  const button = (text, label, to, isThere) => make("button", text, { type: "button", "aria-label": label, disabled: !isThere, onclick: () => go(to) });
  at("pages").replaceChildren(button("‹", "Page before", offset - PAGE, offset > 0), button("›", "Next page", offset + PAGE, !answer.is_over));
  markCurrent();
}

export const side = (name) => make("span", name, { class: "side " + name });
const why = (step, reason, value) => [step, reason].filter(Boolean).join(" · ") + (value ? ": " + value : "");

function row(each) {
  const facts = [side(each.outcome), make("span", why(each.step, each.reason, each.value))];
  if (each.change) facts.push(...changed(each.change));
  facts.push(make("span", each.source));
  if (each.language) facts.push(make("span", each.language));
  if (each.page_type) facts.push(make("span", each.page_type));
  if (each.word_count !== null && each.word_count !== undefined) facts.push(make("span", number(each.word_count) + " words"));
  for (const [name, value] of Object.entries(each.more)) facts.push(make("span", name + " " + figure(value)));
  const open = () => change((now) => now.set("doc", each.key), { stays: true });
  const button = make("button", [make("span", each.url || each.id, { class: "title" }), make("span", facts, { class: "facts" })], { type: "button", title: each.id, onclick: open });
  button.dataset.id = each.key;
  return make("li", button);
}

function changed(now) {
  const then = "new_outcome" in now ? [now.new_outcome, now.new_step, now.new_reason, now.new_value] : [now.side_then, now.step_then, now.reason_then, now.value_then];
  return [make("b", ["→ ", side(then[0]), " " + why(...then.slice(1))])];
}

function markCurrent() {
  const id = state().get("doc");
  for (const button of at("rows").querySelectorAll("button")) {
    if (button.dataset.id === id) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
}

export function neighbor(step) {
  const buttons = [...at("rows").querySelectorAll("button")];
  const now = buttons.findIndex((each) => each.hasAttribute("aria-current"));
  return now < 0 ? undefined : buttons[now + step];
}

start().catch((error) => {
  at("trouble").hidden = false;
  at("trouble").textContent = error.message;
});
