// A Vite plugin: leave the transport WebTransport out of the pages, which the server does not speak and they never ask for.

const LEFT_OUT = "\0webtransport";

export function twoTransports() {
  return {
    name: "two-transports",
    enforce: "pre",
    resolveId: (name, importer) =>
      name === "./webtransport.js" && importer?.includes("/engine.io-client/") ? LEFT_OUT : undefined,
    load: (id) => (id === LEFT_OUT ? "export const WT = undefined;" : undefined),
  };
}
