// The page: views, search, choice, light and dark, keys.
const search = document.getElementById("search");
const zone = document.getElementById("zone");
const found = document.getElementById("found");
const views = [...document.querySelectorAll("main > [data-view]")];
const tabs = [...document.querySelectorAll("[role=tab]")];
let chosen = [];

function choose(name) {
  chosen = chosen.length === 1 && chosen[0] !== name ? [chosen[0], name] : [name];
  tellChosen();
}

function chooseBoth(from, to) {
  chosen = [from, to];
  tellChosen();
}

function tellChosen() {
  const [from, to] = chosen;
  if (to !== undefined && !nodes().get(from).gone && !nodes().get(to).gone) wayPanel(from, to, chooseBoth);
  else {
    mark(chosen);
    if (from === undefined) emptyPanel();
    else nodePanel(to ?? from);
  }
  panel.scrollTop = 0;
}

const words = once(() => new Map(data().nodes.map((node) => [node.name,
  [node.name, node.kind, ...zonesOf(node), ...node.interfaces.map((i) => i.segment), ...addressesOf(node)]
    .join("\n").toLowerCase()])));

function wanted(node) {
  const text = search.value.trim().toLowerCase();
  return (!text || words().get(node.name).includes(text)) && (!zone.value || zonesOf(node).includes(zone.value));
}

function filter() {
  const left = data().nodes.filter(wanted);
  const names = new Set(left.map((node) => node.name));
  dim(wanted);
  for (const row of document.querySelectorAll("#nodes tbody tr")) row.hidden = !names.has(row.dataset.row);
  const all = left.length === data().nodes.length;
  found.textContent = all ? `${left.length} nodes` : `${left.length} of ${data().nodes.length} nodes`;
  return left;
}

const showNodes = once(() => {
  const body = data().nodes.map((node) => {
    const sign = { added: "+ ", removed: "− ", changed: "~ " }[data().marks[node.name]] ?? "";
    return element("tr", { "data-row": node.name },
      element("td", {}, element("button", { type: "button", onclick: () => choose(node.name) }, `${sign}${node.name}`)),
      ...[node.kind, zonesOf(node).join(", "), addressesOf(node).join(" ")].map((text) => element("td", {}, text)));
  });
  const heads = ["node", "kind", "zone", "addresses"].map((head) => element("th", { scope: "col" }, head));
  document.getElementById("nodes").append(element("table", {},
    element("caption", {}, "Every node"), element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...body)));
  filter();
});

const showFirst = { nodes: showNodes, matrix: once(setUpMatrix) };

function setView(name) {
  showFirst[name]?.();
  for (const view of views) view.hidden = view.dataset.view !== name;
  for (const tab of tabs) {
    const on = tab.dataset.tab === name;
    tab.setAttribute("aria-selected", String(on));
    tab.tabIndex = on ? 0 : -1;
  }
}

function setUpTabs() {
  tabs.forEach((tab, index) => {
    tab.addEventListener("click", () => setView(tab.dataset.tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step === undefined) return;
      const next = tabs[(index + step + tabs.length) % tabs.length];
      setView(next.dataset.tab);
      next.focus();
    });
  });
}

function setUpTheme() {
  const button = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const told = () => button.setAttribute("aria-pressed", String(isDark()));
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    told();
  });
  system.addEventListener("change", told);
  told();
}

function setUpKeys() {
  document.addEventListener("keydown", (event) => {
    const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
    if (event.key === "Escape") {
      if (typing && event.target.value && event.target === search) {
        search.value = "";
        filter();
      } else if (chosen.length) {
        chosen = chosen.slice(0, -1);
        tellChosen();
      }
    } else if (typing || event.ctrlKey || event.altKey || event.metaKey) return;
    else if (event.key === "/") {
      event.preventDefault();
      search.focus();
    } else if (event.key === "+") zoom(1 / 1.25);
    else if (event.key === "-") zoom(1.25);
    else if (event.key === "0") fit();
  });
  search.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== "ArrowDown") return;
    const first = filter()[0];
    if (first === undefined) return;
    event.preventDefault();
    setView("map");
    show(first.name);
    cards().get(first.name).focus();
    if (event.key === "Enter") choose(first.name);
  });
}

search.addEventListener("input", filter);
zone.addEventListener("change", filter);
document.getElementById("closer").addEventListener("click", () => zoom(1 / 1.25));
document.getElementById("farther").addEventListener("click", () => zoom(1.25));
document.getElementById("fit").addEventListener("click", fit);
setUpCards(choose);
setUpPointer();
setUpSize();
setUpTabs();
setUpTheme();
setUpKeys();
document.documentElement.dataset.ready = "yes";
