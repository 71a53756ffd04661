export * from "./client.js";
export * from "./content.js";
export type * from "./contract.js";
export * from "./errors.js";
export { ERASED_NAME, History, updated } from "./history.js";
export * from "./look.js";
export * from "./outbox.js";
export * from "./socket.js";
export * from "./unread.js";
