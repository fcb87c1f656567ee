// Who waits for which value of which chart. The time is taken when the engine tells of the change.
export class Arrivals {
  constructor() {
    this.waiting = new Map();
  }

  // Resolves with the monotonic time at which the chart has this value.
  wait(index, value, current) {
    if (current === value) return Promise.resolve(process.hrtime.bigint());
    return new Promise((done) => this.waiting.set(index, { value, done }));
  }

  tell(index, value) {
    const waiter = this.waiting.get(index);
    if (waiter?.value !== value) return;
    this.waiting.delete(index);
    waiter.done(process.hrtime.bigint());
  }
}
