// The document that the page carries, indexed. All of it is data: text goes into text nodes only.

/** What `make` makes, when it is asked for first and only then: a page that opens needs none of it. */
function once(make) {
  let asked = false;
  let made;
  return () => {
    if (!asked) made = make();
    asked = true;
    return made;
  };
}

const data = once(() => JSON.parse(document.getElementById("data").textContent));
const nodes = once(() => new Map(data().nodes.map((node) => [node.name, node])));

function zonesOf(node) {
  return [...new Set(node.interfaces.map((i) => i.zone))];
}

function addressesOf(node) {
  return node.interfaces.flatMap((i) => i.addresses.map((a) => a.split("/")[0]));
}

/** The lines of services that one node opens on another. */
function opened(source, destination) {
  for (const [cell, names] of Object.entries(data().opens[source] ?? {})) {
    if (names.includes(destination)) return data().cells[cell];
  }
  return [];
}

function placeText(index) {
  const [path, file, line] = data().places[index];
  return file === undefined ? path : `${file}:${line}`;
}

/** An element; `attributes` are set as they are, children are elements or text. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== null));
  return made;
}
