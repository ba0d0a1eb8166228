"use strict";
// Text is only ever set as text, never as markup, so that nothing pasted can run.

const LABELS = ["against", "none", "favor"];
const SIGNS = { against: "−", none: "", favor: "+" };
const NONE = 1;

const $ = (id) => document.getElementById(id);
const percent = (fraction) => `${Math.round(100 * fraction)} %`;
const signed = (value) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(2);

let reading = null;
let current = null;
let why = null; // what aborts the explanations on their way
const known = new Map(); // explanations by target and position

function make(tag, classes, ...children) {
  const element = document.createElement(tag);
  if (classes) element.className = classes;
  element.append(...children);
  return element;
}

async function ask(path, body, signal) {
  let answer;
  try {
    const headers = { "content-type": "application/json" };
    answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body), signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("the service does not answer; is `stance serve` still running?");
  }
  const found = await answer.json().catch(() => ({ error: `the service answered with status ${answer.status}` }));
  if (!answer.ok) throw new Error(found.error);
  return found;
}

function say(message, bad = false) {
  $("status").textContent = message;
  $("status").className = bad ? "bad" : "";
}

// Which targets are looked at: indices into the reading's targets.
function looked() {
  const name = document.querySelector("[name=target]:checked").value;
  return reading.targets.flatMap((target, i) => (!name || target === name ? [i] : []));
}

function sided(sentence) {
  return looked().filter((i) => sentence.labels[i] !== LABELS[NONE]);
}

function draw() {
  const article = $("article");
  article.replaceChildren();
  let paragraph = null;
  let place = -1;
  for (const sentence of reading.sentences) {
    if (sentence.paragraph !== place) {
      paragraph = make("p", "");
      paragraph.dir = "auto";
      article.append(paragraph);
      place = sentence.paragraph;
    }
    paragraph.append(drawn(sentence), " ");
  }
  hide();
  drawSummary();
  drawHolders();
}

function drawn(sentence) {
  const sides = sided(sentence);
  const labels = new Set(sides.map((i) => sentence.labels[i]));
  const label = labels.size > 1 ? "both" : ([...labels][0] ?? "");
  const element = make("span", `sentence ${label}`, sentence.text);
  element.dataset.position = sentence.position;
  element.tabIndex = sides.length ? 0 : -1;
  element.dir = "auto";
  for (const i of sides) {
    const side = sentence.labels[i];
    const badge = make("span", `badge ${side}`, make("span", "unseen", ` (${side} `), make("span", "", `${SIGNS[side]} `));
    badge.lastChild.ariaHidden = "true";
    badge.append(reading.titles[i], make("span", "unseen", ")"));
    element.append(" ", badge);
  }
  return element;
}

function hide() {
  why?.abort();
  current?.classList.remove("current");
  current = null;
  $("why").replaceChildren(make("p", "hint", "Point at a sentence, or go to it with Tab and the arrow keys."));
}

async function show(element) {
  if (element === current) return;
  why?.abort();
  why = new AbortController();
  current?.classList.remove("current");
  current = element;
  current.classList.add("current");
  const signal = why.signal;
  const sentence = reading.sentences[Number(element.dataset.position)];
  const sides = sided(sentence);
  const targets = sides.length ? sides : looked();
  const parts = [];
  if (sides.length && sentence.holders.length) {
    const names = sentence.holders.map((holder) => holder.name).join(", ");
    parts.push(make("p", "holder", make("b", "", "Who: "), make("bdi", "", names)));
  }
  const blocks = targets.map((i) => {
    const label = sentence.labels[i];
    const probability = sentence.proba[i][LABELS.indexOf(label)];
    const sign = SIGNS[label] ? `${SIGNS[label]} ` : "";
    const heading = make("h3", "", make("b", "sign", sign), `${label}: ${reading.titles[i]}, ${percent(probability)}`);
    heading.firstChild.classList.add(label === "none" ? "plain" : label, "bare");
    const bar = make("div", "proba", ...LABELS.map((name) => make("span", name)));
    bar.ariaHidden = "true";
    sentence.proba[i].forEach((fraction, k) => { bar.children[k].style.flexGrow = fraction; });
    const numbers = LABELS.map((name, k) => `${SIGNS[name]} ${name} ${percent(sentence.proba[i][k])}`.trim()).join(" · ");
    return make("div", "", heading, bar, make("p", "numbers", numbers));
  });
  $("why").replaceChildren(...parts, ...blocks);
  $("why").scrollTop = 0;
  // Who only passes over a sentence asks for nothing.
  await new Promise((resolve) => setTimeout(resolve, 60));
  for (const [k, i] of targets.entries()) {
    if (signal.aborted) return;
    try {
      const reasons = await explained(sentence, reading.targets[i], signal);
      if (!signal.aborted) blocks[k].append(...drawReasons(reasons));
    } catch (error) {
      if (signal.aborted) return;
      blocks[k].append(make("p", "hint", `No reasons: ${error.message}`));
    }
  }
}

async function explained(sentence, target, signal) {
  const key = `${target} ${sentence.position}`;
  if (!known.has(key)) known.set(key, await ask("explain", { text: sentence.text, target }, signal));
  return known.get(key);
}

function drawReasons(reasons) {
  const text = make("p", "text");
  text.dir = "auto";
  for (const { piece, label, strength } of reasons.marks) {
    if (!label || label === "none") {
      text.append(piece);
      continue;
    }
    const word = make("span", `word ${label}`, piece, make("b", "sign", SIGNS[label]));
    word.style.setProperty("--strength", `${Math.round(10 + 50 * strength)}%`);
    text.append(word);
  }
  const lists = ["against", "favor"].flatMap((label) => {
    const found = reasons.strongest[label];
    if (!found.length) return [];
    const rows = found.map(({ ngram, push }) => make("li", "", make("code", "", ngram.replace(/^ | $/g, "␣")), signed(push)));
    const title = make("p", "numbers", make("b", `sign ${label} bare`, SIGNS[label]), ` toward ${label}`);
    return [title, make("ul", "ngrams", ...rows)];
  });
  return [text, ...lists];
}

function table(element, header, rows) {
  const head = make("thead", "", make("tr", "", ...header.map((name) => make("th", "", name))));
  const body = make("tbody", "", ...rows.map((cells) => make("tr", "", ...cells.map((cell) => {
    const td = make("td", "", cell);
    td.dir = "auto";
    return td;
  }))));
  element.replaceChildren(head, body);
}

function mean({ stance, low, high }) {
  if (stance === null) return "no side taken";
  return low === null ? `${signed(stance)} (too few for an interval)` : `${signed(stance)} [${signed(low)}, ${signed(high)}]`;
}

function counts(of) {
  const found = make("span", "counts");
  for (const k of [0, 2]) found.append(make("b", `sign ${LABELS[k]} bare`, SIGNS[LABELS[k]]), ` ${of[k]} `);
  return found;
}

function drawSummary() {
  const rows = looked().map((i) => reading.summaries[i]).map((summary) => [
    summary.title, counts(summary.counts), percent(summary.share), mean(summary),
  ]);
  table($("summary"), ["target", "sentences − / +", "take a side", "mean stance, −1 to +1 [95 %]"], rows);
}

function drawHolders() {
  const names = looked().map((i) => reading.targets[i]);
  const rows = reading.positions.filter((position) => names.includes(position.target)).map((position) => [
    position.holder, reading.titles[reading.targets.indexOf(position.target)], counts(position.counts), mean(position),
  ]);
  table($("holders"), ["who", "target", "sentences − / +", "mean stance"], rows);
  $("holders").closest("section").hidden = !rows.length;
}

$("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = $("text").value;
  const longest = Number($("text").dataset.longest);
  if ([...text].length > longest) {
    say(`The article has ${[...text].length.toLocaleString("en")} characters; wanted at most ${longest.toLocaleString("en")}.`, true);
    return;
  }
  const button = event.target.querySelector("button");
  button.disabled = true;
  say("Reading …");
  try {
    reading = await ask("read", { text });
    known.clear();
    draw();
    $("result").hidden = false;
    const marked = reading.sentences.filter((sentence) => sided(sentence).length).length;
    say(`${reading.sentences.length} sentences, ${marked} take a side.`);
  } catch (error) {
    say(`Not read: ${error.message}`, true);
  } finally {
    button.disabled = false;
  }
});

$("targets").addEventListener("change", draw);

for (const kind of ["mouseover", "focusin", "click"]) {
  $("article").addEventListener(kind, (event) => {
    const element = event.target.closest(".sentence");
    if (element) show(element);
  });
}

$("article").addEventListener("keydown", (event) => {
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  const all = [...$("article").querySelectorAll(".sentence")];
  if (event.key === "Escape") hide();
  const next = event.key in steps && all[all.indexOf(document.activeElement) + steps[event.key]];
  if (!next) return;
  event.preventDefault();
  next.focus();
});
