declare module "virtual:texts" {
  /** The addresses of the files with the texts, by language and part. */
  export const FILES: Record<import("./index").Language, Partial<Record<import("./index").Part, string>>>;
}
