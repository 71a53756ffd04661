export { NoResponseError } from "../errors.js";
export { type CallOptions, etagOf } from "./calls.js";
export * from "./client.js";
export { FeedError, type FeedOptions, type FeedPosition, FIRST_POSITION } from "./feed.js";
export { type Problem, ProblemError } from "./problem.js";
export type * from "./routes.js";
