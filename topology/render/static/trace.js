// One packet's way, as topology/reach/trace.py walks it and topology/reach/story.py tells it. A test
// holds every explanation against that of `topology explain --json`.

/** An address as {version, value}. */
function parseAddress(text) {
  if (!text.includes(":")) {
    const value = text.split(".").reduce((sum, part) => (sum << 8n) + BigInt(part), 0n);
    return { version: 4, value };
  }
  const [head, tail] = text.split("::");
  const left = head ? head.split(":") : [];
  const right = tail ? tail.split(":") : [];
  const gap = tail === undefined ? 0 : 8 - left.length - right.length;
  const groups = [...left, ...Array(gap).fill("0"), ...right];
  return { version: 6, value: groups.reduce((sum, group) => (sum << 16n) + BigInt("0x" + group), 0n) };
}

const prefixes = new Map();

/** A prefix, or an address with one, as its first and last address. */
function parsePrefix(text) {
  let known = prefixes.get(text);
  if (known === undefined) {
    const [address, length] = text.split("/");
    const { version, value } = parseAddress(address);
    const bits = version === 4 ? 32 : 128;
    const host = BigInt(bits - Number(length));
    const low = (value >> host) << host;
    const high = low + (1n << host) - 1n;
    const edges = version === 4 && Number(length) <= 30;
    known = { version, value, length: Number(length), low, high, edges };
    prefixes.set(text, known);
  }
  return known;
}

function within(address, prefix) {
  return address.version === prefix.version && prefix.low <= address.value && address.value <= prefix.high;
}

function sameAddress(one, other) {
  return one.version === other.version && one.value === other.value;
}

function ownPrefixes(node) {
  return node.interfaces.flatMap((i) => i.addresses.map(parsePrefix));
}

function owns(node, address) {
  return ownPrefixes(node).some((own) => sameAddress(own, address));
}

const neighbours = once(() => {
  const found = new Map();
  for (const node of data().nodes) {
    if (node.gone) continue;
    for (const { segment, addresses } of node.interfaces) {
      if (!found.has(segment)) found.set(segment, []);
      for (const text of addresses) found.get(segment).push([parsePrefix(text), node.name]);
    }
  }
  return found;
});

function ownerOf(segment, address) {
  return neighbours().get(segment)?.find(([own]) => sameAddress(own, address))?.[1];
}

/** The interface, the route and the node that come next; an attached prefix goes first. */
function nextHop(node, destination) {
  let best = -1;
  let found = {};
  for (const { segment, addresses } of node.interfaces) {
    for (const own of addresses.map(parsePrefix)) {
      if (within(destination, own) && own.length > best) {
        best = own.length;
        if (own.edges && (destination.value === own.low || destination.value === own.high)) return {};
        found = { egress: segment, next: ownerOf(segment, destination) };
      }
    }
  }
  for (const route of node.routes) {
    const prefix = parsePrefix(route.prefix);
    if (within(destination, prefix) && prefix.length > best) {
      best = prefix.length;
      found = { egress: route.interface, route, next: route.hop };
    }
  }
  return found;
}

function isSide(endpoints, address, segment) {
  return endpoints.length === 0 || endpoints.some((endpoint) =>
    endpoint.startsWith("[") ? endpoint.slice(1, -1) === segment : within(address, parsePrefix(endpoint)));
}

function isMatch([protocol, ...ranges], packet) {
  if (protocol !== packet.protocol) return false;
  return ranges.length === 0 || ranges.some(([low, high]) => low <= packet.port && packet.port <= high);
}

function judge(node, packet, ingress, egress, seen) {
  const policy = node.policy;
  if (seen !== undefined && policy.stateful) {
    const known = seen.includes(node.name);
    return { permitted: known, decided: known ? "established" : "invalid" };
  }
  const rule = policy.rules.find((each) =>
    isSide(each.sources, packet.source, ingress) &&
    isSide(each.destinations, packet.destination, egress) &&
    (each.matches.length === 0 || each.matches.some((match) => isMatch(match, packet))));
  if (rule === undefined) return { permitted: policy.default === "permit", decided: "default" };
  return { permitted: rule.action === "permit", decided: "rule", rule };
}

function isMartian(node, packet) {
  if (packet.source.version === 6) {
    // Every router of a prefix is the anycast address of it.
    return node.strict && ownPrefixes(node).some((own) => sameAddress(own, packet.source) ||
      (own.version === 6 && own.length < 127 && own.low === packet.source.value));
  }
  return ownPrefixes(node).some((own) => own.version === 4 &&
    (own.value === packet.source.value ||
      (own.edges && (packet.source.value === own.low || packet.source.value === own.high))));
}

/** Walks a packet until it is delivered or lost; `seen` are the nodes that an answer's flow passed. */
function trace(packet, origin, seen) {
  const hops = [];
  let node = nodes().get(origin);
  let ingress;
  for (;;) {
    const ended = (end, judgement, reverse) => {
      hops.push({ node: node.name, ingress, judgement, reverse });
      return { packet, hops, end };
    };
    const here = ingress !== undefined && owns(node, packet.destination);
    if (ingress !== undefined && !node.forwards) return ended(here ? "delivered" : "no neighbour");
    if (ingress !== undefined && isMartian(node, packet)) return ended("martian");
    if (ingress !== undefined && node.strict) {
      const reverse = nextHop(node, packet.source);
      if (reverse.egress !== ingress) return ended("spoofed", undefined, reverse);
    }
    if (hops.slice(1).some((hop) => hop.node === node.name)) return ended("loop");
    const { egress, route, next } = nextHop(node, packet.destination);
    if (!here && egress === undefined) return ended("no route");
    let judgement;
    if (ingress !== undefined && node.policy) {
      judgement = judge(node, packet, ingress, here ? undefined : egress, seen);
      if (!judgement.permitted) return ended("filtered", judgement);
    }
    if (here) return ended("delivered", judgement);
    hops.push({ node: node.name, ingress, judgement, route, egress });
    if (next === undefined) return { packet, hops, end: "no neighbour" };
    node = nodes().get(next);
    ingress = egress;
  }
}

function serviceName({ protocol, port }) {
  return `${protocol}/${data().icmp[protocol]?.[port] ?? port}`;
}

/** What happened, in order, each with the place in the file that made it so. */
function tell(walked) {
  const told = [];
  const { packet, hops, end } = walked;
  hops.forEach((hop, index) => {
    const node = nodes().get(hop.node);
    const say = (text, place) => told.push({ node: hop.node, text, place });
    const far = packet.texts.destination;
    if (index === 0 && hop.ingress === undefined && !owns(node, packet.source)) {
      say(`forges the source ${packet.texts.source}`);
    }
    if (hop.judgement) tellJudgement(hop.judgement, node.policy, say);
    if (hop.egress !== undefined) {
      const onward = hops[index + 1]?.node;
      const attached = node.interfaces.find((i) => i.segment === hop.egress).place;
      if (hop.route) {
        say(`route ${hop.route.prefix} sends it to ${onward ?? "nobody"} by ${hop.egress}`, hop.route.place);
      } else if (onward === undefined) say(`nobody on ${hop.egress} has ${far}`, attached);
      else say(`sends it to ${onward} on ${hop.egress}`, attached);
    } else if (end === "delivered") say("receives it");
    else if (end === "no route") say(`has no route to ${far}`, node.routesPlace);
    else if (end === "loop") say("has had it before: it goes round in a circle");
    else if (end === "martian") say(`drops it: ${packet.texts.source} is its own or a broadcast`);
    else if (end === "spoofed") tellSpoofed(hop, packet.texts.source, node, say);
    else if (end === "no neighbour") say(`does not have ${far} and passes nothing on`);
  });
  return told;
}

/** What makes a node take a source for forged: its way back, which is another. */
function tellSpoofed({ ingress, reverse: { egress, route } }, source, node, say) {
  const by = `by ${egress}, not by ${ingress}`;
  if (egress === undefined) say(`drops it as spoofed: it has no route back to ${source}`, node.routesPlace);
  else if (route) say(`drops it as spoofed: route ${route.prefix} leads back to ${source} ${by}`, route.place);
  else {
    const attached = node.interfaces.find((i) => i.segment === egress).place;
    say(`drops it as spoofed: it would send to ${source} ${by}`, attached);
  }
}

function tellJudgement({ permitted, decided, rule }, policy, say) {
  const does = permitted ? "permits" : "denies";
  if (decided === "established") say("lets it back: it has seen the flow open", policy.statefulPlace);
  else if (decided === "rule") say(`rule ${rule.name} ${does} it`, rule.place);
  else if (decided === "invalid") {
    say("drops it: an answer to a flow that it has not seen open", policy.statefulPlace);
  } else say(`the default ${does} it`, policy.defaultPlace);
}

/** A traced packet as `topology explain --json` prints it. */
function traceDocument(walked) {
  const { packet, hops, end } = walked;
  const shown = { source: packet.texts.source, destination: packet.texts.destination, service: serviceName(packet) };
  if (packet.sourcePort !== undefined) shown.source_port = packet.sourcePort;
  return {
    packet: shown,
    end,
    hops: hops.map(({ node, ingress, egress, route, judgement }) => {
      const hop = { node };
      if (ingress !== undefined) hop.ingress = ingress;
      if (egress !== undefined) hop.egress = egress;
      if (route) hop.route = { prefix: route.prefix, via: route.via };
      if (judgement) {
        hop.permitted = judgement.permitted;
        hop.decided = judgement.decided;
        if (judgement.rule) hop.rule = judgement.rule.name;
      }
      return hop;
    }),
    steps: tell(walked).map(({ node, text, place }) => {
      if (place === undefined) return { node, text };
      const [path, file, line, column] = data().places[place];
      return file === undefined ? { node, text, path } : { node, text, path, file, line, column };
    }),
  };
}

function packetOf(texts, protocol, port, sourcePort) {
  const [source, destination] = [texts.source, texts.destination].map(parseAddress);
  return { texts, source, destination, protocol, port, sourcePort };
}

/** The answer to a packet; undefined where nothing answers. */
function answerTo({ texts, protocol, port, sourcePort }) {
  const back = { source: texts.destination, destination: texts.source };
  if (protocol === "tcp" || protocol === "udp") return packetOf(back, protocol, sourcePort, port);
  const answer = data().answers.find(([asked, type]) => asked === protocol && type === port);
  return answer && packetOf(back, protocol, answer[2]);
}

/** What becomes of a packet that one node sends another, in each family that both have. */
function explain(from, to, protocol, port) {
  const flows = [];
  for (const version of [4, 6]) {
    if (protocol === "icmp" && version === 6) continue;
    if (protocol === "icmpv6" && version === 4) continue;
    const first = (name) => addressesOf(nodes().get(name)).find((a) => a.includes(":") === (version === 6));
    const texts = { source: first(from), destination: first(to) };
    if (texts.source === undefined || texts.destination === undefined) continue;
    const ported = protocol === "tcp" || protocol === "udp";
    const there = trace(packetOf(texts, protocol, port, ported ? data().port : undefined), from);
    const answer = answerTo(there.packet);
    const arrived = there.end === "delivered";
    const flow = { opens: arrived, there: traceDocument(there) };
    if (arrived && answer) {
      const last = there.hops.at(-1).node;
      const back = trace(answer, last, there.hops.slice(1).map((hop) => hop.node));
      flow.opens = back.end === "delivered";
      flow.back = traceDocument(back);
    }
    flows.push(flow);
  }
  return flows;
}
