import { isColor, textColorOn } from "@hummdesk/client";
import type { WidgetLook } from "@hummdesk/client/rest";
import { language } from "@hummdesk/texts";

/** The look that the account has chosen. What it lacks is as the attributes of the script say, else the default. */
export class Look {
  /** For the shadow root, after the styles of the widget. No inline style: the page's policy may forbid them. */
  readonly sheet = new CSSStyleSheet();
  changed: () => void = () => undefined;
  private current: WidgetLook = {};

  constructor(
    private readonly host: HTMLElement,
    private readonly attributes: { color?: string; position?: string },
  ) {
    this.apply({});
  }

  get title(): string | undefined {
    return this.current.texts?.[language]?.title;
  }

  get greeting(): string | undefined {
    return this.current.texts?.[language]?.greeting;
  }

  get chosen(): WidgetLook {
    return this.current;
  }

  apply(look: WidgetLook): void {
    this.current = look;
    const { color = "", position } = { ...this.attributes, ...look };
    this.host.dataset.position = position === "left" ? "left" : "right";
    this.sheet.replaceSync(
      isColor(color) ? `:host { --brand: ${color}; --on-brand: ${textColorOn(color)}; --focus: var(--ink); }` : "",
    );
    this.changed();
  }
}
