(() => {
  const root = document.documentElement;
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const english = () => root.lang === "en";
  const act = {
    lang() {
      root.lang = english() ? "zh-CN" : "en";
      document.title = root.dataset[english() ? "titleEn" : "titleZh"];
    },
    theme() {
      const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      root.dataset.theme = dark ? "light" : "dark";
    },
    print() { window.print(); },
  };
  all("[data-act]").forEach((button) => { button.onclick = act[button.dataset.act]; });
  all("[data-needs-script]").forEach((element) => { element.hidden = false; });
  const asked = new URLSearchParams(location.search);
  if (asked.get("theme") === "dark" || asked.get("theme") === "light") root.dataset.theme = asked.get("theme");

  const key = (row, column) => {
    const cell = row.cells[column];
    const value = cell.dataset.v;
    return value === undefined || value === "" ? cell.textContent.trim() : Number(value);
  };
  const compare = (a, b) => typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "zh");
  all("th button[data-sort]").forEach((button) => {
    button.onclick = () => {
      const head = button.closest("th");
      const body = head.closest("table").tBodies[0];
      const falling = head.getAttribute("aria-sort") !== "descending";
      all("[aria-sort]", head.parentNode).forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", falling ? "descending" : "ascending");
      [...body.rows]
        .sort((x, y) => compare(key(x, head.cellIndex), key(y, head.cellIndex)) * (falling ? -1 : 1))
        .forEach((row) => body.append(row));
    };
  });

  const tip = document.createElement("div");
  tip.className = "page-tip";
  tip.setAttribute("role", "status");
  document.body.append(tip);
  const words = (element) => (english() && element.dataset.tipEn) || element.dataset.tip;
  const show = (element, x, y) => {
    tip.textContent = words(element);
    tip.style.opacity = 1;
    tip.style.left = `${Math.max(8, Math.min(x + 12, innerWidth - tip.offsetWidth - 8))}px`;
    tip.style.top = `${Math.max(4, y - tip.offsetHeight - 10)}px`;
  };
  const tipped = (event) => event.target.closest && event.target.closest("[data-tip]");
  document.addEventListener("pointermove", (event) => {
    const element = tipped(event);
    if (element) show(element, event.clientX, event.clientY); else tip.style.opacity = 0;
  });
  document.addEventListener("focusin", (event) => {
    const element = tipped(event);
    if (element) { const box = element.getBoundingClientRect(); show(element, box.left, box.top); } else tip.style.opacity = 0;
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") tip.style.opacity = 0; });

  const seen = new IntersectionObserver((entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
    all(".contents a").forEach((link) => {
      if (link.hash === `#${entry.target.id}`) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
    });
  }), { rootMargin: "0px 0px -70% 0px" });
  all("main section[id]").forEach((section) => seen.observe(section));
})();
