// Fails a test file that leaves a server, a socket, a child process or a timer behind. What is left keeps jest from ending, or
// answers in the next file's stead; jest's own search for it (--detectOpenHandles) runs all files in one process and slowly.
const { TestEnvironment } = require('jest-environment-node');

const leakable = new Set(['TCPServerWrap', 'TCPSocketWrap', 'PipeServerWrap', 'ProcessWrap', 'UDPWrap', 'Timeout']);
/** How long a socket whose other end is in this process may take to close. */
const graceMs = 1000;

// Counts only what keeps the process alive: an idle keep-alive socket and a timer that was unref'd do not.
function countHandles() {
  const counts = new Map();
  for (const type of process.getActiveResourcesInfo()) {
    if (leakable.has(type)) counts.set(type, (counts.get(type) ?? 0) + 1);
  }
  return counts;
}

function newHandles(before) {
  return [...countHandles()].filter(([type, count]) => count > (before.get(type) ?? 0)).map(([type]) => type);
}

class LeakCheckingEnvironment extends TestEnvironment {
  async setup() {
    await super.setup();
    this.handlesBefore = countHandles();
  }

  async teardown() {
    const deadline = performance.now() + graceMs;
    let left = newHandles(this.handlesBefore);
    while (left.length > 0 && performance.now() < deadline) {
      await new Promise((resolve) => setImmediate(resolve));
      left = newHandles(this.handlesBefore);
    }
    await super.teardown();
    if (left.length > 0) {
      throw new Error(
        `This test file left open: ${left.join(', ')}. Close what it opened in an afterEach or afterAll.`,
      );
    }
  }
}

module.exports = LeakCheckingEnvironment;
