// Package browser contains only tests. They use the console in a real browser,
// Chromium, against the system on this machine.
//
// Without Chromium the tests are skipped, and in CI they fail. The rules of
// accessibility are those of axe-core, from node_modules.
package browser
