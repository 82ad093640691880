// The map: choosing nodes, looking closer, moving about by pointer and by keys.
const picture = document.querySelector("#map svg");
const cards = once(() => new Map([...picture.querySelectorAll("[data-node]")].map((card) => [card.dataset.node, card])));
const whole = picture.viewBox.baseVal;
const full = { x: whole.x, y: whole.y, width: whole.width, height: whole.height };
let dragged = false;

const centres = once(() => {
  const found = new Map();
  for (const [name, card] of cards()) {
    const [x, y, width, height] = boxOf(card);
    found.set(name, { x: x + width / 2, y: y + height / 2 });
  }
  return found;
});

function boxOf(card) {
  const box = card.querySelector("rect");
  return ["x", "y", "width", "height"].map((side) => Number(box.getAttribute(side)));
}

/** One listener for all cards, which come from the file with their labels. */
function setUpCards(choose) {
  // Not on the picture: what listens to its focus becomes a stop of the Tab key.
  const map = document.getElementById("map");
  const on = (type, does) => map.addEventListener(type, (event) => {
    const card = event.target.closest("[data-node]");
    if (card !== null) does(card.dataset.node, event, card);
  }, true);
  on("click", (name) => {
    if (!dragged) choose(name);
  });
  on("focus", rove);
  on("keydown", (name, event) => cardKey(event, name, choose));
  // What a card is called, beside the pointer too.
  on("pointerover", (name, event, card) => {
    if (card.querySelector("title") === null) {
      const title = document.createElementNS(picture.namespaceURI, "title");
      title.textContent = card.getAttribute("aria-label");
      card.prepend(title);
    }
  });
}

/** One card at a time is a stop of the Tab key; arrows go to the others. */
function rove(name) {
  for (const card of picture.querySelectorAll('[data-node][tabindex="0"]')) card.setAttribute("tabindex", "-1");
  cards().get(name).setAttribute("tabindex", "0");
}

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function cardKey(event, name, choose) {
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    choose(name);
  } else if (event.key in STEPS) {
    event.preventDefault();
    const next = nearest(name, STEPS[event.key]);
    if (next !== undefined) {
      cards().get(next).focus();
      show(next);
    }
  }
}

/** The card that lies next in a direction: far to the side counts double. */
function nearest(name, [dx, dy]) {
  const from = centres().get(name);
  let best;
  let least = Infinity;
  for (const [other, at] of centres()) {
    const ahead = (at.x - from.x) * dx + (at.y - from.y) * dy;
    const aside = Math.abs((at.x - from.x) * dy) + Math.abs((at.y - from.y) * dx);
    if (other === name || ahead < 1 || cards().get(other).classList.contains("out")) continue;
    const far = ahead + 2 * aside;
    if (far < least) [best, least] = [other, far];
  }
  return best;
}

function look(x, y, width, height) {
  picture.setAttribute("viewBox", `${x} ${y} ${width} ${height}`);
  setFar(picture.clientWidth / width, picture.clientHeight / height);
}

/** From afar only large letters can be read. */
function setFar(scaleX, scaleY) {
  const far = Math.min(scaleX, scaleY) < 0.55;
  if (far === picture.classList.contains("far")) return;
  if (!far) drawNear();
  picture.classList.toggle("far", far);
  // As the file has it where it begins from afar: moved, not transformed, which costs each time.
  for (const [names, dx, dy] of [[".zone-name", 2, 13], [".dense .card .name", -13, 10]]) {
    for (const text of picture.querySelectorAll(names)) {
      text.setAttribute("x", Number(text.getAttribute("x")) + (far ? dx : -dx));
      text.setAttribute("y", Number(text.getAttribute("y")) + (far ? dy : -dy));
    }
  }
}

/** What dense cards have besides their names. A file that begins from afar comes without it. */
const drawNear = once(() => {
  const icons = document.getElementById("icons");
  if (icons === null) return;
  for (const [name, [address, mark]] of Object.entries(data().near)) {
    const card = cards().get(name);
    const [x, y] = boxOf(card);
    const icon = icons.content.querySelector(`[data-kind="${nodes().get(name).kind}"]`).cloneNode(true);
    icon.setAttribute("transform", `translate(${x + 4},${y + 3}) scale(0.62)`);
    const text = document.createElementNS(picture.namespaceURI, "text");
    text.setAttribute("class", `address ${mark}`);
    text.setAttribute("x", x + 6);
    text.setAttribute("y", y + 26);
    text.textContent = address;
    card.querySelector("rect").after(icon);
    card.querySelector(".name").after(text);
  }
});

function fit() {
  look(full.x, full.y, full.width, full.height);
}

function zoom(factor, atX, atY) {
  const { x, y, width, height } = picture.viewBox.baseVal;
  const next = Math.min(full.width * 1.5, Math.max(200, width * factor));
  const scale = next / width;
  const [cx, cy] = [atX ?? x + width / 2, atY ?? y + height / 2];
  look(cx - (cx - x) * scale, cy - (cy - y) * scale, next, height * scale);
}

/** Brings a card into view when it is not, large enough to read. */
function show(name) {
  const at = centres().get(name);
  let { x, y, width, height } = picture.viewBox.baseVal;
  const scale = picture.clientWidth / width;
  if (scale < 0.5) {
    height *= scale / 0.8;
    width *= scale / 0.8;
  } else if (at.x > x && at.x < x + width && at.y > y && at.y < y + height) return;
  look(at.x - width / 2, at.y - height / 2, width, height);
}

function pointAt(event) {
  const matrix = picture.getScreenCTM().inverse();
  return new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix);
}

function setUpPointer() {
  picture.addEventListener("wheel", (event) => {
    event.preventDefault();
    const at = pointAt(event);
    zoom(event.deltaY > 0 ? 1.15 : 1 / 1.15, at.x, at.y);
  }, { passive: false });
  let from;
  picture.addEventListener("pointerdown", (event) => {
    dragged = false;
    if (event.button === 0) from = pointAt(event);
  });
  picture.addEventListener("pointermove", (event) => {
    if (from === undefined || !(event.buttons & 1)) return;
    const at = pointAt(event);
    const { x, y, width, height } = picture.viewBox.baseVal;
    // A hand that trembles still clicks.
    if (Math.hypot(from.x - at.x, from.y - at.y) * picture.clientWidth < 4 * width) return;
    dragged = true;
    look(x + from.x - at.x, y + from.y - at.y, width, height);
  });
  window.addEventListener("pointerup", () => {
    from = undefined;
  });
}

/** Looks anew where the map's size is not what was taken for usual. Asks for no layout of its own. */
function setUpSize() {
  new ResizeObserver(([{ contentRect: seen }]) => {
    const { width, height } = picture.viewBox.baseVal;
    setFar(seen.width / width, seen.height / height);
  }).observe(picture);
}

/** Dims what is not wanted. */
function dim(wanted) {
  for (const [name, card] of cards()) card.classList.toggle("out", !wanted(nodes().get(name)));
}

let marked = [];

/** For each link the path that draws it, among others, and its part of that path. */
const wires = once(() => {
  const found = new Map();
  picture.querySelectorAll(".wire").forEach((wire, index) => {
    wire.getAttribute("d").split("M").slice(1).forEach((way, part) =>
      found.set(data().wires[index][part].join("/"), [wire, way]));
  });
  return found;
});

/** Marks chosen nodes, and the links of a way between them. Only what changes is touched. */
function mark(chosen, hops = []) {
  for (const undo of marked) undo();
  marked = [];
  for (const name of chosen) {
    const card = cards().get(name);
    card.setAttribute("aria-pressed", "true");
    marked.push(() => card.setAttribute("aria-pressed", "false"));
  }
  const light = (part) => {
    part?.classList.add("on-way");
    marked.push(() => part?.classList.remove("on-way"));
  };
  const drawOver = (link) => {
    const [wire, way] = wires().get(link) ?? [];
    if (wire === undefined) return;
    const over = wire.cloneNode();
    over.setAttribute("d", `M${way}`);
    over.classList.add("on-way");
    wire.after(over);
    marked.push(() => over.remove());
  };
  for (const { node, ingress, egress } of hops) {
    light(cards().get(node));
    drawOver(`${node}/${ingress}`);
    drawOver(`${node}/${egress}`);
  }
  picture.classList.toggle("way", hops.length > 0);
}
