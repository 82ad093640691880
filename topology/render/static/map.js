// The map: choosing nodes, looking closer, moving about by pointer and by keys.
const picture = document.querySelector("#map svg");
const cards = new Map([...picture.querySelectorAll("[data-node]")].map((card) => [card.dataset.node, card]));
const wires = new Map([...picture.querySelectorAll("[data-link]")].map((wire) => [wire.dataset.link, wire]));
const whole = picture.viewBox.baseVal;
const full = { x: whole.x, y: whole.y, width: whole.width, height: whole.height };
const centres = new Map();
let dragged = false;

function setUpCards(choose) {
  for (const [name, card] of cards) {
    const node = nodes.get(name);
    const mark = data.marks[name];
    const label = [name, node.kind, `zone ${zonesOf(node).join(", ")}`, addressesOf(node).join(", "), mark];
    card.setAttribute("role", "button");
    card.setAttribute("aria-label", label.filter(Boolean).join("; "));
    card.setAttribute("aria-pressed", "false");
    card.setAttribute("tabindex", "-1");
    const { e, f } = card.transform.baseVal.consolidate().matrix;
    const box = card.querySelector("rect");
    centres.set(name, { x: e + box.width.baseVal.value / 2, y: f + box.height.baseVal.value / 2 });
    card.addEventListener("click", () => {
      if (!dragged) choose(name);
    });
    card.addEventListener("focus", () => rove(name));
    card.addEventListener("keydown", (event) => cardKey(event, name, choose));
  }
  const first = cards.keys().next().value;
  if (first !== undefined) rove(first);
}

/** One card at a time is a stop of the Tab key; arrows go to the others. */
function rove(name) {
  for (const card of picture.querySelectorAll('[data-node][tabindex="0"]')) card.setAttribute("tabindex", "-1");
  cards.get(name).setAttribute("tabindex", "0");
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
      cards.get(next).focus();
      show(next);
    }
  }
}

/** The card that lies next in a direction: far to the side counts double. */
function nearest(name, [dx, dy]) {
  const from = centres.get(name);
  let best;
  let least = Infinity;
  for (const [other, at] of centres) {
    const ahead = (at.x - from.x) * dx + (at.y - from.y) * dy;
    const aside = Math.abs((at.x - from.x) * dy) + Math.abs((at.y - from.y) * dx);
    if (other === name || ahead < 1 || cards.get(other).classList.contains("out")) continue;
    const far = ahead + 2 * aside;
    if (far < least) [best, least] = [other, far];
  }
  return best;
}

function look(x, y, width, height) {
  picture.setAttribute("viewBox", `${x} ${y} ${width} ${height}`);
  // From afar only large letters can be read.
  picture.classList.toggle("far", Math.min(picture.clientWidth / width, picture.clientHeight / height) < 0.55);
}

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
  const at = centres.get(name);
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

/** Dims what is not wanted. */
function dim(wanted) {
  for (const [name, card] of cards) card.classList.toggle("out", !wanted(nodes.get(name)));
}

let marked = [];

/** Marks chosen nodes, and the links of a way between them. Only what changes is touched. */
function mark(chosen, hops = []) {
  for (const undo of marked) undo();
  marked = [];
  for (const name of chosen) {
    const card = cards.get(name);
    card.setAttribute("aria-pressed", "true");
    marked.push(() => card.setAttribute("aria-pressed", "false"));
  }
  const light = (part) => {
    part?.classList.add("on-way");
    marked.push(() => part?.classList.remove("on-way"));
  };
  for (const { node, ingress, egress } of hops) {
    light(cards.get(node));
    light(wires.get(`${node}/${ingress}`));
    light(wires.get(`${node}/${egress}`));
  }
  picture.classList.toggle("way", hops.length > 0);
}
