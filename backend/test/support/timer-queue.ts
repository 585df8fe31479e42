/** A timer on the simulated clock. `tie` orders those that fall due at the same time, then `sequence` (first come first). */
export interface SimulatedTimer {
  readonly dueAt: number;
  readonly tie: number;
  readonly sequence: number;
  readonly then: () => void;
  isCancelled: boolean;
}

function isBefore(one: SimulatedTimer, other: SimulatedTimer): boolean {
  if (one.dueAt !== other.dueAt) return one.dueAt < other.dueAt;
  if (one.tie !== other.tie) return one.tie < other.tie;
  return one.sequence < other.sequence;
}

/** A binary heap of timers, earliest first. A cancelled timer stays until it comes to the top. */
export class TimerQueue {
  private readonly heap: SimulatedTimer[] = [];

  push(timer: SimulatedTimer): void {
    let index = this.heap.push(timer) - 1;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = this.heap[parentIndex];
      if (parent === undefined || !isBefore(timer, parent)) break;
      this.heap[index] = parent;
      index = parentIndex;
    }
    this.heap[index] = timer;
  }

  /** The earliest timer that is not cancelled; it stays in the queue. */
  peek(): SimulatedTimer | undefined {
    while (this.heap[0]?.isCancelled) this.removeTop();
    return this.heap[0];
  }

  /** Takes out every timer due at or before `time`, in order. */
  takeDue(time: number): SimulatedTimer[] {
    const due: SimulatedTimer[] = [];
    for (let top = this.peek(); top !== undefined && top.dueAt <= time; top = this.peek()) {
      due.push(top);
      this.removeTop();
    }
    return due;
  }

  private removeTop(): void {
    const last = this.heap.pop();
    if (last === undefined || this.heap.length === 0) return;
    let index = 0;
    for (;;) {
      const [leftIndex, rightIndex] = [2 * index + 1, 2 * index + 2];
      const [left, right] = [this.heap[leftIndex], this.heap[rightIndex]];
      if (left === undefined) break;
      const isRight = right !== undefined && isBefore(right, left);
      const child = isRight ? right : left;
      if (!isBefore(child, last)) break;
      this.heap[index] = child;
      index = isRight ? rightIndex : leftIndex;
    }
    this.heap[index] = last;
  }
}
