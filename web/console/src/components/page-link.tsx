import type { ComponentChildren } from "preact";
import { useStore } from "../state/context";

// A link to another address of the console, which opens without loading the page again.
export function PageLink(props: {
  href: string;
  class?: string;
  isCurrent?: boolean;
  onFollow?: () => void;
  children: ComponentChildren;
}) {
  const store = useStore();
  const onClick = (event: MouseEvent) =>
    follow(event, () => {
      props.onFollow?.();
      store.go(props.href);
    });
  return (
    <a
      href={props.href}
      class={props.class ?? ""}
      aria-current={props.isCurrent ? "page" : undefined}
      onClick={onClick}
    >
      {props.children}
    </a>
  );
}

// Open a link in this page, unless the click asks the browser for a new tab or window.
export function follow(event: MouseEvent, open: () => void): void {
  if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  open();
}
