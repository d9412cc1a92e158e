// The console: one user's slate as it changes, and the loop around it. No library, no build step.
"use strict";

const $ = (id) => document.getElementById(id);
const words = (name) => name.replaceAll("_", " ");
const path = (text) => encodeURIComponent(text);
const DEPTHS = 4, LINES = 40, OTHERS = 12, RETRY_MS = 2000;
let key = sessionStorage.getItem("key") || "";
let user = "visitor", slate = null, before = [], listening = null, asked = 0;
const active = new Map(); // users who did something lately, the newest last

function make(tag, text, name) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (name) node.className = name;
  return node;
}

function action(text, label, run) {
  const node = make("button", text);
  node.type = "button";
  node.setAttribute("aria-label", label);
  node.addEventListener("click", run);
  return node;
}

async function call(method, address, body, signal) {
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(address, { method, headers, body: body && JSON.stringify(body), signal });
  if (answer.status === 401 && !$("key").open) $("key").showModal();
  return answer;
}

async function problem(answer) {
  try { return (await answer.json()).detail; } catch { return `status ${answer.status}`; }
}

// --- what the visitor does

async function act(type, item) {
  const event = {
    type, event_id: `console-${crypto.randomUUID ? crypto.randomUUID() : Date.now() + Math.random()}`,
    user_id: user, item_id: item.item_id, timestamp: Date.now() / 1000,
  };
  if (slate && slate.decision_id) event.decision_id = slate.decision_id;
  asked = performance.now();
  $("about").textContent = `${user}: ${type} of ${item.title}`;
  const answer = await call("POST", "/v1/events", event);
  if (!answer.ok) $("about").textContent = `not written: ${await problem(answer)}`;
}

function deeds(item) {
  const node = make("span", undefined, "deeds");
  node.append(
    action("look", `Look at ${item.title}`, () => act("view", item)),
    action("like", `Like ${item.title}`, () => act("click", item)),
    action("buy", `Buy ${item.title}`, () => act("purchase", item)),
  );
  return node;
}

async function find() {
  const answer = await call("GET", `/v1/items?k=8&query=${path($("query").value)}`);
  if (!answer.ok) return;
  $("found").replaceChildren(...(await answer.json()).items.map((item) => {
    const row = make("li");
    row.append(make("span", item.title), deeds(item));
    return row;
  }));
}

async function choose(name) {
  user = name;
  $("user").value = $("whom").textContent = name;
  before = []; slate = null;
  const answer = await call("GET", `/v1/users/${path(name)}/recommendations`);
  if (answer.ok) show(await answer.json());
  listen();
}

// --- the slate

function moved(item, place) {
  if (!before.length) return null;
  const old = before.indexOf(item.item_id);
  if (old < 0) return make("span", "new", "move new");
  if (old === place) return null;
  return old > place ? make("span", `▲${old - place}`, "move up") : make("span", `▼${place - old}`, "move down");
}

function show(found) {
  const rows = found.items.map((item, place) => {
    const row = make("li"), title = make("span", item.title, "title"), why = make("span", undefined, "reason");
    const move = moved(item, place);
    row.dataset.item = item.item_id;
    if (move) title.append(move);
    why.append(make("span", item.source, "source"), " ", make("span", item.reason, "words"));
    if (item.propensity !== null) {
      why.append(` · probability ${item.propensity.toFixed(2)}`);
    }
    const does = deeds(item);
    if (!found.fallback) does.append(action("why?", `Why is ${item.title} here?`, () => explain(item)));
    row.append(title, does, why);
    return row;
  });
  const focused = document.activeElement && document.activeElement.getAttribute("aria-label");
  $("slots").replaceChildren(...rows);
  if (focused) for (const node of document.querySelectorAll("#slots button")) {
    if (node.getAttribute("aria-label") === focused) { node.focus(); break; }
  }
  before = found.items.map((item) => item.item_id);
  slate = found;
  if (found.fallback) {
    $("about").textContent = "Nothing is known of this user yet: this is what is trending. Look at something.";
  } else {
    const took = asked ? `, ${Math.round(performance.now() - asked)} ms after the click` : "";
    const trial = found.variant ? `, variant ${found.variant} of ${found.experiment}` : "";
    $("about").textContent = `Made by ${found.policy}${trial}${took}.`;
  }
  asked = 0;
}

function highlight(outcome) {
  if (!outcome.hit) return;
  for (const row of document.querySelectorAll("#slots li")) {
    if (row.dataset.item === outcome.hit.item_id) {
      row.classList.add("hit");
      setTimeout(() => row.classList.remove("hit"), 4000);
    }
  }
}

async function explain(item) {
  const box = $("why-text");
  $("why-title").textContent = `Why ${item.title}?`;
  const facts = `Ranking score ${item.score.toPrecision(2)}; shown in this place with probability ` +
    `${item.propensity.toFixed(3)}, given the places above.`;
  box.replaceChildren(make("p", `${item.source}: ${item.reason}. ${facts}`));
  $("why").showModal();
  const answer = await call("GET", `/v1/users/${path(user)}/explanation`);
  if (!answer.ok) { box.append(make("p", await problem(answer), "hint")); return; }
  const explained = await answer.json();
  const found = explained.slots.find((slot) => slot.item_id === item.item_id);
  if (!found) { box.append(make("p", "The slate has changed meanwhile.", "hint")); return; }
  box.firstChild.textContent = `${item.source}: ${found.reason}. ${facts}`;
  if (slate.decision_id === explained.decision_id) for (const row of document.querySelectorAll("#slots li")) {
    const slot = explained.slots.find((each) => each.item_id === row.dataset.item);
    if (slot) row.querySelector(".words").textContent = slot.reason;
  }
  const list = (title, rows) => {
    if (!rows.length) return;
    const items = make("ul");
    items.append(...rows.map((text) => make("li", text)));
    box.append(make("h3", title), items);
  };
  list("What you did that pulled it", found.pulled_by.map((pull) => `${pull.title} (${words(pull.source)})`));
  list("What speaks for it in the ranking", found.contributions.filter((part) => part.nats > 0.005).map(
    (part) => `${words(part.feature)}: +${part.nats.toFixed(2)}`));
  list("What speaks against it", found.contributions.filter((part) => part.nats < -0.005).map(
    (part) => `${words(part.feature)}: ${part.nats.toFixed(2)}`));
}

// --- the loop

function happened(text, hit) {
  const row = make("li", text, hit ? "hit" : "");
  $("events").prepend(row);
  while ($("events").children.length > LINES) $("events").lastChild.remove();
}

function seen(name) {
  if (name === user) return;
  active.delete(name);
  active.set(name, true);
  if (active.size > OTHERS) active.delete(active.keys().next().value);
}

function figures(stats) {
  const now = stats.seconds.length ? stats.seconds[stats.seconds.length - 1][0] : 0;
  const last = (seconds, column) => stats.seconds.filter((row) => row[0] > now - 1 - seconds && row[0] < now)
    .reduce((total, row) => total + row[column], 0);
  const answered = last(60, 3), ms = (value) => (value === null ? "-" : `${Math.round(value)}`);
  $("rate").textContent = Math.round(last(5, 1) / 5);
  $("latency").textContent = `${ms(stats.latency_ms[0])} ms, 99 % below ${ms(stats.latency_ms[1])}`;
  $("hitrate").textContent = answered ? `${Math.round(100 * last(60, 4) / answered)} %` : "-";
  $("lag").textContent = stats.lag === null || stats.lag === undefined ? "-" : `${stats.lag} events`;
  $("users").textContent = stats.users.toLocaleString("en");
  const drifts = Object.entries(stats.drift || {}).map(([model, times]) => `${model} ${times}`);
  $("drift").textContent = drifts.length ? `Drift found, times per model: ${drifts.join(", ")}.` : "";
  curve(stats.seconds);
  heat(stats);
  $("others").replaceChildren(...[...active.keys()].reverse().map((name) => {
    const row = make("li");
    row.append(action(name, `Show ${name}`, () => choose(name)));
    return row;
  }));
}

function curve(seconds) {
  const step = 10, sums = new Map();
  for (const [at, , , answered, , reward] of seconds) {
    const slot = Math.floor(at / step), sum = sums.get(slot) || [0, 0];
    sums.set(slot, [sum[0] + answered, sum[1] + reward]);
  }
  const points = [...sums].filter(([, sum]) => sum[0] > 0).map(([slot, sum]) => [slot, sum[1] / sum[0]]);
  if (points.length < 2) return;
  const top = Math.max(...points.map((point) => point[1])) || 1, first = points[0][0];
  const width = Math.max(1, points[points.length - 1][0] - first);
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  line.setAttribute("points", points.map(([x, y]) => `${300 * (x - first) / width},${66 - 60 * y / top}`).join(" "));
  $("reward").replaceChildren(line);
  $("reward-text").textContent = `now ${points[points.length - 1][1].toFixed(2)}, at most ${top.toFixed(2)}`;
}

function cells(texts, heats) {
  return texts.map((text, n) => {
    const cell = make("td", text);
    cell.style.setProperty("--heat", heats[n] || 0);
    return cell;
  });
}

function row(name, texts, heats) {
  const line = make("tr"), head = make("th", name);
  head.scope = "row";
  line.append(head, ...cells(texts, heats));
  return line;
}

function heat(stats) {
  const total = Object.values(stats.slots).reduce((a, b) => a + b, 0) || 1;
  const most = Math.max(1, ...Object.values(stats.hits).flat());
  const names = [...new Set([...Object.keys(stats.slots), ...Object.keys(stats.hits)])];
  $("sources").tBodies[0].replaceChildren(...names.map((name) => {
    const share = (stats.slots[name] || 0) / total, hits = stats.hits[name] || [0, 0, 0, 0, 0];
    return row(name, [`${(100 * share).toFixed(1)} %`, ...hits], [0.7 * share, ...hits.map((n) => 0.7 * n / most)]);
  }));
  const worth = new Map();
  for (const [state, source, shown, reward] of stats.worth) {
    const by = worth.get(source) || Array.from({ length: DEPTHS }, () => [0, 0]), depth = Math.floor(state / 3);
    by[depth][0] += shown; by[depth][1] += reward;
    worth.set(source, by);
  }
  const mean = ([shown, reward]) => (shown ? reward / shown : null);
  const top = Math.max(1e-9, ...[...worth.values()].flat().map((cell) => mean(cell) || 0));
  $("worth").tBodies[0].replaceChildren(...names.filter((name) => worth.has(name)).map((name) => {
    const values = worth.get(name).map(mean);
    return row(name, values.map((v) => (v === null ? "-" : v.toFixed(3))), values.map((v) => 0.7 * (v || 0) / top));
  }));
}

const HEARD = {
  slate: (said) => { if (said.user_id === user) show(said); },
  event: (said) => { seen(said.user_id); happened(`${said.user_id}: ${said.type} ${said.title}`); },
  outcome: (said) => {
    if (said.user_id === user) highlight(said);
    if (said.hit) happened(`${said.user_id} took ${said.hit.title}, slot ${said.hit.slot + 1}, ${said.hit.source}`, true);
  },
  stats: figures,
};

async function listen() {
  if (listening) listening.abort();
  const mine = (listening = new AbortController());
  while (!mine.signal.aborted) {
    try {
      const address = `/v1/stream?topics=event,slate,outcome,stats`;
      const answer = await call("GET", address, undefined, mine.signal);
      if (!answer.ok) throw new Error(await problem(answer));
      $("state").textContent = "live";
      let rest = "";
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        const parts = (rest + value).split("\n\n");
        rest = parts.pop();
        for (const part of parts) {
          const found = /^event: (\w+)\ndata: (.*)$/s.exec(part);
          if (found && HEARD[found[1]]) HEARD[found[1]](JSON.parse(found[2]));
        }
      }
    } catch (error) {
      if (mine.signal.aborted) return;
      $("state").textContent = `no connection: ${error.message}`;
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

$("pick").addEventListener("submit", (event) => {
  event.preventDefault();
  choose($("user").value.trim() || "visitor");
});
$("find").addEventListener("submit", (event) => event.preventDefault());
let typing = 0;
$("query").addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(find, 150); });
$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  key = $("key-text").value;
  sessionStorage.setItem("key", key);
  $("key").close();
  find();
  choose(user);
});
find();
choose(new URLSearchParams(location.search).get("user") || "visitor");
