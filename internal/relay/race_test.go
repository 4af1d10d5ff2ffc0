//go:build race

package relay

// raceDetector says that the race detector is on. The model has one goroutine at
// a time, and is ten times slower with it.
const raceDetector = true
