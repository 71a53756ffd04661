/**
 * Fit the host element to the part of the page that the keyboard of a phone leaves visible. The layout viewport, which
 * `dvh` measures, does not shrink for it.
 */
export function followViewport(host: HTMLElement): void {
  const viewport = window.visualViewport;
  if (!viewport) return;
  const fit = () => {
    const isZoomed = viewport.scale > 1.01;
    const isCovered = !isZoomed && viewport.height < window.innerHeight - 1;
    if (isCovered) {
      host.style.setProperty("--visible", `${viewport.height}px`);
      host.style.setProperty("--above", `${viewport.offsetTop}px`);
    } else for (const name of ["--visible", "--above"]) host.style.removeProperty(name);
  };
  viewport.addEventListener("resize", fit);
  viewport.addEventListener("scroll", fit);
}
