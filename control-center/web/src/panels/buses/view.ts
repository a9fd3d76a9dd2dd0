// What each view of the bus panel can be told.
export interface View {
  root: HTMLElement;
  /** It came to the front. */
  shown(): void;
  /** Once a second while it is in front and the hall is reached. */
  tick(): void;
}
