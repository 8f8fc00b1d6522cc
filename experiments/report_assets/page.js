"use strict";
(function () {
  // ---- tables that sort ----
  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
      const words = head.classList.contains("words");
      const first = words ? "ascending" : "descending", other = words ? "descending" : "ascending";
      const order = head.getAttribute("aria-sort") === first ? other : first;
      heads.forEach(h => h.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      const key = row => { const k = row.cells[column].dataset.key; return k === undefined ? null : words ? k : +k; };
      [...body.rows].sort((a, b) => {
        const x = key(a), y = key(b);
        if (x === null || y === null) return (x === null) - (y === null);
        return (x < y ? -1 : x > y ? 1 : 0) * sign;
      }).forEach(row => body.append(row));
    }));
  }

  // ---- where the reader is, in the navigation ----
  const links = new Map([...document.querySelectorAll("nav a")].map(a => [a.hash.slice(1), a]));
  const seen = new IntersectionObserver(entries => {
    for (const e of entries) if (e.isIntersecting) {
      links.forEach(a => a.classList.remove("here"));
      links.get(e.target.id)?.classList.add("here");
    }
  }, {rootMargin: "-10% 0px -80% 0px"});
  document.querySelectorAll("main section").forEach(s => seen.observe(s));
})();
