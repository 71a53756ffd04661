import type { Socket } from "socket.io-client";
import type { Answer, Answers, ClientToServerEvents, ServerToClientEvents } from "./contract.js";

export type RequestName = keyof ClientToServerEvents;

/** The arguments of a request: its payload, or none. */
export type RequestPayload<Name extends RequestName> =
  Parameters<ClientToServerEvents[Name]> extends [infer Payload, ...unknown[]] ? [payload: Payload] : [];

/** @deprecated Use {@link RequestPayload}. */
export type Carried<Name extends RequestName> = RequestPayload<Name>;

/**
 * A Socket.IO socket with typed acknowledgements.
 *
 * Acknowledgements are optional in the protocol. The types of socket.io-client derive the result of `emitWithAck` and
 * `timeout` only where they are required, hence these overrides.
 */
export type DeskSocket = Omit<Socket<ServerToClientEvents, ClientToServerEvents>, "emitWithAck" | "timeout"> & {
  emitWithAck<Name extends RequestName>(name: Name, ...payload: RequestPayload<Name>): Promise<Answer<Answers[Name]>>;
  timeout(milliseconds: number): TimedSocket;
};

/** A {@link DeskSocket} whose requests fail when no acknowledgement arrives in time. */
export interface TimedSocket {
  emitWithAck<Name extends RequestName>(name: Name, ...payload: RequestPayload<Name>): Promise<Answer<Answers[Name]>>;
  emit<Name extends RequestName>(
    name: Name,
    ...payload: [...RequestPayload<Name>, acknowledge: (timeout: Error | null, answer: Answer<Answers[Name]>) => void]
  ): unknown;
}

/** The socket that `io()` of socket.io-client returned, as a {@link DeskSocket}. */
export function typed(socket: Socket<ServerToClientEvents, ClientToServerEvents>): DeskSocket {
  return socket as unknown as DeskSocket;
}
