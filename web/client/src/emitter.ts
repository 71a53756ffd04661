type Listener<Payload> = (payload: Payload) => void;

/** An event emitter with typed event names and payloads. */
export class Emitter<Events> {
  private readonly listeners = new Map<keyof Events, Set<Listener<never>>>();

  /** Call `listener` for each event of this name, in the order of subscription. Returns a function that unsubscribes. */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    const subscribed = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, subscribed.add(listener));
    return () => void subscribed.delete(listener);
  }

  protected emit<Name extends keyof Events>(name: Name, payload: Events[Name]): void {
    for (const listener of [...(this.listeners.get(name) ?? [])]) (listener as Listener<Events[Name]>)(payload);
  }
}
