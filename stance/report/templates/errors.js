(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("error-data").textContent);
  const form = document.getElementById("error-filter");
  const list = document.getElementById("error-list");
  const count = document.getElementById("error-count");
  const more = document.getElementById("error-more");
  const PAGE = 25;
  const CONTEXT = [-2, -1, 0, 1, 2]; // the sentences shown around an error, from it
  let matching = [], shown = 0;

  function element(name, content, className) {
    const node = document.createElement(name);
    node.append(...[content].flat());
    if (className) node.className = className;
    return node;
  }
  const why = ([, , label, , push]) => `${push.toFixed(2)} toward ${data.labels[label]}`;
  const named = (label) => element("strong", `${data.labels[label]} ${data.signs[label]}`, data.labels[label]);

  // Offsets count code points, as Python does, and not UTF-16 units.
  function marked(text, marks) {
    const letters = Array.from(text), nodes = [];
    let done = 0;
    for (const mark of marks) {
      const [start, end, label, step] = mark;
      nodes.push(letters.slice(done, start).join(""));
      const word = element("mark", [letters.slice(start, end).join(""), element("sup", data.signs[label])], `${data.labels[label]} s${step}`);
      word.dataset.why = why(mark);
      nodes.push(word);
      done = end;
    }
    nodes.push(letters.slice(done).join(""));
    const node = element("p", nodes, "marked");
    node.dir = "auto";
    return node;
  }

  function words(text, marks) {
    const letters = Array.from(text);
    return [...marks].sort((a, b) => b[4] - a[4])
      .map((mark) => `${letters.slice(mark[0], mark[1]).join("").trim()} ${why(mark)}`).join("; ");
  }

  function detail(error) {
    const [sentence, , , , chances, marks] = error;
    const [, text, article] = data.sentences[sentence];
    const around = CONTEXT.map((step) => sentence + step).filter((i) => data.sentences[i]?.[2] === article);
    const rows = around.map((i) => {
      const row = element("li", i === sentence ? element("strong", data.sentences[i][1]) : data.sentences[i][1]);
      if (i === sentence) row.setAttribute("aria-current", "true");
      row.dir = "auto";
      return row;
    });
    const spread = data.labels.map((label, i) => `${label} ${chances[i].toFixed(2)}`).join(", ");
    return [
      element("p", `Probabilities: ${spread}.`),
      element("p", `Words that pushed: ${words(text, marks) || "none the model knows"}.`),
      element("p", around.length > 1 ? `From ${article}:` : `Nothing else of ${article} is in the data:`),
      element("ul", rows),
    ];
  }

  function card(error) {
    const [sentence, target, gold, predicted, chances, marks] = error;
    const [id, text] = data.sentences[sentence];
    const details = element("details", element("summary", `Words, probabilities and context of ${id}`));
    details.addEventListener("toggle", () => {
      if (details.open && details.children.length === 1) details.append(...detail(error));
    });
    return element("li", [
      element("p", [element("b", data.targets[target]), ": gold ", named(gold), ", predicted ", named(predicted),
        ` with ${chances[predicted].toFixed(2)}`], "head"),
      marked(text, marks),
      details,
    ]);
  }

  function show() {
    list.append(...matching.slice(shown, shown + PAGE).map(card));
    shown = Math.min(shown + PAGE, matching.length);
    count.textContent = `${matching.length} of ${data.errors.length} errors, ${shown} shown`;
    more.hidden = shown === matching.length;
  }

  function filter() {
    const [target, gold, predicted] = ["target", "gold", "predicted"].map((name) => form.elements[name].value);
    const query = form.elements.words.value.toLowerCase();
    matching = data.errors.filter(([sentence, t, g, p]) =>
      (target === "" || t === Number(target)) && (gold === "" || g === Number(gold)) &&
      (predicted === "" || p === Number(predicted)) &&
      (query === "" || data.sentences[sentence].join("\n").toLowerCase().includes(query)));
    list.replaceChildren();
    shown = 0;
    show();
  }

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", filter);
  more.addEventListener("click", () => {
    const first = shown;
    show();
    list.children[first].querySelector("summary").focus();
  });
  filter();
})();
