import type { ErrorReport } from "./contract.js";

const PASSING = new Set(["UNAVAILABLE", "RATE_LIMITED", "INTERNAL_ERROR"]);

/** The desk has answered that it will not. */
export class Refused extends Error {
  constructor(readonly error: ErrorReport) {
    super(error.message);
    this.name = "Refused";
  }

  /** The same may be done another time. */
  get mayPass(): boolean {
    return PASSING.has(this.error.code);
  }
}

/** There is no connection, or no answer came: it may have been done. */
export class Unanswered extends Error {
  constructor() {
    super("The desk did not answer");
    this.name = "Unanswered";
  }
}
