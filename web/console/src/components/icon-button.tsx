import { Icon, type IconName } from "./icon";

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
