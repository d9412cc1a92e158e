import type { components } from "./schema.js";

export class GatewayError extends Error {}

/** The gateway was not reached, or did not answer in time; `sent`: it may have received the request. */
export class NoAnswerError extends GatewayError {
  override name = "NoAnswerError";
  constructor(message: string, readonly sent: boolean, cause?: unknown) {
    super(message, { cause });
  }
}

/** The gateway answered with a problem document. */
export class ProblemError extends GatewayError {
  override name = "ProblemError";
  readonly status: number;
  readonly problem: components["schemas"]["ProblemDetails"];
  constructor(response: Response, body: unknown) {
    const problem = problemOf(response.status, body);
    super(`${new URL(response.url).pathname}: ${response.status}: ${problem.detail}`);
    this.status = response.status;
    this.problem = problem;
  }
}

/** A proxy's answer may be no problem document. */
function problemOf(status: number, body: unknown): components["schemas"]["ProblemDetails"] {
  if (typeof body === "object" && body !== null && "detail" in body) return body as components["schemas"]["ProblemDetails"];
  return { title: "", status, detail: typeof body === "string" ? body.slice(0, 200) : "" };
}
