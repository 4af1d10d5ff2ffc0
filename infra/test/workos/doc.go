// Package workos holds no code, only a test: WorkOS's own SDK for Node reads
// and manages a whole machine, and takes in every event that left its bus as a
// webhook. Whoever moves here from WorkOS changes the base URL and no more.
//
// The test plays Entra, and runs one script of this folder after another: each
// gets on its standard input where the machine is and what there must be, and
// its assertions are about what the SDK hands out, not about what was sent.
package workos
