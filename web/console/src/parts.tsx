// Small things that everything is made of.

import type { ComponentChildren } from "preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { initials, tint } from "./format";
import { Icon, type IconName } from "./icons";
import type { Presence } from "./types";

export function Avatar({ name, presence }: { name: string; presence?: Presence | undefined }) {
  return (
    <span class={`avatar tint-${tint(name)}`} data-initials={initials(name)} aria-hidden="true">
      {presence && <span class={`dot dot-${presence}`} />}
    </span>
  );
}

export function IconButton(props: { icon: IconName; label: string; onClick: () => void; class?: string }) {
  return (
    <button
      type="button"
      class={`icon-button ${props.class ?? ""}`}
      aria-label={props.label}
      title={props.label}
      onClick={props.onClick}
    >
      <Icon name={props.icon} />
    </button>
  );
}

export interface Choice {
  label: string;
  detail?: string;
  isChosen?: boolean;
  mark?: ComponentChildren;
  choose: () => void;
}

// A button that opens a list of choices: arrows move, Enter chooses, Escape closes.
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
    const outside = (event: Event) => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener("pointerdown", outside);
    return () => document.removeEventListener("pointerdown", outside);
  }, [isOpen]);

  const close = () => {
    setOpen(false);
    root.current?.querySelector<HTMLElement>("button")?.focus();
  };
  const move = (event: KeyboardEvent) => {
    if (!isOpen) return;
    const all = items();
    const at = all.indexOf(document.activeElement as HTMLElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (next !== undefined) all[(next + all.length) % all.length]?.focus();
    else if (event.key === "Escape" || event.key === "Tab") close();
    else return;
    if (event.key !== "Tab") event.preventDefault();
    event.stopPropagation();
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the keys are those of the menu inside
    <div class="menu" ref={root} onKeyDown={move}>
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
              tabIndex={-1}
              class="menu-item"
              onClick={() => {
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

// A window above everything, which the browser keeps the focus in and closes by Escape.
export function Dialog(props: { label: string; close: () => void; children: ComponentChildren; class?: string }) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    ref.current?.showModal();
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the browser closes it by Escape
    <dialog
      ref={ref}
      class={props.class ?? ""}
      aria-label={props.label}
      onClose={props.close}
      onClick={(event) => event.target === ref.current && props.close()}
    >
      {props.children}
    </dialog>
  );
}

export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <span class="empty-icon">
        <Icon name={icon} />
      </span>
      <p class="empty-title">{title}</p>
      {children && <p class="empty-text">{children}</p>}
    </div>
  );
}
