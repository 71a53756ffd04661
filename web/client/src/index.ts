export * from "./content.js";
export type * from "./contract.js";
export * from "./desk.js";
export { History } from "./history.js";
export * from "./outbox.js";
export * from "./refusals.js";
export * from "./socket.js";
