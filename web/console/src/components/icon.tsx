// Icons on a 20 by 20 grid, in the colour of the text and hidden from screen readers.

const PATHS = {
  search: "M9 3.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11ZM13 13l4 4",
  back: "M12.5 4.5 7 10l5.5 5.5",
  down: "m5.5 8 4.5 4.5L14.5 8",
  check: "m4 10.5 4 4 8-9",
  checks: "m1.5 10.5 4 4 8-9M9.5 13.5l1 1 8-9",
  clock: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14ZM10 6v4.2l2.6 1.6",
  close: "m5 5 10 10M15 5 5 15",
  note: "M4 4h12v8l-4 4H4ZM12 16v-4h4",
  reply: "M8 5 3.5 9.5 8 14M4 9.5h7.5a5 5 0 0 1 5 5V16",
  link: "M8.5 11.5a3 3 0 0 0 4.3 0l2.8-2.8a3 3 0 0 0-4.3-4.3L10 5.7M11.5 8.5a3 3 0 0 0-4.3 0L4.4 11.3a3 3 0 0 0 4.3 4.3L10 14.3",
  file: "M14 8.5 8.8 13.7a2 2 0 0 1-2.8-2.8l6-6a3.2 3.2 0 0 1 4.6 4.6l-6.3 6.2a4.6 4.6 0 0 1-6.5-6.5L9 4",
  smile: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14ZM7.2 8v.1M12.8 8v.1M6.8 11.6c1.6 2.4 4.8 2.4 6.4 0",
  spark: "M10 2.5 11.8 8 17.5 10 11.8 12 10 17.5 8.2 12 2.5 10 8.2 8Z",
  person: "M10 3.5a3.2 3.2 0 1 0 0 6.4 3.2 3.2 0 0 0 0-6.4ZM3.8 16.5c.6-3 3.1-4.7 6.2-4.7s5.6 1.7 6.2 4.7",
  panel: "M3 4.5h14v11H3ZM12 4.5v11",
  eye: "M2 10c1.8-3.4 4.6-5 8-5s6.2 1.6 8 5c-1.8 3.4-4.6 5-8 5s-6.2-1.6-8-5ZM10 7.8a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.4Z",
  warn: "M10 3 18 16.5H2ZM10 8v4M10 14.2v.1",
  send: "M3.5 10 16.5 4l-4 13-3-5.5ZM9.5 11.5l7-7.5",
  unread: "M3 5.5h8.5M16.5 9v6.5h-13V5.5l6.5 5 2.5-2M15.5 3.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6Z",
  inbox: "M3 11.5 5.5 4.5h9l2.5 7v4H3ZM3 11.5h4.2l1 2h3.6l1-2H17",
  gear: "M3 6h8M15 6h2M3 14h2M9 14h8M13 4a2 2 0 1 0 0 4 2 2 0 0 0 0-4ZM7 12a2 2 0 1 0 0 4 2 2 0 0 0 0-4Z",
  help: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14ZM7.9 8a2.2 2.2 0 1 1 3 2c-.6.3-.9.7-.9 1.4M10 13.8v.1",
};

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
