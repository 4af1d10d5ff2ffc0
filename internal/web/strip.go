package web

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Strip draws the requests of each hour as bars, and says in words what they show.
type Strip struct {
	Bars []Bar
	Text string
}

// Bar is an hour of a strip, in the units of its picture.
type Bar struct {
	X, Y, Height int
	Kind         string // "gap" without requests, after the first ones
}

// The picture of a strip.
const (
	barWidth    = 4
	stripHeight = 20
)

// StripOf draws hours. The height of a bar is the logarithm of its requests: a
// restart of provisioning has a thousand times those of a quiet hour.
func StripOf(hours []int64) Strip {
	busy, longest, gap := 0, 0, 0
	most := math.Log1p(float64(max(1, slices.Max(hours))))
	s := Strip{Bars: make([]Bar, len(hours))}
	for i, n := range hours {
		b := Bar{X: i * barWidth, Height: 2}
		switch {
		case n > 0:
			busy++
			gap = 0
			b.Height = 4 + int(math.Round((stripHeight-4)*math.Log1p(float64(n))/most))
		case busy > 0:
			b.Kind = "gap"
			gap++
			longest = max(longest, gap)
		default:
			b.Kind = "none"
		}
		b.Y = stripHeight - b.Height
		s.Bars[i] = b
	}
	switch {
	case busy == 0:
		s.Text = fmt.Sprintf("No request in the last %d hours.", len(hours))
	case longest == 0:
		s.Text = fmt.Sprintf("Requests in %d of the last %d hours, without a gap.", busy, len(hours))
	default:
		s.Text = fmt.Sprintf("Requests in %d of the last %d hours. The longest gap was %s.", busy, len(hours), Span(time.Duration(longest)*time.Hour))
	}
	return s
}
