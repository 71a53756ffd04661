import { RequestError } from "@hummdesk/client";
import type { WidgetLook } from "@hummdesk/client/rest";
import type { WidgetStorage } from "./storage.js";

const FRESH_MS = 3_600_000;
const LONGEST_PAGE = 200;

/** A token that the host's own server has signed, or a function that returns one. */
export type Identity = string | (() => string | Promise<string>);

/**
 * The visitor's identity.
 *
 * An anonymous visitor is recognized by a credential in the `localStorage` of the host page's origin. A visitor whom the
 * host has identified uses the host's token, which is not stored: `owner` names the person to whom the stored data belong.
 */
export class Visitor {
  private identity: Identity | undefined;
  /** The token by which {@link settle} has recognized the person; for the first connection. */
  private settled: string | undefined;

  constructor(
    private readonly server: string,
    private readonly account: string,
    readonly storage: WidgetStorage,
    private readonly onLook: (look: WidgetLook) => void,
  ) {
    onLook(storage.readObject<WidgetLook>("look"));
  }

  get isKnown(): boolean {
    return this.identity !== undefined || this.storage.read("pass") !== null;
  }

  get isIdentified(): boolean {
    return this.identity !== undefined;
  }

  /** Whether the stored data belong to an identified customer whom this page has not identified (yet). */
  get isOwnerMissing(): boolean {
    return this.identity === undefined && this.storage.read("owner") !== null;
  }

  /** Use the identity of a customer. An anonymous visitor becomes that customer with the next token. */
  identify(identity: Identity): void {
    this.identity = identity;
    this.settled = undefined;
  }

  forget(): void {
    this.identity = undefined;
    this.settled = undefined;
    this.storage.forgetPerson();
  }

  /**
   * Find out who the visitor is, and delete what another person has left. What an anonymous visitor has sent remains when
   * the host identifies a customer; the unsent text does not.
   *
   * @throws what the host's function throws.
   */
  async settle(): Promise<void> {
    const { identity, storage } = this;
    if (identity === undefined) {
      if (this.isOwnerMissing) storage.forgetPerson();
      return;
    }
    const token = typeof identity === "string" ? identity : await identity();
    if (identity !== this.identity) return;
    this.settled = token;
    const person = personOf(token);
    if (storage.read("pass") !== null) storage.write("drafts", null);
    else if (storage.read("owner") !== person) storage.forgetPerson();
    storage.write("owner", person);
  }

  /** Return a valid token. If the server rejects the stored credential, start over as a new visitor. */
  token = async (): Promise<string> => {
    const { identity, settled } = this;
    if (identity !== undefined) {
      this.settled = undefined;
      const token = typeof identity === "string" ? identity : (settled ?? (await identity()));
      await this.merge(token);
      return token;
    }
    try {
      return await this.requestSession(this.storage.read("pass"));
    } catch (failure) {
      if (!(failure instanceof RequestError) || failure.error.code !== "UNAUTHORIZED") throw failure;
      this.forget();
      return this.requestSession(null);
    }
  };

  /**
   * Make the anonymous visitor of this browser the customer of a token. If the server does not answer, or rejects the
   * token, the credential is kept, and the next token tries again.
   */
  private async merge(token: string): Promise<void> {
    const pass = this.storage.read("pass");
    if (pass === null) return;
    const response = await this.post("identify", { pass, token }).catch(() => undefined);
    if (response?.ok) this.storage.write("pass", null);
  }

  private async requestSession(pass: string | null): Promise<string> {
    const page = location.pathname.slice(0, LONGEST_PAGE);
    const response = await this.post("session", pass === null ? { page } : { pass });
    const payload = await response.json();
    if (!response.ok) throw new RequestError(payload);
    this.storage.write("pass", payload.pass);
    this.storeLook(payload.look);
    return payload.token;
  }

  /** Load the look if it is not known, or may have changed: the first pages of a visitor have no session. */
  async loadLook(): Promise<void> {
    if (Date.now() - Number(this.storage.read("lookAt")) < FRESH_MS) return;
    const response = await this.post("look", {}).catch(() => undefined);
    if (response?.ok) this.storeLook((await response.json()).look);
  }

  private storeLook(look: WidgetLook = {}): void {
    this.storage.write("look", JSON.stringify(look));
    this.storage.write("lookAt", String(Date.now()));
    this.onLook(look);
  }

  private post(route: string, fields: object): Promise<Response> {
    const body = JSON.stringify({ accountId: this.account, ...fields });
    return fetch(`${this.server}/widget/${route}`, { method: "POST", body, credentials: "omit" });
  }
}

/** What names the person of a token, whether or not the server will accept it. */
export function personOf(token: string): string {
  try {
    const claims = JSON.parse(atob((token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/")));
    return String(claims.externalId ?? claims.userId ?? "unknown");
  } catch {
    return "unknown"; // such a token is refused
  }
}
