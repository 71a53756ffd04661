import type { Socket } from "socket.io-client";
import type { Answer, Answers, ClientToServerEvents, ServerToClientEvents } from "./contract.js";

export type RequestName = keyof ClientToServerEvents;

/** What a request carries: its payload, or nothing. */
export type Carried<Name extends RequestName> =
  Parameters<ClientToServerEvents[Name]> extends [infer Payload, ...unknown[]] ? [payload: Payload] : [];

/**
 * The socket as it is, with typed answers. An acknowledgement may be left out, and socket.io-client's own types can
 * tell what `emitWithAck` and `timeout` give only where it may not.
 */
export type DeskSocket = Omit<Socket<ServerToClientEvents, ClientToServerEvents>, "emitWithAck" | "timeout"> & {
  emitWithAck<Name extends RequestName>(name: Name, ...payload: Carried<Name>): Promise<Answer<Answers[Name]>>;
  timeout(milliseconds: number): TimedSocket;
};

export interface TimedSocket {
  emitWithAck<Name extends RequestName>(name: Name, ...payload: Carried<Name>): Promise<Answer<Answers[Name]>>;
  emit<Name extends RequestName>(
    name: Name,
    ...payload: [...Carried<Name>, acknowledge: (timeout: Error | null, answer: Answer<Answers[Name]>) => void]
  ): unknown;
}

/** `io(…)` is this. */
export function typed(socket: Socket<ServerToClientEvents, ClientToServerEvents>): DeskSocket {
  return socket as unknown as DeskSocket;
}
