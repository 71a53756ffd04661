import { NoResponseError } from "../errors.js";
import type { CallOptions } from "./calls.js";
import { pause } from "./pause.js";
import { ProblemError } from "./problem.js";
import type { FeedEvent, FeedPage, FeedQuery } from "./routes.js";

/** A position in the feed of an account, to be stored, and to continue from. */
export interface FeedPosition {
  /** All events up to this number were read. */
  number: number;
  /** Digest over all these events, in hexadecimal. */
  digest: string;
  /** Identifies the feed; undefined before its first page was read. */
  epoch?: string;
}

/** Options of {@link RestClient.feed}. */
export interface FeedOptions {
  /** Continue after this position. Default: before the first event. */
  from?: FeedPosition;
  /** How long a request waits for the next event, in seconds. Default: 25. */
  wait?: number;
  /** Ends the iteration by throwing its reason. */
  signal?: AbortSignal;
}

/** The events do not continue those that were read before: read the current state anew. */
export class FeedError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "FeedError";
  }
}

/** The position before the first event. */
export const FIRST_POSITION: FeedPosition = { number: 0, digest: "0".repeat(64) };

const LIMIT = 500;
const LONGEST_BACKOFF_MS = 30_000;

type Read = (query: FeedQuery, options: CallOptions) => Promise<FeedPage>;

/** The events of a feed without an end; a request that fails is sent again until it succeeds. */
export async function* eventsOf(
  read: Read,
  { from = FIRST_POSITION, wait = 25, signal }: FeedOptions,
  firstBackoff: number,
): AsyncGenerator<{ event: FeedEvent; position: FeedPosition }, never> {
  let position = from;
  for (let backoff = firstBackoff; ; ) {
    const query = { after: position.number, wait, limit: LIMIT };
    const page = await read(query, { signal, timeout: (wait + 30) * 1000 }).catch(transient);
    if (!page) {
      await pause(backoff * (0.5 + Math.random()), signal);
      backoff = Math.min(2 * backoff, LONGEST_BACKOFF_MS);
      continue;
    }
    backoff = firstBackoff;
    const checked = await checkedPage(page, position);
    for (const item of checked) yield item;
    position = checked.at(-1)?.position ?? { ...position, epoch: page.epoch };
  }
}

function transient(failure: unknown): undefined {
  if (failure instanceof NoResponseError || (failure instanceof ProblemError && failure.isTransient)) return;
  throw failure;
}

/** The events of a page with their positions, after its numbers, its digest and its epoch were compared. */
async function checkedPage(
  { events, completeTo, digest, epoch }: FeedPage,
  from: FeedPosition,
): Promise<{ event: FeedEvent; position: FeedPosition }[]> {
  if (from.epoch !== undefined && from.epoch !== epoch) throw new FeedError("The feed was replaced, as in a restore");
  const checked = [];
  let { number, digest: chain } = from;
  for (const event of events) {
    number += 1;
    if (event.number !== number) throw new FeedError(`The feed has event ${event.number} in place of ${number}`);
    chain = await chained(chain, event);
    checked.push({ event, position: { number, digest: chain, epoch } });
  }
  if (completeTo !== number) throw new FeedError(`The feed is complete to ${completeTo}, and not to ${number}`);
  if (digest !== chain) throw new FeedError(`The events up to ${number} differ from those of the server`);
  return checked;
}

/** The digest of the events up to this one: SHA-256 over that of the events before, and its number, type and ids. */
async function chained(digest: string, { number, type, conversationId = "", subjectId }: FeedEvent): Promise<string> {
  const before = (digest.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16));
  const content = new TextEncoder().encode([number, type, conversationId, subjectId].join("\n"));
  const hash = await crypto.subtle.digest("SHA-256", new Uint8Array([...before, ...content]));
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
