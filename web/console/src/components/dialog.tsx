import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

// A modal dialog. The browser keeps the focus inside and closes it on Escape. It opens before the first paint, so that
// keys pressed at once reach it.
export function Dialog(props: { label: string; close: () => void; children: ComponentChildren; class?: string }) {
  const ref = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    ref.current?.showModal();
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the browser closes it on Escape
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
