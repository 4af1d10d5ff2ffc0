package session_test

import (
	"context"
	"fmt"
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/query"
	"dsync/internal/session"
	"dsync/internal/table"
)

// report adds what one run of do costs to the benchmark's figures, and
// measures it.
func report(b *testing.B, do func(context.Context) error) {
	b.Helper()
	ctx, meter := table.WithMeter(b.Context())
	if err := do(ctx); err != nil {
		b.Fatal(err)
	}
	trips, read, write := meter.RoundTrips, meter.ReadUnits, meter.WriteUnits
	b.ReportAllocs()
	for b.Loop() {
		if err := do(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(trips), "trips")
	b.ReportMetric(read, "RCU")
	b.ReportMetric(write, "WCU")
}

// What the ways to list cost in a directory of 1,000 users and a group of all.
func BenchmarkList(b *testing.B) {
	w := still(b)
	all := w.users(b, many)
	group := w.group(b, "everybody").Meta.ID
	if err := w.patch(b, session.Groups, group, add(all...))(b.Context()); err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct{ name, query string }{
		{"first page", "count=100"},
		{"last page", "startIndex=901&count=100"},
		{"how many", "count=0"},
		{"first page by cursor", "cursor&count=100"},
		{"sorted", "sortBy=userName&count=100"},
		{"key", `filter=userName+eq+"user-7@example.com"`},
		{"key and more", `filter=userName+eq+"user-7@example.com"+and+active+eq+true`},
		{"no key", `filter=displayName+eq+"nobody"`},
		{"members of a group by cursor", `filter=groups+eq+"` + group + `"&cursor&count=100`},
	} {
		b.Run(c.name, func(b *testing.B) {
			q, err := query.Parse(scim.Users, c.query)
			if err != nil {
				b.Fatal(err)
			}
			report(b, func(ctx context.Context) error {
				_, err := w.session.List(ctx, session.Users, q)
				return err
			})
		})
	}
}

// What a whole group costs to read and to replace.
func BenchmarkGroupOf1000(b *testing.B) {
	w := still(b)
	all := w.users(b, many)
	group := w.group(b, "everybody").Meta.ID
	if err := w.patch(b, session.Groups, group, add(all...))(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Run("GET", func(b *testing.B) {
		report(b, func(ctx context.Context) error {
			list, err := w.listMembers(ctx, group)
			if len(list) != many {
				return fmt.Errorf("%d members: %w", len(list), err)
			}
			return err
		})
	})
	b.Run("PUT without change", func(b *testing.B) {
		body := `{"displayName":"everybody","members":[`
		for i, id := range all {
			if i > 0 {
				body += ","
			}
			body += `{"value":"` + id + `"}`
		}
		doc, members := parse(b, session.Groups, body+"]}")
		report(b, func(ctx context.Context) error {
			_, err := w.session.Replace(ctx, session.Groups, group, doc, members, session.Condition{})
			return err
		})
	})
}
