// The slots of a canned reply, such as {{name}}: filled as the server fills them in drafts.

const SLOT = /\{\{? ?([A-Za-z][\w. -]{0,39}?) ?\}?\}/g;
const SEPARATORS = /[._ -]+/g;

// An unknown value becomes a gap: [order number].
export function fillSlots(text: string, customerName: string): string {
  const name = customerName.trim();
  const known = new Map([
    ["name", name],
    ["first name", name.split(/\s+/)[0] ?? ""],
  ]);
  return text.replace(SLOT, (_, slot: string) => {
    const label = slot.replace(SEPARATORS, " ").toLowerCase();
    const key = label.replace(/^contact /, "").replace(/^customer /, "");
    return known.get(key) || `[${label}]`;
  });
}
