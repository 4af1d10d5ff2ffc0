package web

import (
	"strconv"
	"time"
)

// Ago says how long ago something was, roughly.
func Ago(at, now time.Time) string {
	if text := Span(now.Sub(at)); text != "" {
		return text + " ago"
	}
	return "just now"
}

// Until says when something will be, roughly.
func Until(at, now time.Time) string {
	if text := Span(at.Sub(now)); text != "" {
		return "in " + text
	}
	return "now"
}

// Span is a duration in its largest unit, "" for less than a minute.
func Span(d time.Duration) string {
	for _, unit := range []struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if n := int(d / unit.of); n == 1 {
			return "1 " + unit.name
		} else if n > 1 {
			return strconv.Itoa(n) + " " + unit.name + "s"
		}
	}
	return ""
}
