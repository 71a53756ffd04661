export const CROSS = "M6 6l12 12M18 6L6 18";

/** An icon that needs no font. */
export function Drawing({ path }: { path: string }) {
  return (
    <svg viewBox="0 0 24 24" aria-hidden="true">
      <path d={path} />
    </svg>
  );
}
