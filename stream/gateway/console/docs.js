// Every request of openapi.json, to be tried.
"use strict";

const all = document.getElementById("operations");

function make(tag, text) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  return node;
}

function field(form, name, place, hint) {
  const label = make("label", `${name} (${place}) ${hint || ""}`), input = make("input");
  input.name = label.htmlFor = input.id = `${form.dataset.id}-${name}`;
  form.append(label, input);
  return input;
}

function section(path, method, operation) {
  const box = make("section"), form = make("form"), out = make("pre"), fields = [];
  form.dataset.id = operation.operationId;
  out.hidden = true;
  box.append(make("h2", `${method.toUpperCase()} ${path}`), make("p", `${operation.summary} ${operation.description}`));
  for (const part of operation.parameters) fields.push([part, field(form, part.name, part.in, part.description)]);
  let body = null;
  if (operation.requestBody) {
    body = make("textarea");
    body.setAttribute("aria-label", "body");
    const [example] = Object.values(operation.requestBody.content["application/json"].examples);
    body.value = JSON.stringify(example.value, null, 2);
    form.append(body);
  }
  form.append(make("button", "Try it"));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    let address = path;
    const query = new URLSearchParams();
    const key = document.getElementById("key").value, headers = key ? { Authorization: `Bearer ${key}` } : {};
    for (const [part, input] of fields) {
      if (part.in === "path") address = address.replace(`{${part.name}}`, encodeURIComponent(input.value));
      else if (input.value && part.in === "header") headers[part.name] = input.value;
      else if (input.value) query.set(part.name, input.value);
    }
    if (body) headers["Content-Type"] = "application/json";
    const stop = new AbortController();
    const options = { method: method.toUpperCase(), headers, body: body ? body.value : undefined, signal: stop.signal };
    const answer = await fetch(`${address}?${query}`, options);
    out.hidden = false;
    out.textContent = `${answer.status}\n`;
    if (!answer.body) return; // 304
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    setTimeout(() => stop.abort(), 5000);
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        out.textContent += value;
      }
    } catch { out.textContent += "\n(ended after five seconds)"; }
  });
  box.append(form, out);
  return box;
}

fetch("/openapi.json").then((answer) => answer.json()).then((found) => {
  for (const [path, methods] of Object.entries(found.paths)) {
    for (const [method, operation] of Object.entries(methods)) all.append(section(path, method, operation));
  }
});
