// What is told of one node, and of the way from one to another.
const panel = document.getElementById("panel");
const unchosen = [...panel.childNodes];

function table(caption, head, rows) {
  if (rows.length === 0) return undefined;
  return element("table", {},
    element("caption", {}, caption),
    element("thead", {}, element("tr", {}, ...head.map((cell) => element("th", { scope: "col" }, cell)))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map((cell) => element("td", {}, cell))))));
}

function place(index) {
  return element("span", { class: "place" }, placeText(index));
}

/** A line of the file alone, where a column says that it is one. */
function lineOf(index) {
  const [path, file, line] = data().places[index];
  return element("span", { class: "place", title: `${placeText(index)}, ${path}` }, file === undefined ? path : String(line));
}

const owners = once(() => new Map(data().nodes.flatMap((node) =>
  addressesOf(node).map((address) => [address, node.name]))));

/** The ends of a rule: nodes by name where they are single addresses of theirs. */
function endsText(endpoints) {
  const named = endpoints.map((endpoint) => {
    const [address, length] = endpoint.split("/");
    const single = length === (address.includes(":") ? "128" : "32");
    return endpoint.startsWith("[") ? `whatever is on ${endpoint.slice(1, -1)}` : (single && owners().get(address)) || endpoint;
  });
  return [...new Set(named)].join(", ") || "any";
}

function ruleView(name, action, matches, sources, destinations, place) {
  return element("li", {},
    element("strong", {}, name), " ", element("span", { class: action.startsWith("permit") ? "good" : "bad" }, action),
    ` ${matches.map(matchText).join(", ") || "any"}`, element("br"),
    `from ${endsText(sources)} to ${endsText(destinations)} `, place);
}

function policyView({ name, stateful, rules, default: fallback, defaultPlace }) {
  return element("section", {},
    element("h3", {}, `Policy ${name}`),
    element("p", { class: "hint" },
      `The first rule that matches decides${stateful ? "; established flows pass before" : ""}.`),
    element("ol", {},
      ...rules.map((rule) => ruleView(rule.name, rule.action + (rule.log ? ", log" : ""), rule.matches,
        rule.sources, rule.destinations, place(rule.place))),
      ruleView("default", fallback, [], [], [], place(defaultPlace))));
}

function matchText([protocol, ...ranges]) {
  if (ranges.length === 0) return protocol;
  const named = ([low, high]) => low !== high ? `${low}-${high}` : data().icmp[protocol]?.[low] ?? String(low);
  return `${protocol}/${ranges.map(named).join(",")}`;
}

function markText(name) {
  const mark = data().marks[name];
  const sign = { added: "+", removed: "−", changed: "~" }[mark];
  return mark && element("span", { class: `mark ${mark}` }, `${sign} ${mark}`);
}

function nodePanel(name) {
  const node = nodes().get(name);
  const { policy } = node;
  panel.replaceChildren(
    element("h2", {}, name, " ", element("small", {}, node.kind), " ", markText(name) ?? ""),
    element("p", {}, `Zone ${zonesOf(node).join(", ")}; declared at `, place(node.place)),
    element("p", { class: "hint" }, "Choose a second node for the way there. Escape takes the choice back."),
    table("Interfaces", ["segment", "addresses", "MAC", "line"], node.interfaces.map((i) =>
      [i.segment, i.addresses.join(" "), i.mac, lineOf(i.place)])) ?? "",
    table("Routes", ["to", "next hop", "via", "line"], node.routes.map((route) =>
      [route.prefix, route.hop, `${route.via} on ${route.interface}`, lineOf(route.place)])) ?? "",
    policy ? policyView(policy) : "",
    table("Records", ["name", "type", "data", "line"], node.records.map(([record, type, text, at]) =>
      [record, type, text, lineOf(at)])) ?? "",
    table("Content", ["path", "type"], node.resources) ?? "",
    table("Opens flows on", ["services", "nodes"], opensRows(name)) ?? "",
  );
}

function opensRows(name) {
  return Object.entries(data().opens[name] ?? {}).map(([cell, names]) => {
    const shown = names.slice(0, 12).join(", ");
    return [data().cells[cell].join(", "), names.length > 12 ? `${shown} and ${names.length - 12} more` : shown];
  });
}

/** The packets that are worth a look between two nodes: those that open first, then named services. */
function tries(from, to) {
  const found = new Map();
  const add = (protocol, port, words) => {
    const key = serviceName({ protocol, port });
    if (!found.has(key)) found.set(key, { protocol, port, label: words ? `${key} (${words})` : key });
  };
  for (const line of opened(from, to)) {
    const [, protocol, first] = /^(?:IPv[46]: )?(tcp|udp)\/(\d+)/.exec(line) ?? [];
    if (protocol) add(protocol, Number(first), "opens");
  }
  for (const [name, packets] of Object.entries(data().services)) {
    for (const [protocol, port] of packets) add(protocol, port, name);
  }
  if (found.size === 0) add("tcp", 80);
  return [...found.values()];
}

/** A service that somebody typed; undefined when it is none. */
function typedService(text) {
  const [, protocol, rest] = /^(tcp|udp|icmp|icmpv6)\/([a-z0-9-]+)$/.exec(text.trim()) ?? [];
  if (!protocol) return undefined;
  const words = Object.entries(data().icmp[protocol] ?? {});
  const number = words.find(([, word]) => word === rest)?.[0] ?? (/^\d+$/.test(rest) ? rest : undefined);
  const most = protocol.startsWith("icmp") ? 255 : 65535;
  return number === undefined || Number(number) > most ? undefined : { protocol, port: Number(number) };
}

function wayPanel(from, to, again) {
  const choices = tries(from, to);
  const answer = element("div", { id: "way" });
  const list = element("datalist", { id: "services" }, ...choices.map((choice) =>
    element("option", { value: serviceName(choice) }, choice.label)));
  const field = element("input", {
    id: "service", list: "services", value: serviceName(choices[0]), "aria-label": "Service of the flow",
    spellcheck: "false", autocomplete: "off",
  });
  const ask = () => {
    const service = typedService(field.value);
    field.setAttribute("aria-invalid", String(service === undefined));
    if (service === undefined) {
      answer.replaceChildren(element("p", { class: "bad" }, "A service is written tcp/80, udp/53 or icmp/echo-request."));
      mark([from, to]);
      return;
    }
    const flows = explain(from, to, service.protocol, service.port);
    answer.replaceChildren(...flows.map(flowView));
    if (flows.length === 0) answer.replaceChildren(element("p", {}, "They have no addresses of a family of this service."));
    mark([from, to], flows[0]?.there.hops);
  };
  field.addEventListener("change", ask);
  const lines = opened(from, to);
  panel.replaceChildren(
    element("h2", {}, `${from} → ${to}`),
    element("p", {}, lines.length ? `Opens: ${lines.join(", ")}` : "Opens nothing."),
    element("p", { class: "row" },
      element("label", {}, "Service ", field),
      element("button", { type: "button", onclick: ask }, "Explain"),
      element("button", { type: "button", onclick: () => again(to, from) }, "Swap"),
      list),
    answer);
  ask();
}

function flowView(flow) {
  const { there, back } = flow;
  const last = there.hops.at(-1).node;
  const why = { filtered: "filtered", loop: "a loop", martian: "a forged source",
    "no neighbour": "nobody has the address", "no route": "no route" };
  let words = `✓ ${there.packet.service} gets through to ${last}`;
  if (there.end !== "delivered") words = `✗ ${there.packet.service} does not get through: ${why[there.end]} at ${last}`;
  else if (!flow.opens) words = `✗ ${there.packet.service} gets to ${last}, its answer does not come back`;
  return element("section", { class: "flow" },
    element("h3", { class: flow.opens ? "good" : "bad" }, words),
    stepsView(there),
    back && element("details", {}, element("summary", {}, "and the answer"), stepsView(back)));
}

function stepsView({ packet, steps }) {
  return element("div", {},
    element("p", { class: "packet" }, `${packet.service} ${packet.source} → ${packet.destination}`),
    element("ol", {}, ...steps.map(({ node, text, file, line }) =>
      element("li", {}, element("strong", {}, node), ` ${text} `,
        file === undefined ? "" : element("span", { class: "place" }, `${file}:${line}`)))));
}

function emptyPanel() {
  panel.replaceChildren(...unchosen);
}
