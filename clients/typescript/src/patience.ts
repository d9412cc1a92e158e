// When a request is sent again. What may not have been received, or was refused for its rate, is; what may have been
// carried out only if that changes nothing: reads, whole writes, deletions, and events, which count once by their ids.

import { NoAnswerError } from "./errors.js";

export interface Patience {
  timeoutMs: number;
  retries: number;
}

type Fetch = typeof globalThis.fetch;
const FIRST_MS = 100, LONGEST_MS = 5_000;
const TEMPORARY = new Set([408, 429, 502, 503, 504]);
const NEVER_SENT = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT"]);

/** A fetch that waits and tries again within its time. */
export function patientFetch(send: Fetch, patience: Patience): (request: Request) => Promise<Response> {
  return async (request) => {
    const ends = Date.now() + patience.timeoutMs;
    for (let attempt = 0; ; attempt++) {
      let failed: NoAnswerError | Response;
      try {
        const signal = AbortSignal.any([request.signal, AbortSignal.timeout(Math.max(1, ends - Date.now()))]);
        // The body is read within the time too.
        const answer = await send(new Request(request.clone(), { signal, redirect: "manual" }));
        const whole = new Response(answer.status === 204 || answer.status === 304 ? null : await answer.arrayBuffer(), answer);
        Object.defineProperty(whole, "url", { value: answer.url || request.url });
        if (whole.ok || !(TEMPORARY.has(whole.status) || whole.headers.has("retry-after"))) return whole;
        failed = whole;
      } catch (error) {
        request.signal.throwIfAborted();
        failed = noAnswer(request, error);
      }
      const wait = pause(attempt, failed instanceof Response ? failed : undefined);
      const again = attempt < patience.retries && mayRepeat(request, failed) && Date.now() + wait < ends;
      if (!again && failed instanceof Response) return failed;
      if (!again) throw failed;
      await sleep(wait, request.signal);
    }
  };
}

/** Whether no answer came because nothing was sent, as far as the runtime tells: browsers do not. */
export function noAnswer(request: { method: string; url: string }, error: unknown): NoAnswerError {
  const code = (error as { cause?: { code?: string } }).cause?.code ?? "";
  return new NoAnswerError(`${request.method} ${new URL(request.url).pathname}: no answer: ${String(error)} ${code}`.trimEnd(), !NEVER_SENT.has(code), error);
}

/** Milliseconds until the next attempt: doubled by each, at random, since clients that failed together must not return together. */
export function pause(attempt: number, answer?: Response): number {
  const wait = Math.min(LONGEST_MS, FIRST_MS * 2 ** attempt) * (0.5 + 0.5 * Math.random());
  const asked = retryAfterMs(answer?.headers.get("retry-after") ?? "");
  return asked === undefined ? wait : Math.max(wait, asked + FIRST_MS * Math.random());
}

function retryAfterMs(text: string): number | undefined {
  if (/^\d+$/.test(text.trim())) return 1000 * Number(text);
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

function mayRepeat(request: Request, failed: NoAnswerError | Response): boolean {
  if (failed instanceof Response ? failed.status === 429 : !failed.sent) return true;
  if (request.method === "PATCH") return !request.headers.has("if-match");
  return request.method !== "POST" || new URL(request.url).pathname.endsWith("/v1/events");
}

export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
  signal?.throwIfAborted();
}
