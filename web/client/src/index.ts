export type * from "./contract.js";
export * from "./socket.js";
