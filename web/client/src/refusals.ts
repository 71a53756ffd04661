import type { ErrorReport } from "./contract.js";

/** The desk has answered that it will not. */
export class Refused extends Error {
  constructor(readonly error: ErrorReport) {
    super(error.message);
    this.name = "Refused";
  }
}

/** There is no connection, or no answer came: it may have been done. */
export class Unanswered extends Error {
  constructor() {
    super("The desk did not answer");
    this.name = "Unanswered";
  }
}
