// Bun finds the package from here.
export { Server } from "@socket.io/bun-engine";
