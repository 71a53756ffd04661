import { NoResponseError } from "../errors.js";
import { type CallOptions, type CallParts, tag } from "./calls.js";
import { eventsOf, type FeedOptions, type FeedPosition } from "./feed.js";
import { pause } from "./pause.js";
import { type Answer, ProblemError, problemOf } from "./problem.js";
import { type FeedEvent, type FeedQuery, Routes } from "./routes.js";

/** Options of a {@link RestClient}. */
export interface RestOptions {
  /** Address of the server. Default: the origin of the page. */
  url?: string;
  /** An API key; or a function that returns one, or the token of a user, for each request. */
  token: string | (() => string | Promise<string>);
  /** How often a request is sent at most until it is answered. Default: 4. */
  attempts?: number;
  /** How long to wait before the second attempt, in milliseconds; it is doubled before each further one. Default: 500. */
  backoff?: number;
  /** How long to wait for an answer, in milliseconds. Default: 30,000. */
  timeout?: number;
  /** Replaces the global `fetch`. */
  fetch?: typeof fetch;
}

const BASE = "/api/v1";
const FIRST_BACKOFF_MS = 500;
const LONGEST_RETRY_AFTER_MS = 60_000;
const RETRIED = new Set([429, 502, 503, 504]);

/**
 * A client of the REST API: a method for each route.
 *
 * A request that is limited, or finds the server unavailable, is sent again with backoff. So is one without a response,
 * unless it has `ifMatch`: it may have been carried out. A POST has an `Idempotency-Key`, so that it acts once.
 *
 * Each method throws a {@link ProblemError} if the server refuses the request, and a {@link NoResponseError} if it does
 * not respond.
 */
export class RestClient extends Routes {
  constructor(private readonly options: RestOptions) {
    super();
  }

  /**
   * The changes of the account in the order of their numbers, and those to come, each with its position. Store the
   * position of an event that was processed, and continue from it later.
   *
   * The events are proved to be all: their numbers are contiguous, and the server's digest over them is compared. A
   * request that fails is sent again.
   *
   * @throws FeedError if the events do not continue those before the position.
   * @throws ProblemError with the status 410 if the events after the position are not kept any more.
   */
  feed(options: FeedOptions = {}): AsyncGenerator<{ event: FeedEvent; position: FeedPosition }, never> {
    const read = (query: FeedQuery, callOptions: CallOptions) => this.getFeed(query, callOptions);
    return eventsOf(read, options, this.options.backoff ?? FIRST_BACKOFF_MS);
  }

  /** The position of the last event of the feed, to read only the changes to come. */
  async feedPosition(options?: CallOptions): Promise<FeedPosition> {
    const { completeTo, digest, epoch } = await this.getFeed({}, options);
    return { number: completeTo, digest, epoch };
  }

  protected async call<Result>(method: string, path: string, parts: CallParts = {}): Promise<Result> {
    const idempotencyKey = method === "POST" ? (parts.idempotencyKey ?? crypto.randomUUID()) : undefined;
    const { attempts = 4, backoff: first = FIRST_BACKOFF_MS } = this.options;
    for (let left = attempts - 1, backoff = first; ; left--, backoff *= 2) {
      const answer = await this.send(method, path, parts, idempotencyKey);
      if (answer?.response.ok) return resultOf(answer);
      const delay = answer ? retryAfter(answer.response, backoff) : parts.ifMatch === undefined && backoff;
      if (left > 0 && delay !== false) await pause(delay, parts.signal);
      else throw answer ? new ProblemError(problemOf(answer)) : new NoResponseError();
    }
  }

  /** Send a request. Returns undefined without a complete answer. */
  private async send(
    method: string,
    path: string,
    { query, body, signal, ...parts }: CallParts,
    idempotencyKey: string | undefined,
  ): Promise<Answer | undefined> {
    const { token, url = "", fetch = globalThis.fetch } = this.options;
    const headers = new Headers({
      Authorization: `Bearer ${typeof token === "string" ? token : await token()}`,
      ...(body && { "Content-Type": "application/json" }),
      ...(idempotencyKey !== undefined && { "Idempotency-Key": idempotencyKey }),
      ...(parts.ifMatch !== undefined && { "If-Match": parts.ifMatch }),
    });
    const timeout = AbortSignal.timeout(parts.timeout ?? this.options.timeout ?? 30_000);
    try {
      const response = await fetch(`${url.replace(/\/$/, "")}${BASE}${path}${search(query)}`, {
        method,
        headers,
        ...(body && { body: JSON.stringify(body) }),
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      });
      return { response, text: await response.text() };
    } catch {
      signal?.throwIfAborted();
      return undefined;
    }
  }
}

function search(query: object = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  return given.length > 0 ? `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}` : "";
}

function resultOf<Result>({ response, text }: Answer): Result {
  return tag(text === "" ? undefined : JSON.parse(text), response.headers.get("ETag"));
}

/** How long to wait before a request is sent again, in milliseconds; false if that cannot help. */
function retryAfter({ status, headers }: Response, backoff: number): number | false {
  const seconds = headers.get("Retry-After");
  if (!RETRIED.has(status) && seconds === null) return false;
  const delay = Number(seconds) * 1000 || backoff * (0.5 + Math.random());
  return delay <= LONGEST_RETRY_AFTER_MS && delay;
}
