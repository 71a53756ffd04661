/** Options of each method of a {@link RestClient}. */
export interface CallOptions {
  /** Only change the resource while it has this ETag, see {@link etagOf}; otherwise the problem has the status 412. */
  ifMatch?: string | undefined;
  /** For a POST. Default: a new key for each call, which its retries repeat. */
  idempotencyKey?: string;
  /** Ends the call, also between two attempts. */
  signal?: AbortSignal | undefined;
  /** How long to wait for an answer, in milliseconds. Default: that of the client. */
  timeout?: number;
}

/** A call's query, body and options. */
export interface CallParts extends CallOptions {
  query?: object;
  body?: object;
}

/** A page of a list. */
interface Page {
  nextCursor?: string;
}

const etags = new WeakMap<object, string>();

/** The ETag with which a method returned this resource, for `ifMatch`; undefined if the resource has none. */
export function etagOf(resource: object): string | undefined {
  return etags.get(resource);
}

/** Record the ETag of a resource. */
export function tag<Resource>(resource: Resource, etag: string | null): Resource {
  if (etag !== null && typeof resource === "object" && resource !== null) etags.set(resource, etag);
  return resource;
}

/** Template of a path, with its parameters encoded. */
export function path(parts: TemplateStringsArray, ...values: string[]): string {
  return String.raw({ raw: parts }, ...values.map(encodeURIComponent));
}

/** The items of all pages of a list. A page is requested when the items of the one before are consumed. */
export async function* paged<Field extends string, Item>(
  list: (page: { cursor?: string }) => Promise<Page & Record<Field, Item[]>>,
  field: Field,
): AsyncGenerator<Item, void> {
  let page = await list({});
  for (;;) {
    yield* page[field];
    if (page.nextCursor === undefined) return;
    page = await list({ cursor: page.nextCursor });
  }
}

/** The items of all pages of a list, whose position is the `seq` of their last item. */
export async function* pagedBySeq<Field extends string, Item extends { seq: number }>(
  list: (page: { afterSeq: number }) => Promise<{ hasMore: boolean } & Record<Field, Item[]>>,
  field: Field,
  afterSeq = 0,
): AsyncGenerator<Item, void> {
  for (let after = afterSeq; ; ) {
    const page = await list({ afterSeq: after });
    yield* page[field];
    const last = page[field].at(-1);
    if (!page.hasMore || !last) return;
    after = last.seq;
  }
}
