import { RequestError } from "@hummdesk/client";
import type { WidgetLook } from "@hummdesk/client/rest";

/** A token that the host's own server has signed, or a function that returns one. */
export type Identity = string | (() => string | Promise<string>);

/**
 * Identity and storage of the visitor.
 *
 * An anonymous visitor is recognized by a credential in the `localStorage` of the host page's origin. A visitor whom the
 * host has identified uses the host's token, which is not stored.
 */
export class Visitor {
  private identity: Identity | undefined;
  private readonly prefix: string;

  constructor(
    private readonly server: string,
    private readonly account: string,
    private readonly onLook: (look: WidgetLook) => void,
  ) {
    this.prefix = `hummdesk.${account}.`;
    onLook(this.storedLook());
  }

  get isKnown(): boolean {
    return this.identity !== undefined || this.read("pass") !== null;
  }

  /**
   * Use the identity of a customer. An anonymous visitor becomes that customer with the next token: what is stored for
   * the visitor remains. What another customer has left is deleted.
   */
  identify(identity: Identity): void {
    if (this.identity !== undefined || this.read("pass") === null) this.forget();
    this.identity = identity;
  }

  forget(): void {
    this.identity = undefined;
    for (const name of ["pass", "letters", "beginning"]) this.write(name, null);
  }

  /** Return a valid token. If the server rejects the stored credential, start over as a new visitor. */
  token = async (): Promise<string> => {
    const { identity } = this;
    if (identity !== undefined) {
      const token = typeof identity === "string" ? identity : await identity();
      await this.merge(token);
      return token;
    }
    try {
      return await this.requestSession(this.read("pass"));
    } catch (failure) {
      if (!(failure instanceof RequestError) || failure.error.code !== "UNAUTHORIZED") throw failure;
      this.forget();
      return this.requestSession(null);
    }
  };

  read(name: string): string | null {
    try {
      return localStorage.getItem(this.prefix + name);
    } catch {
      return null; // storage is disabled: the visitor is new on each page
    }
  }

  write(name: string, value: string | null): void {
    try {
      if (value === null) localStorage.removeItem(this.prefix + name);
      else localStorage.setItem(this.prefix + name, value);
    } catch {
      // Storage is full or disabled.
    }
  }

  /** The look of the last session. It is the account's, not the visitor's: it remains after {@link forget}. */
  private storedLook(): WidgetLook {
    try {
      return JSON.parse(this.read("look") ?? "{}") ?? {};
    } catch {
      return {}; // the page has written something else
    }
  }

  /**
   * Make the anonymous visitor of this browser the customer of a token. If the server does not answer, or rejects the
   * token, the credential is kept, and the next token tries again.
   */
  private async merge(token: string): Promise<void> {
    const pass = this.read("pass");
    if (pass === null) return;
    const body = JSON.stringify({ accountId: this.account, pass, token });
    const request = fetch(`${this.server}/widget/identify`, { method: "POST", body, credentials: "omit" });
    const response = await request.catch(() => undefined);
    if (response?.ok) this.write("pass", null);
  }

  private async requestSession(pass: string | null): Promise<string> {
    const body = JSON.stringify({ accountId: this.account, ...(pass === null ? {} : { pass }) });
    const response = await fetch(`${this.server}/widget/session`, { method: "POST", body, credentials: "omit" });
    const payload = await response.json();
    if (!response.ok) throw new RequestError(payload);
    this.write("pass", payload.pass);
    this.write("look", JSON.stringify(payload.look ?? {}));
    this.onLook(payload.look ?? {});
    return payload.token;
  }
}
