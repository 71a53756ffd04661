// How an alert reaches the user: a sound, a notification of the desktop, a mark on the icon of the page.

const ICON_COLOR = "#0b6b63";
const MARK_COLOR = "#d92d20";

export function playSound(): void {
  try {
    const context = new AudioContext();
    const gain = new GainNode(context, { gain: 0.08 });
    gain.connect(context.destination);
    for (const [frequency, start] of [
      [660, 0],
      [880, 0.12],
    ] as const) {
      const tone = new OscillatorNode(context, { frequency });
      tone.connect(gain);
      tone.start(context.currentTime + start);
      tone.stop(context.currentTime + start + 0.1);
      if (start > 0) tone.onended = () => void context.close();
    }
  } catch {
    // no audio device
  }
}

export function showDesktop(title: string, body: string, id: string, open: () => void): void {
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  try {
    const shown = new Notification(title, { body, tag: id });
    shown.onclick = () => {
      window.focus();
      open();
      shown.close();
    };
  } catch {
    // a phone, where only service workers may show one
  }
}

// Ask the browser for the permission. Returns whether notifications of the desktop can be shown.
export async function allowDesktop(): Promise<boolean> {
  if (!("Notification" in window)) return false;
  return (await Notification.requestPermission()) === "granted";
}

export function markIcon(isMarked: boolean): void {
  const link = document.querySelector<HTMLLinkElement>("link[rel=icon]");
  if (link) link.href = `data:image/svg+xml,${encodeURIComponent(iconOf(isMarked))}`;
}

function iconOf(isMarked: boolean): string {
  const mark = isMarked ? `<circle cx="24" cy="8" r="8" fill="${MARK_COLOR}"/>` : "";
  const bubble = `<rect x="2" y="4" width="28" height="22" rx="7" fill="${ICON_COLOR}"/><path d="M10 24v8l9-8z" fill="${ICON_COLOR}"/>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${bubble}${mark}</svg>`;
}
