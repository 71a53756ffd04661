import { Refused } from "@hummdesk/client";

/** Who the visitor is: by a pass that is kept for the pages of this origin, or by a token of the host's own server. */
export type Identity = string | (() => string | Promise<string>);

export class Visit {
  private identity: Identity | undefined;
  private readonly key: string;

  constructor(
    private readonly desk: string,
    private readonly account: string,
  ) {
    this.key = `hummdesk.${account}`;
  }

  get isKnown(): boolean {
    return this.identity !== undefined || this.read("pass") !== null;
  }

  identify(identity: Identity | undefined): void {
    this.identity = identity;
  }

  forget(): void {
    this.identity = undefined;
    for (const name of ["pass", "letters", "beginning"]) this.write(name, null);
  }

  /** A token that is valid for a while. A pass that is not good any more makes place for a new visitor. */
  token = async (): Promise<string> => {
    const { identity } = this;
    if (identity !== undefined) return typeof identity === "string" ? identity : identity();
    try {
      return await this.session(this.read("pass"));
    } catch (fault) {
      if (!(fault instanceof Refused) || fault.error.code !== "UNAUTHORIZED") throw fault;
      this.forget();
      return this.session(null);
    }
  };

  read(name: string): string | null {
    try {
      return localStorage.getItem(`${this.key}.${name}`);
    } catch {
      return null; // the page has no storage: then a visit ends with it
    }
  }

  write(name: string, value: string | null): void {
    try {
      if (value === null) localStorage.removeItem(`${this.key}.${name}`);
      else localStorage.setItem(`${this.key}.${name}`, value);
    } catch {
      // As above.
    }
  }

  private async session(pass: string | null): Promise<string> {
    const body = JSON.stringify({ accountId: this.account, ...(pass === null ? {} : { pass }) });
    const answer = await fetch(`${this.desk}/widget/session`, { method: "POST", body, credentials: "omit" });
    const said = await answer.json();
    if (!answer.ok) throw new Refused(said);
    this.write("pass", said.pass);
    return said.token;
  }
}
