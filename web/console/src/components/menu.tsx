import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Icon } from "./icon";

export interface Choice {
  label: string;
  detail?: string;
  isChosen?: boolean;
  isDisabled?: boolean;
  mark?: ComponentChildren;
  choose: () => void;
}

// A button that opens a menu of choices: arrow keys move, Enter chooses, Escape closes.
export function Menu(props: {
  label: string;
  choices: Choice[];
  children: ComponentChildren;
  class?: string;
  disabled?: boolean;
  opensBy?: string;
}) {
  const [isOpen, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const id = useId();
  const items = () => [...(root.current?.querySelectorAll<HTMLElement>("[role^=menuitem]") ?? [])];

  useLayoutEffect(() => {
    if (!isOpen) return;
    const chosen = items().find((item) => item.getAttribute("aria-checked") === "true");
    (chosen ?? items()[0])?.focus();
    const closeOutside = (event: Event) => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener("pointerdown", closeOutside);
    return () => document.removeEventListener("pointerdown", closeOutside);
  }, [isOpen]);

  const close = () => {
    setOpen(false);
    root.current?.querySelector<HTMLElement>("button")?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (!isOpen) return;
    const all = items();
    const index = all.indexOf(document.activeElement as HTMLElement);
    const next = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: all.length - 1 }[event.key];
    if (next !== undefined) all[(next + all.length) % all.length]?.focus();
    else if (event.key === "Escape" || event.key === "Tab") close();
    else return;
    if (event.key !== "Tab") event.preventDefault();
    event.stopPropagation();
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: handles the keys of the menu inside
    <div class="menu" ref={root} onKeyDown={onKeyDown}>
      <button
        type="button"
        class={props.class ?? "quiet"}
        aria-haspopup="menu"
        aria-expanded={isOpen}
        aria-controls={id}
        aria-label={props.label}
        title={props.label}
        disabled={props.disabled ?? false}
        data-opens={props.opensBy}
        onClick={() => setOpen(!isOpen)}
      >
        {props.children}
      </button>
      {isOpen && (
        <div class="menu-list" role="menu" id={id} aria-label={props.label}>
          {props.choices.map((choice) => (
            <button
              type="button"
              key={choice.label}
              role="menuitemradio"
              aria-checked={choice.isChosen ?? false}
              aria-disabled={choice.isDisabled}
              tabIndex={-1}
              class="menu-item"
              onClick={() => {
                if (choice.isDisabled) return;
                close();
                choice.choose();
              }}
            >
              {choice.mark}
              <span class="menu-label">
                {choice.label}
                {choice.detail && <small>{choice.detail}</small>}
              </span>
              {choice.isChosen && <Icon name="check" />}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}
