// The types of tus-js-client name that of Node.js.
type Buffer = Uint8Array;
