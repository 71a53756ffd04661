/**
 * Return the color of text on a color `#rrggbb`: black or white, whichever has more contrast by WCAG 2.2. That is at
 * least 4.58 to 1 for every color.
 */
export function textColorOn(color: string): "#000000" | "#ffffff" {
  // Both contrasts are equal where 1.05 / (luminance + 0.05) = (luminance + 0.05) / 0.05.
  return luminance(color) + 0.05 > Math.sqrt(1.05 * 0.05) ? "#000000" : "#ffffff";
}

export function isColor(text: string): boolean {
  return /^#[0-9a-f]{6}$/.test(text);
}

function luminance(color: string): number {
  const [red, green, blue] = [1, 3, 5].map((start) => linear(Number.parseInt(color.slice(start, start + 2), 16) / 255));
  return 0.2126 * (red ?? 0) + 0.7152 * (green ?? 0) + 0.0722 * (blue ?? 0);
}

function linear(share: number): number {
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
}
