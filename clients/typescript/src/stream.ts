// Server-sent events over fetch: EventSource cannot send a key.

import { GatewayError, NoAnswerError, ProblemError } from "./errors.js";
import { noAnswer, pause, sleep, type Patience } from "./patience.js";
import type { components, paths } from "./schema.js";

type Schemas = components["schemas"];

interface Messages {
  slate: Schemas["ServedSlate"];
  event: Schemas["StreamedEvent"];
  outcome: Schemas["StreamedOutcome"];
  stats: Schemas["Figures"];
}

export type Topic = keyof Messages;
/** A message: `topic` says what `data` is. */
export type Message<T extends Topic = Topic> = { [K in T]: { topic: K; data: Messages[K] } }[T];

/** What to follow: one user's messages only, with fields of items and the language of reasons. */
export interface Followed {
  user?: string;
  fields?: NonNullable<NonNullable<paths["/v1/stream"]["get"]["parameters"]["query"]>["fields"]>;
  lang?: string;
  signal?: AbortSignal;
}

interface Place {
  url: string;
  headers: Record<string, string>;
  send: typeof globalThis.fetch;
  patience: Patience;
}

const SILENT_MS = 45_000; // three times as long as a gateway is ever silent
const LASTED_MS = 5_000; // a connection that lasted so long begins a new count of attempts

export async function* follow<T extends Topic>(
  place: Place, topics: readonly T[], of: Followed,
): AsyncGenerator<Message<T>, void, undefined> {
  const query = new URLSearchParams({ topics: topics.join(",") });
  if (of.user !== undefined) query.set("user", of.user);
  if (of.fields?.length) query.set("fields", of.fields.join(","));
  if (of.lang !== undefined) query.set("lang", of.lang);
  for (let attempt = 0; ; attempt++) {
    const began = Date.now();
    let answer: Response | undefined;
    try {
      yield* connected<T>(place, `${place.url}/v1/stream?${query}`, of.signal, (opened) => (answer = opened));
    } catch (error) {
      if (of.signal?.aborted) return;
      if (!(error instanceof GatewayError)) throw error;
      if (Date.now() - began > LASTED_MS) attempt = 0;
      const lost = error instanceof NoAnswerError || (answer !== undefined && [429, 502, 503, 504].includes(answer.status));
      if (!lost || attempt >= place.patience.retries) throw error;
    }
    await sleep(pause(attempt, answer), of.signal).catch(() => undefined);
    if (of.signal?.aborted) return;
  }
}

/** The messages of one connection; it always ends with an error. */
async function* connected<T extends Topic>(
  place: Place, url: string, signal: AbortSignal | undefined, opened: (answer: Response) => void,
): AsyncGenerator<Message<T>, void, undefined> {
  const gone = new AbortController();
  let timer = setTimeout(() => gone.abort(), place.patience.timeoutMs);
  const request = { method: "GET", url };
  try {
    const signals = signal === undefined ? [gone.signal] : [gone.signal, signal];
    const answer = await place.send(url, { headers: place.headers, signal: AbortSignal.any(signals), redirect: "manual" });
    opened(answer);
    if (!answer.ok || answer.body === null) throw new ProblemError(answer, await answer.json().catch(() => undefined));
    const lines = new Lines();
    const reader = answer.body.getReader();
    for (;;) {
      clearTimeout(timer);
      timer = setTimeout(() => gone.abort(), SILENT_MS);
      const { value, done } = await reader.read();
      if (done) throw new NoAnswerError("GET /v1/stream: the gateway ended it", true);
      yield* lines.feed<T>(value);
    }
  } catch (error) {
    throw error instanceof GatewayError ? error : noAnswer(request, error);
  } finally {
    clearTimeout(timer);
    gone.abort();
  }
}

/** Bytes in any pieces come in, messages come out; comments are passed over. */
class Lines {
  private rest = "";
  private topic = "";
  private data: string[] = [];
  private readonly decoder = new TextDecoder();

  *feed<T extends Topic>(piece: Uint8Array): Generator<Message<T>> {
    const lines = (this.rest + this.decoder.decode(piece, { stream: true })).split("\n");
    this.rest = lines.pop() ?? "";
    for (const line of lines.map((each) => each.replace(/\r$/, ""))) {
      const colon = line.indexOf(":");
      const field = colon < 0 ? line : line.slice(0, colon), value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (field === "event" && colon !== 0) this.topic = value;
      else if (field === "data") this.data.push(value);
      else if (line === "") {
        if (this.data.length > 0) yield { topic: this.topic, data: JSON.parse(this.data.join("\n")) } as Message<T>;
        this.topic = "";
        this.data = [];
      }
    }
  }
}
