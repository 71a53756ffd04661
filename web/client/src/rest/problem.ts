/** Why a request was refused, as RFC 9457 describes it. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  /** A code of the contract, for example `NOT_FOUND`. */
  code: string;
  detail: string;
  /** The invalid fields of a request. */
  errors?: { field: string; message: string }[];
  details?: Record<string, unknown>;
}

const TRANSIENT = new Set([429, 500, 502, 503, 504]);

/** The server refused a request. */
export class ProblemError extends Error {
  constructor(readonly problem: Problem) {
    super([problem.detail, ...(problem.errors ?? []).map(({ field, message }) => `${field}: ${message}`)].join(" "));
    this.name = "ProblemError";
  }

  get status(): number {
    return this.problem.status;
  }

  get code(): string {
    return this.problem.code;
  }

  /** Whether the same request may succeed later: the server was overloaded, unavailable or failed internally. */
  get isTransient(): boolean {
    return TRANSIENT.has(this.status);
  }
}

/** A response and its content. */
export interface Answer {
  response: Response;
  text: string;
}

/** The problem of an answer; one is made for the answer of a proxy, which has none. */
export function problemOf({ response: { status, statusText, headers }, text }: Answer): Problem {
  if (headers.get("Content-Type")?.startsWith("application/problem+json")) return JSON.parse(text);
  const title = statusText || `HTTP status ${status}`;
  const code = status >= 500 ? "UNAVAILABLE" : "VALIDATION_ERROR";
  return { type: "about:blank", title, status, code, detail: `The server answered ${status} ${statusText}`.trim() };
}
