// A client of headwater's gateway: openapi-fetch over the types of its OpenAPI document, with patience and streams.

import createClient, { type Client } from "openapi-fetch";
import { GatewayError, NoAnswerError, ProblemError } from "./errors.js";
import { patientFetch } from "./patience.js";
import type { components, paths } from "./schema.js";
import { follow, type Followed, type Message, type Topic } from "./stream.js";

export { GatewayError, NoAnswerError, ProblemError };
export type { components, Followed, Message, paths, Topic };

export type Schemas = components["schemas"];
export type ServedSlate = Schemas["ServedSlate"];
export type Problem = Schemas["ProblemDetails"];

export interface Options {
  /** Of the gateway: http://127.0.0.1:8080 */
  url: string;
  /** A key, or a token of a user; in a browser always a token. */
  key?: string;
  /** For one call, all attempts together. */
  timeoutMs?: number;
  /** How often a call is sent again. */
  retries?: number;
  fetch?: typeof globalThis.fetch;
}

export interface Gateway extends Client<paths> {
  /** Messages as they happen; a lost connection is made anew. A signal ends it, and so does `break`. */
  stream<T extends Topic = "slate">(topics?: readonly T[], of?: Followed): AsyncGenerator<Message<T>, void, undefined>;
}

/** A gateway: `GET`, `POST`, ... take the paths of its document, and `data` or `error` is typed by it. */
export function createGateway(options: Options): Gateway {
  const url = options.url.replace(/\/+$/, "");
  const headers: Record<string, string> = options.key ? { Authorization: `Bearer ${options.key}` } : {};
  const patience = { timeoutMs: options.timeoutMs ?? 10_000, retries: options.retries ?? 4 };
  const send = options.fetch ?? globalThis.fetch;
  const client = createClient<paths>({ baseUrl: url, headers, fetch: patientFetch(send, patience), querySerializer: queryOf });
  return Object.assign(client, {
    stream: <T extends Topic = "slate">(topics?: readonly T[], of: Followed = {}) =>
      follow<T>({ url, headers, send, patience }, topics ?? (["slate"] as unknown as readonly T[]), of),
  });
}

/** Lists are joined by commas, but for ids, which may hold one: they are repeated. */
function queryOf(query: Record<string, unknown>): string {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (!Array.isArray(value)) {
      if (value !== undefined && value !== null) found.set(name, String(value));
    } else if (name === "exclude") for (const each of value) found.append(name, String(each));
    else if (value.length > 0) found.set(name, value.join(","));
  }
  return found.toString();
}

/** What an answer says, or an error that holds its problem document. */
export function dataOf<T>(answer: { data?: T; error?: unknown; response: Response }): T {
  if (answer.response.ok && answer.data !== undefined) return answer.data;
  throw new ProblemError(answer.response, answer.error);
}
