package web

// Badge is a state in words. Its tone chooses its colour and its shape.
type Badge struct{ Tone, Text string }

// Good is the badge of a state that is as it shall be.
func Good(text string) Badge { return Badge{"good", text} }

// Wait is the badge of a state in which somebody waits, or has to look.
func Wait(text string) Badge { return Badge{"wait", text} }

// Bad is the badge of a state that somebody has to fix.
func Bad(text string) Badge { return Badge{"bad", text} }

// Off is the badge of what has ended.
func Off(text string) Badge { return Badge{"off", text} }

// Pager are the links to the pages around a page, "" for none. The newest come first,
// unless Oldest.
type Pager struct {
	Previous, Next string
	Oldest         bool
}

// Crumb is a step of the way to a page.
type Crumb struct{ Name, Path string }
