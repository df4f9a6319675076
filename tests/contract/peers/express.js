// A peer on node:http: a team that would use Express, with its ETags, camel case, cookies and pages of errors.
//
// Switches besides the replies: `expire` after requests, `camel` case, `wrap` in an envelope, `cookie` that a load
// balancer needs, `query` for credentials, `cap` of rows, `stale` bodies of a cache, `cut` bodies, `type` of bodies.
"use strict";

const crypto = require("node:crypto");
const http = require("node:http");
const readline = require("node:readline");

const ID_FORMS = {
  uuid: () => crypto.randomUUID(),
  hex: () => crypto.randomUUID().replaceAll("-", ""),
  int: () => crypto.randomInt(10_000, 99_999),
  objectid: () => crypto.randomBytes(12).toString("hex"),
  // One in 32 begins with a sign, which an id may not.
  nanoid: () => "n" + crypto.randomBytes(15).toString("base64url") + "_",
  cuid: () => "c" + BigInt("0x" + crypto.randomBytes(15).toString("hex")).toString(36),
  snowflake: () => (10n ** 18n + BigInt(crypto.randomInt(2 ** 47))).toString(),
};

class HttpError extends Error {
  constructor(status, code, message) {
    super(message);
    Object.assign(this, { status, code });
  }
}

class Variation {
  constructor(name, switches) {
    const id = ID_FORMS[switches.id ?? "uuid"];
    Object.assign(this, { name, switches, requests: [], ids: [], started: 0, asked: 0, polls: 0, uses: 0 });
    this.values = {
      id: id(), id2: id(), trace: crypto.randomUUID(), path: `/${name}`, dw: 13,
      sql: "SELECT question, amount FROM orders", summary: "Three orders.",
    };
  }

  // "$id" is a value as JSON, $id within other text is its text.
  fill(template, more = {}) {
    const values = { ...this.values, ...more };
    return template.replace(/"\$(\w+)"|\$(\w+)/g, (all, quoted, bare) => {
      const value = values[quoted ?? bare];
      return value === undefined ? all : quoted ? JSON.stringify(value) : String(value);
    });
  }

  // A reply is a template of its body, or of its status, headers and body.
  reply(text) {
    if (!/^\d{3}\b/.test(text)) return { status: 200, headers: {}, body: this.fill(text) };
    const at = text.indexOf(" | ");
    const [status, ...pairs] = this.fill(text.slice(0, at)).trim().split(/\s+/);
    const headers = Object.fromEntries(pairs.map((pair) => pair.split(/=(.*)/s, 2)));
    return { status: Number(status), headers, body: this.fill(text.slice(at + 3)) };
  }

  ask(question) {
    this.values.q = question;
    const replies = [this.switches.accept ?? '201 | {"question_id":"$id"}'].flat();
    const reply = this.reply(replies[Math.min(this.asked++, replies.length - 1)]);
    this.started += Number(reply.headers.starts ?? reply.status < 300);
    return reply;
  }

  results(query) {
    const { switches, values } = this;
    const maxRows = Number.parseInt(query.get("max_rows") ?? "1000", 10);
    if (maxRows > (switches.cap ?? maxRows)) throw new HttpError(400, "BAD_REQUEST", `max_rows must be <= ${switches.cap}`);
    const table = JSON.parse(this.fill(switches.table ?? '[["question","amount"],["$q",1],["$q",2],["$q",3]]'));
    const [names, ...rows] = table;
    Object.assign(values, { names, rows, n: rows.length, table: table.slice(0, maxRows + 1) });
    values.records = rows.map((row) => Object.fromEntries(names.map((name, i) => [name, row[i]])));
    values.columns = Object.fromEntries(names.map((name, i) => [name, rows.map((row) => row[i])]));
    values.stats = Object.fromEntries(names.map((name, i) => [name, describe(rows.map((row) => row[i]))]));
    const steps = switches.steps ?? ['{"state":"PENDING"}', '{"state":"IN_PROGRESS"}'];
    if (++this.polls <= steps.length) return this.reply(steps[this.polls - 1]);
    if (switches.done) return this.reply(switches.done);
    const parts = {
      summary: ["response_summary", values.summary], sqlquery: ["sql_query", values.sql],
      dataframe: ["dataframe", values.table], statistics: ["dataframe_stats", values.stats],
    };
    const wanted = (query.get("include") ?? "dataframe").split(",").filter((name) => name in parts);
    const results = Object.fromEntries(wanted.map((name) => parts[name]));
    return { status: 200, headers: {}, body: JSON.stringify({ state: "COMPLETED", results }) };
  }

  route(method, path, query, headers, body) {
    const { switches } = this;
    if (path === "/v1/health") return { status: 200, headers: { "Content-Type": "text/plain" }, body: "OK" };
    if (path === "/v1/auth/token") {
      const found = switches.query ? Object.fromEntries(query) : JSON.parse(body || "{}");
      if (!found.client_id || !found.client_secret) throw new HttpError(400, "VALIDATION", "client_id is required");
      return this.reply(switches.token ?? '{"access_token":"eyJ$trace","expires_at":"2099-11-05T10:54:22.793Z"}');
    }
    this.uses++;
    if (!/^Bearer eyJ/.test(headers.authorization ?? "")) throw new HttpError(401, "NO_TOKEN", "No auth token");
    if (this.uses === (switches.expire ?? -1) + 1) throw new HttpError(401, "TOKEN_EXPIRED", "jwt expired");
    const [, id] = /^\/v1\/dw\/13\/questions(?:\/(.+)\/results)?$/.exec(path) ?? [, null];
    if (id === undefined && method === "POST") return this.ask(JSON.parse(body).question);
    if (id && method === "GET") {
      if (decodeURIComponent(id) !== String(this.values.id)) throw new HttpError(404, "NOT_FOUND", "Question not found");
      if (switches.cookie && !/sid=/.test(headers.cookie ?? "")) throw new HttpError(404, "NOT_FOUND", "Unknown session");
      return this.results(query);
    }
    const page = `<!DOCTYPE html>\n<title>Error</title>\n<pre>Cannot ${method} ${path}</pre>\n`;
    return { status: 404, headers: { "Content-Type": "text/html; charset=utf-8" }, body: page };
  }
}

function describe(cells) {
  const known = cells.filter((cell) => cell !== null);
  const found = { general: { count: cells.length, nulls_count: cells.length - known.length } };
  const distinct = { distinct_count: new Set(known).size, distinct_approx: false };
  if (known.length && known.every((cell) => typeof cell === "number")) {
    const mean = known.reduce((a, b) => a + b) / known.length;
    found.numeric = { ...distinct, min: Math.min(...known), max: Math.max(...known), mean };
  } else if (known.length && known.every((cell) => typeof cell === "string")) {
    const sizes = known.map((cell) => [...cell].length);
    found.string = {
      ...distinct, empty_string_count: sizes.filter((size) => size === 0).length, min_len: Math.min(...sizes),
      mean_len: sizes.reduce((a, b) => a + b) / sizes.length, max_len: Math.max(...sizes),
    };
  }
  return found;
}

function camel(value) {
  if (Array.isArray(value)) return value.map(camel);
  if (value === null || typeof value !== "object") return value;
  const rename = (key) => key.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [rename(key), camel(item)]));
}

const variations = {};

const server = http.createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => answer(request, response, Buffer.concat(chunks).toString()));
});

function answer(request, response, body) {
  const url = new URL(request.url, "http://localhost");
  const [, name, ...rest] = url.pathname.split("/");
  if (name === "_log") return response.end(JSON.stringify(variations));
  const variation = variations[name];
  const { switches } = variation;
  let reply;
  try {
    reply = variation.route(request.method, "/" + rest.join("/"), url.searchParams, request.headers, body);
  } catch (error) {
    const { status = 500, code = "INTERNAL", message } = error;
    reply = { status, headers: {}, body: JSON.stringify({ success: false, error: { code, message } }) };
  }
  if (reply.body.startsWith("{")) {
    if (switches.camel) reply.body = JSON.stringify(camel(JSON.parse(reply.body)));
    if (switches.wrap && reply.status < 300) reply.body = variation.fill(switches.wrap, { body: JSON.parse(reply.body) });
  }
  variation.requests.push({ method: request.method, path: request.url, body, status: reply.status });
  const told = reply.status ? reply.body + JSON.stringify(reply.headers) : "";
  for (const id of [variation.values.id, variation.values.id2].map(String)) {
    if (told.includes(id) && !variation.ids.includes(id)) variation.ids.push(id);
  }
  const { delay = 0, starts, ...headers } = reply.headers;
  setTimeout(() => send(response, reply, headers, switches), delay * 1000);
}

function send(response, reply, headers, switches) {
  if (!reply.status) return response.socket.destroy();
  const body = Buffer.from(reply.body);
  const digest = crypto.createHash("sha1").update(body).digest("base64").slice(0, 27);
  response.writeHead(reply.status, {
    "X-Powered-By": "Express", "Content-Type": switches.type ?? "application/json; charset=utf-8",
    "Content-Length": body.length, ETag: `W/"${body.length.toString(16)}-${digest}"`,
    ...(switches.cookie ? { "Set-Cookie": "sid=s%3A1; Path=/; HttpOnly" } : {}), ...headers,
  });
  if (switches.cut && reply.body.includes("COMPLETED")) {
    response.write(body.subarray(0, body.length / 2), () => response.socket.destroy());
  } else {
    response.end(reply.status === 204 ? undefined : body);
  }
}

readline.createInterface({ input: process.stdin }).once("line", (line) => {
  for (const [name, switches] of Object.entries(JSON.parse(line))) variations[name] = new Variation(name, switches);
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));
});
process.stdin.on("end", () => process.exit());
