import type { ErrorReport } from "./contract.js";

const TRANSIENT = new Set(["UNAVAILABLE", "RATE_LIMITED", "INTERNAL_ERROR"]);

/** The server answered a request with an error. */
export class RequestError extends Error {
  constructor(readonly error: ErrorReport) {
    super(error.message);
    this.name = "RequestError";
  }

  /** Whether the same request may succeed later: the server was overloaded, unavailable or failed internally. */
  get isTransient(): boolean {
    return TRANSIENT.has(this.error.code);
  }

  /** @deprecated Use {@link isTransient}. */
  get mayPass(): boolean {
    return this.isTransient;
  }
}

/** The client is not connected, or the server did not respond in time. The request may have been carried out. */
export class NoResponseError extends Error {
  constructor() {
    super("The server did not respond");
    this.name = "NoResponseError";
  }
}

/** @deprecated Use {@link RequestError}. */
export const Refused = RequestError;
/** @deprecated Use {@link RequestError}. */
export type Refused = RequestError;

/** @deprecated Use {@link NoResponseError}. */
export const Unanswered = NoResponseError;
/** @deprecated Use {@link NoResponseError}. */
export type Unanswered = NoResponseError;
