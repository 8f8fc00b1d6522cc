"use strict";
(function () {
  // Everything from the data is set as text, never as markup.
  const OUTCOME = {r: "right", w: "wrong", d: "declined", f: "failed", u: "not marked", "-": "no answer"};
  const FIRST = 12, PAGE = 60;
  const $ = id => document.getElementById(id);

  function el(tag, props, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(props || {})) {
      if (name === "class") node.className = value;
      else if (name === "on") node.addEventListener("click", value);
      else if (value !== null && value !== undefined) node.setAttribute(name, value);
    }
    for (const child of children.flat()) if (child !== null && child !== undefined && child !== "") node.append(child);
    return node;
  }
  const count = n => n === null || n === undefined ? "–" : n.toLocaleString("en").replaceAll(",", "\u00a0");

  // ---- the questions: an index, and blocks that are parsed when one of theirs is opened ----
  let index = null, matches = [], shown = 0, scroll = 0;
  const blocks = new Map(), place = new Map(), arm = new Map();
  const choice = {search: "", kind: -1, reader: 0, pairs: [], chip: null};

  function item(i) {
    const b = Math.floor(i / index.size);
    if (!blocks.has(b)) blocks.set(b, JSON.parse($("block-" + b).textContent));
    const block = blocks.get(b);
    return [block.items[i % index.size], block.pool];
  }
  function load() {
    if (index) return;
    index = JSON.parse($("index").textContent);
    index.rows.forEach((row, i) => { place.set(row[0], i); row.push((row[0] + " " + row[1]).toLowerCase()); });
    index.columns.forEach(([reader, route], c) => arm.set(reader + "/" + route, c));
    build();
    filter();
  }
  const column = (reader, route) => arm.get(reader + "/" + route);
  const outcome = (row, route) => { const c = column(choice.reader, route); return c === undefined ? "-" : row[3][c]; };

  function select(node, options, value, act) {
    node.replaceChildren(...options.map(([v, words]) => el("option", {value: v}, words)));
    node.value = value;
    node.addEventListener("change", act);
    return node;
  }
  function build() {
    const names = index.routes, runs = index.candidates.map(r => names.indexOf(r));
    const base = names.indexOf(index.baseline);
    document.querySelector(".browser").hidden = false;
    $("search").addEventListener("input", e => { choice.search = e.target.value.toLowerCase(); filter(); });
    select($("kind"), [[-1, "all"], ...index.kinds.map((k, i) => [i, k || "(none)"])], -1, e => { choice.kind = +e.target.value; filter(); });
    $("kind").parentNode.hidden = index.kinds.length < 2;
    select($("reader"), index.readers.map((r, i) => [i, r]), 0, e => { choice.reader = +e.target.value; filter(); });
    $("reader-box").hidden = index.readers.length < 2;
    const starts = [base >= 0 ? base : 0, runs.find(r => r !== base) ?? base];
    starts.slice(0, names.length).forEach((start, k) => {
      const pair = {route: Math.max(start, 0), outcome: ""};
      choice.pairs.push(pair);
      const route = select(el("select", {"aria-label": "route " + (k + 1)}), names.map((n, i) => [i, n]), pair.route,
        e => { pair.route = +e.target.value; choice.chip = null; filter(); });
      const result = select(el("select", {"aria-label": "outcome of route " + (k + 1)}),
        [["", "any outcome"], ["r", "right"], ["!", "not right"], ["w", "wrong"], ["d", "declined"], ["f", "failed"]], "",
        e => { pair.outcome = e.target.value; choice.chip = null; filter(); });
      $("patterns").append(el("span", {class: "pair"}, k ? "and" : "", route, "is", result));
    });
    const chips = [];
    for (const r of runs.filter(r => r !== base && base >= 0).slice(0, 6)) {
      chips.push([names[base] + " right, " + names[r] + " not", row => outcome(row, base) === "r" && outcome(row, r) !== "r"]);
      chips.push([names[r] + " right, " + names[base] + " not", row => outcome(row, r) === "r" && outcome(row, base) !== "r"]);
    }
    chips.push(["no route right", row => runs.every(r => outcome(row, r) !== "r")]);
    chips.push(["every route right", row => runs.every(r => outcome(row, r) === "r")]);
    chips.push(["a call failed", row => runs.some(r => outcome(row, r) === "f")]);
    choice.chips = chips.map(([words, test]) => {
      const node = el("button", {type: "button", class: "chip", "aria-pressed": "false", on: () => {
        choice.chip = choice.chip === test ? null : test;
        filter();
      }});
      $("chips").append(node);
      return {words, test, node};
    });
    $("more").addEventListener("click", () => extend());
  }
  function filter() {
    const rows = index.rows, keep = [], base = [];
    rows.forEach((row, i) => {
      if (choice.kind >= 0 && row[2] !== choice.kind) return;
      if (choice.search && !choice.search.split(/\s+/).every(w => row[4].includes(w))) return;
      for (const p of choice.pairs) {
        const o = outcome(row, p.route);
        if (p.outcome && (p.outcome === "!" ? o === "r" : o !== p.outcome)) return;
      }
      base.push(row);
      if (!choice.chip || choice.chip(row)) keep.push(i);
    });
    for (const chip of choice.chips) {
      const n = base.filter(chip.test).length;
      chip.node.textContent = chip.words + " (" + count(n) + ")";
      chip.node.setAttribute("aria-pressed", choice.chip === chip.test);
      chip.node.hidden = n === 0 && choice.chip !== chip.test;
    }
    matches = keep;
    $("count").textContent = count(keep.length) + " of " + count(rows.length) + " questions. Squares, from the left: "
      + index.routes.join(", ") + ".";
    shown = 0;
    $("list").replaceChildren();
    extend();
  }
  function square(code, name) {
    const letter = {r: "R", w: "W", d: "D", f: "F", u: "·", "-": "·"}[code];
    return el("span", {class: "sq o-" + (code === "-" ? "x" : code), title: name + ": " + OUTCOME[code]}, letter);
  }
  function extend() {
    const next = matches.slice(shown, shown ? shown + PAGE : FIRST);
    $("list").append(...next.map(i => {
      const row = index.rows[i];
      return el("li", {}, el("a", {href: "#q=" + encodeURIComponent(row[0])},
        el("span", {}, row[1] + " ", el("small", {}, index.kinds[row[2]])),
        el("span", {class: "squares"}, index.routes.map((name, r) => square(outcome(row, r), name)))));
    }));
    shown += next.length;
    $("more").hidden = shown >= matches.length;
  }

  // ---- one question ----
  function pieces(list, pool) {
    const out = [];
    for (let k = 0; k < list.length; k += 2) {
      const words = pool[list[k]];
      if (list[k + 1] === 1) out.push(el("mark", {}, words));
      else if (list[k + 1] === 2) out.push(el("i", {}, " [… " + count(+words) + " characters …] "));
      else if (list[k + 1] === 3) out.push(el("del", {}, words));
      else if (list[k + 1] === 4) out.push(el("del", {}, el("mark", {}, words)));
      else if (list[k + 1] === 5) out.push(el("i", {}, " " + words + " "));
      else out.push(words);
    }
    return out;
  }
  function stretch([name, start, end, list], pool) {
    const where = pool[name] + ", characters " + count(start) + " to " + count(end);
    return el("div", {class: "span"}, el("b", {}, where + (list.length ? "" : " (text not shown)")), pieces(list, pool));
  }
  function hide(summary, open, ...content) {
    const node = el("details", {}, el("summary", {}, summary), ...content);
    node.open = open;
    return node;
  }
  function cell(data, pool, code, route, most) {
    const role = route === index.baseline ? "baseline" : index.candidates.includes(route) ? "route" : "control";
    const badge = el("span", {class: "badge o-" + (code === "-" ? "x" : code)}, OUTCOME[code]);
    const card = el("div", {class: "card " + role}, el("header", {}, el("h3", {}, route), badge));
    if (!data) { card.append(el("p", {class: "answer none"}, "This route was not taken here.")); return card; }
    const [answer, whole, prompt, completion, calls, seconds, finish, error, cut,
      evidence = [], further = 0, cites = [], prompts = [], struck = []] = data;
    if (answer) card.append(el("p", {class: "answer"}, answer + (whole ? " […]" : "")));
    else card.append(el("p", {class: "answer none"}, code === "f" ? "No answer came back." : "Empty answer."));
    if (whole) card.append(el("p", {class: "figures"}, "cut here; the whole answer has " + count(whole) + " characters"));
    if (error) card.append(el("p", {class: "alert"}, error));
    if (cut) card.append(el("p", {class: "alert"}, "The context was cut: " + count(cut[0]) + " of " + count(cut[1]) + " tokens were kept"
      + (cut[2] === false ? ", and gold evidence was lost." : cut[2] === true ? "; the gold evidence was kept." : ".")));
    if (prompt) {
      const full = el("i");
      full.style.width = (100 * prompt / most).toFixed(2) + "%";
      card.append(el("div", {class: "size", "aria-hidden": "true"}, full));
    }
    const facts = [prompt ? count(prompt) + " prompt tokens" : "", completion ? count(completion) + " answered" : "",
      calls > 1 ? calls + " calls" : "", seconds ? seconds + " s from cold" : "", finish && finish !== "stop" ? "ended: " + finish : ""];
    if (facts.some(Boolean)) card.append(el("p", {class: "figures"}, facts.filter(Boolean).join(" · ")));
    if (cites.length) card.append(hide("Answered from", false, cites.map(s => stretch(s, pool))));
    if (evidence.length) {
      const gold = evidence.some(s => s[3].some((kind, k) => k % 2 && kind === 1));
      const n = evidence.length + further;
      card.append(hide("Evidence in the prompt: " + n + (n === 1 ? " passage" : " passages") + (gold ? ", gold marked" : ""), false,
        evidence.map(s => stretch(s, pool)), further ? el("p", {class: "figures"}, "and " + further + " more") : ""));
    }
    if (struck.length) card.append(hide("What stayed of the context, and what was removed", false,
      el("div", {class: "struck"}, el("p", {class: "figures"}, struck[0]),
        struck.slice(1).map(([heading, list]) => el("div", {class: "span"}, el("b", {}, heading), pieces(list, pool))))));
    if (prompts.length) card.append(hide(prompts.length === 1 ? "The prompt" : "The " + prompts.length + " prompts", false,
      prompts.map(([label, tokens, head, left, tail]) => el("div", {class: "span"},
        el("b", {}, [label, tokens === null ? "" : count(tokens) + " tokens"].filter(Boolean).join(" · ")), head,
        left ? el("i", {}, "\n[… " + count(left) + " characters …]\n") : "", tail))));
    return card;
  }
  function open(id) {
    load();
    const i = place.get(id), view = $("view");
    if (i === undefined) { location.hash = "#questions"; return; }
    const row = index.rows[i], [[text, golds, answerable, gold, facts, cells], pool] = item(i);
    const at = matches.indexOf(i), go = k => { location.hash = "#q=" + encodeURIComponent(index.rows[matches[k]][0]); };
    const step = (words, k) => { const b = el("button", {type: "button", class: "plain", on: () => go(k)}, words); b.disabled = !(k >= 0 && k < matches.length) || at < 0; return b; };
    const before = step("← Previous", at - 1), after = step("Next →", at + 1);
    before.id = "before"; after.id = "after";
    const most = Math.max(1, ...cells.map(c => c && c[2] || 0));
    const tags = [row[0], index.kinds[row[2]], ...facts.map(([k, v]) => k + ": " + v)].filter(Boolean);
    const right = golds.length ? el("ul", {}, golds.map(g => el("li", {}, g)))
      : el("p", {}, answerable === false ? "The documents do not tell: the right answer is to decline." : "No gold answer is known.");
    const body = [
      el("div", {class: "topbar"}, el("a", {href: "#questions"}, "← Back to the report"), el("span", {class: "space"}),
        el("button", {type: "button", class: "plain", on: () => {
          const all = [...view.querySelectorAll("details")], shut = all.some(d => !d.open);
          all.forEach(d => { d.open = shut; });
        }}, "All evidence and prompts"),
        el("small", {class: "keys count"}, at >= 0 ? (at + 1) + " of " + count(matches.length) + " in the list " : "", el("kbd", {}, "←"), " ", el("kbd", {}, "→")), before, after),
      el("h1", {tabindex: "-1"}, text || row[0]),
      el("div", {class: "tags"}, tags.map(t => el("span", {}, t))),
      el("div", {class: "golds"},
        el("div", {}, el("h3", {}, golds.length > 1 ? "Gold answers, any of which will do" : "Gold answer"), right),
        gold.length ? el("div", {}, el("h3", {}, "Gold evidence"), gold.map(s => stretch(s, pool))) : ""),
    ];
    const several = index.readers.length > 1;
    index.readers.forEach((reader, r) => {
      const mine = index.columns.map(([rd, rt], c) => [rd, rt, c]).filter(c => c[0] === r);
      if (several) body.push(el("h2", {}, reader));
      else body.push(el("h2", {}, "Every route's answer"));
      const cards = el("div", {class: "cards" + (mine.length <= 3 ? " few" : "")},
        mine.map(([, route, c]) => cell(cells[c], pool, row[3][c], index.routes[route], most)));
      cards.style.setProperty("--n", mine.length);
      body.push(cards);
    });
    view.replaceChildren(...body);
    if (view.hidden) scroll = window.scrollY;
    $("report").hidden = true;
    view.hidden = false;
    window.scrollTo({top: 0, behavior: "instant"});
    view.querySelector("h1").focus({preventScroll: true});
  }
  function route() {
    const hash = location.hash;
    if (hash.startsWith("#q=")) {
      let id = "";
      try { id = decodeURIComponent(hash.slice(3)); } catch { /* a mangled link names no question */ }
      open(id);
      return;
    }
    if (!$("view").hidden) {
      $("view").hidden = true;
      $("report").hidden = false;
      window.scrollTo({top: scroll, behavior: "instant"});
    }
  }
  document.addEventListener("keydown", e => {
    if ($("view").hidden || e.altKey || e.ctrlKey || e.metaKey || /INPUT|SELECT|TEXTAREA/.test(e.target.tagName)) return;
    if (e.key === "ArrowLeft") $("before")?.click();
    if (e.key === "ArrowRight") $("after")?.click();
    if (e.key === "Escape") location.hash = "#questions";
  });
  window.addEventListener("hashchange", route);
  new IntersectionObserver((entries, me) => {
    if (entries.some(e => e.isIntersecting)) { load(); me.disconnect(); }
  }, {rootMargin: "800px"}).observe($("questions"));
  route();
})();
