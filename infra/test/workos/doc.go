// Package workos contains only a test. The WorkOS SDK for Node reads and manages
// a complete machine, and parses every event of its bus as a webhook. A client of
// WorkOS that migrates to this API changes only the base URL.
//
// The test simulates Entra and runs the scripts of this folder in sequence. Each
// script reads the address of the machine and the expected objects from standard
// input. Its assertions check the values that the SDK returns, not the values on
// the wire.
package workos
