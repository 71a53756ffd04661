import type { WidgetStorage } from "./storage.js";

const NOTES_HZ = [660, 880];
const NOTE_SECONDS = 0.12;

/** A sound for messages that the visitor is not looking at, which the visitor may switch on. */
export class Sound {
  private context: AudioContext | undefined;

  constructor(private readonly storage: WidgetStorage) {}

  get isOn(): boolean {
    return this.storage.read("sound") === "on";
  }

  toggle(): void {
    this.storage.write("sound", this.isOn ? null : "on");
    if (this.isOn) this.play();
  }

  /** Browsers allow sounds once the visitor has used the page. */
  play(): void {
    if (!this.isOn || typeof AudioContext === "undefined") return;
    this.context ??= new AudioContext();
    const { context } = this;
    void context.resume().catch(() => undefined);
    NOTES_HZ.forEach((frequency, n) => {
      const tone = context.createOscillator();
      const volume = context.createGain();
      const start = context.currentTime + n * NOTE_SECONDS;
      tone.frequency.value = frequency;
      volume.gain.setValueAtTime(0.1, start);
      volume.gain.exponentialRampToValueAtTime(0.001, start + NOTE_SECONDS);
      tone.connect(volume).connect(context.destination);
      tone.start(start);
      tone.stop(start + NOTE_SECONDS);
    });
  }
}
