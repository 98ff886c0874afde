// One document: its text with what was taken out of it, and beside it why it is where it is.
"use strict";
import { ask, at, change, figure, make, neighbor, number, side, state } from "./script.js";

const KINDS = {
  removed: "taken out by a step", cut: "cut: another document has it", added: "written by a step",
  personal: "personal data, masked by the run", masked: "personal data, masked only here",
};
let shownKey = "";
let reveal = false;
let isBlocks = false;

const parameters = (now) => {
  const asked = new URLSearchParams({ id: now.get("doc") });
  if (now.get("of")) asked.set("of", now.get("of"));
  return asked;
};

export async function showDocument(now) {
  const place = at("document");
  const id = now.get("doc");
  document.querySelector("main").classList.toggle("open", id !== null);
  place.hidden = id === null;
  if (id === null) {
    shownKey = "";
    return;
  }
  const key = parameters(now).toString();
  if (key === shownKey) return;
  shownKey = key;
  reveal = isBlocks = false;
  place.setAttribute("aria-busy", "true");
  const told = await ask("document", key);
  if (shownKey !== key) return;
  draw(told, key);
}

function draw(told, key) {
  const place = at("document");
  const story = told.story;
  const text = make("div", null, { class: "words" });
  const isWide = !matchMedia("(max-width: 60rem)").matches;
  const why = make("details", [make("summary", "Why, step by step"), facts(story), checks(story), signals(told)], { class: "why", open: isWide });
  const beside = make("div", [text, why], { class: "beside" });
  place.replaceChildren(top(story), make("p", verdict(story), { class: "verdict" }), beside);
  place.removeAttribute("aria-busy");
  place.scrollTop = 0;
  if (!isWide) scrollTo(0, 0);
  drawText(text, told, key);
}

function top(story) {
  const close = () => change((now) => now.delete("doc"), { stays: true });
  const step = (by) => () => neighbor(by)?.click();
  return make("div", [
    make("h2", story.url || story.id),
    make("nav", [
      make("button", "‹", { type: "button", "aria-label": "Document before", onclick: step(-1) }),
      make("button", "›", { type: "button", "aria-label": "Next document", onclick: step(1) }),
      make("button", "×", { type: "button", "aria-label": "Close", id: "close", onclick: close }),
    ]),
  ], { class: "top" });
}

function verdict(story) {
  if (story.outcome === "kept") return [side("kept")];
  return [side(story.outcome), ` by ${story.step}, ${story.reason}` + (story.value ? `: ${story.value}` : "")];
}

const link = (id) => make("button", id, { type: "button", onclick: () => change((now) => now.set("doc", id), { stays: true }) });
const size = (bytes) => number(bytes) + " bytes";

function facts(story) {
  const rows = [["id", story.id], ["read by", story.reader]];
  if (story.bytes !== null) rows.push(["text", size(story.bytes) + (story.losses ? ` (${story.losses})` : "")]);
  if (story.extractor) rows.push(["extractor", story.extractor]);
  for (const version of story.versions.filter((each) => each.extractor !== story.extractor))
    rows.push(["other text", `${version.extractor}: ${version.outcome}` + (version.step ? ` by ${version.step}, ${version.reason}` : "")]);
  if (story.duplicate_of)
    rows.push(["repeats", [story.is_earlier ? story.duplicate_of : link(story.duplicate_of), " " + likeness(story)]]);
  if (story.copies) rows.push(["stands for", number(story.copies) + " copies that were dropped"]);
  for (const cut of story.cuts.slice(0, 8))
    rows.push(["cut", [`${size(cut.bytes)} in ${number(cut.parts)} part${cut.parts > 1 ? "s" : ""} (${cut.method})`, ...(cut.held_by ? [", which ", link(cut.held_by), " keeps"] : [])]]);
  if (story.cuts.length > 8) rows.push(["", `and more, kept by ${number(story.cuts.length - 8)} other documents`]);
  for (const [entity, count] of Object.entries(story.findings)) rows.push(["scrubbed", `${number(count)} × ${entity}`]);
  for (const item of story.items.slice(0, 8)) rows.push(["holds", item]);
  for (const [part, count] of Object.entries(story.tokens || {})) rows.push(["tokens", `${number(count)} in ${part}`]);
  if (!story.tokens && story.outcome === "kept") rows.push(["tokens", "none: the mixture's draw left this document out"]);
  return make("dl", rows.map(([name, value]) => [make("dt", name), make("dd", value)]));
}

function likeness(story) {
  const told = story.similarity !== null ? ["similarity " + story.similarity.toFixed(2)] : [story.likeness || "through another copy"];
  if (story.containment !== null) told.push(Math.round(100 * story.containment) + " % of it contained");
  if (story.novel_words) told.push(number(story.novel_words) + " words of its own");
  if (story.is_earlier) told.push("in an index of earlier documents");
  return `(${told.join(", ")})`;
}

function checks(story) {
  if (!story.checks.length) return null;
  const steps = new Map();
  for (const check of story.checks) steps.set(check.step, [...(steps.get(check.step) || []), check]);
  const drawn = [...steps].map(([step, some]) => {
    const results = new Set(some.map((each) => each.result));
    const told = ["quarantined", "dropped", "would drop"].find((each) => results.has(each)) || (results.has("not measured") && !results.has("kept") ? "not measured" : [...results][0]);
    const isDecider = results.has("dropped") || results.has("quarantined");
    return make("details", [make("summary", [step + " ", make("small", told, { class: "side " + told.split(" ")[0] })]), make("table", some.map(check))], { open: isDecider });
  });
  return [make("h3", "What each step saw: value, threshold, result"), make("div", drawn, { class: "checks" })];
}

function check(each) {
  const kind = { dropped: "decided", quarantined: "quarantined", "not measured": "would" }[each.result] || "";
  return make("tr", [make("td", each.rule), make("td", printed(each.value), { class: "n" }), make("td", printed(each.threshold), { class: "n" }), make("td", each.result)], { class: kind, title: each.signal });
}

function printed(value) {
  if (Array.isArray(value)) return value.map(printed).join(", ");
  if (value !== null && typeof value === "object") return Object.values(value).map(printed).join(" ");
  return figure(value);
}

function signals(told) {
  const rows = Object.entries(told.signals).filter(([, value]) => value !== null);
  const table = make("table", rows.map(([name, value]) => make("tr", [make("td", name), make("td", figure(value), { class: "n" })])));
  return rows.length ? make("details", [make("summary", "All signals"), table]) : null;
}

function drawText(place, told, key) {
  const { parts, note } = told.text;
  const kinds = Object.keys(KINDS).filter((kind) => parts.some((part) => part.kind === kind));
  const hasPersonal = kinds.includes("personal") || kinds.includes("masked") || reveal;
  const press = (text, isOn, act) => make("button", text, { type: "button", "aria-pressed": String(isOn), onclick: act });
  const tabs = [];
  if (told.has_blocks) {
    tabs.push(press("Text", !isBlocks, () => { isBlocks = false; drawText(place, told, key); }));
    tabs.push(press("Blocks of the page", isBlocks, () => { isBlocks = true; drawText(place, told, key); }));
  }
  if (!isBlocks && hasPersonal) tabs.push(press(reveal ? "Mask personal data" : "Show personal data", reveal, () => unmask(place, key)));
  const legend = make("div", kinds.map((kind) => make("mark", KINDS[kind], { class: kind })), { class: "legend" });
  place.replaceChildren(make("div", tabs, { class: "tabs" }));
  if (isBlocks) return drawBlocks(place, key);
  if (note) place.append(make("p", note, { class: "note" }));
  if (kinds.length) place.append(legend);
  if (parts.length) place.append(make("pre", parts.map(part), { class: "text" }));
}

function part(each) {
  return each.kind === "stays" ? each.text : make("mark", each.text, { class: each.kind, title: each.by || KINDS[each.kind] });
}

async function unmask(place, key) {
  reveal = !reveal;
  const told = await ask("document", key + (reveal ? "&reveal=1" : ""));
  if (key === shownKey) drawText(place, told, key);
}

async function drawBlocks(place, key) {
  place.append(make("p", "Each block of the page with its score; what is struck out was taken for boilerplate.", { class: "note" }));
  const { blocks } = await ask("blocks", key).catch((error) => ({ blocks: [], error }));
  if (!isBlocks || key !== shownKey) return;
  place.append(...blocks.map((each) =>
    make("div", [make("small", `${each.score.toFixed(2)} ${each.element}`), make("span", each.text)], { class: each.is_kept ? "block" : "block gone" })));
}
