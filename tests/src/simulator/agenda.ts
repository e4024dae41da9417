/** Something that will happen at a time, unless it is called off. `order` decides among what happens at the same time. */
export type Entry = { at: number; readonly order: number; act: (() => void) | undefined };

export type Agenda = {
  put(entry: Entry): void;
  /** The earliest that was not called off. */
  take(): Entry | undefined;
};

/** A binary heap. */
export function createAgenda(): Agenda {
  const heap: Entry[] = [];

  return {
    put(entry) {
      heap.push(entry);
      rise(heap, heap.length - 1);
    },
    take() {
      for (;;) {
        const [first] = heap;
        const last = heap.pop();
        if (first === undefined || last === undefined) return undefined;
        if (heap.length > 0) {
          heap[0] = last;
          sink(heap, 0);
        }
        if (first.act !== undefined) return first;
      }
    },
  };
}

function rise(heap: Entry[], index: number): void {
  for (let child = index; child > 0; ) {
    const parent = (child - 1) >> 1;
    if (!isLater(heap[parent], heap[child])) return;
    swap(heap, child, parent);
    child = parent;
  }
}

function sink(heap: Entry[], index: number): void {
  for (let parent = index; ; ) {
    const left = 2 * parent + 1;
    const earlier = left + 1 < heap.length && isLater(heap[left], heap[left + 1]) ? left + 1 : left;
    if (earlier >= heap.length || !isLater(heap[parent], heap[earlier])) return;
    swap(heap, parent, earlier);
    parent = earlier;
  }
}

function isLater(one: Entry | undefined, other: Entry | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  return one.at > other.at || (one.at === other.at && one.order > other.order);
}

function swap(heap: Entry[], one: number, other: number): void {
  const [first, second] = [heap[one], heap[other]];
  if (first === undefined || second === undefined) return;
  heap[one] = second;
  heap[other] = first;
}
