/** Where more is to be seen of an outbox, of a group, and of what died in either. */
export function outboxPlace(service: string): string {
  return `/outbox#${encodeURIComponent(service)}`;
}

export function groupPlace(group: string): string {
  return `/outbox#${encodeURIComponent(groupId(group))}`;
}

/** Of its row in the page: a service may have the same name. */
export function groupId(group: string): string {
  return `group-${group}`;
}

export function lettersPlace(text: string): string {
  return `/dead-letters?${new URLSearchParams({ q: text })}`;
}
